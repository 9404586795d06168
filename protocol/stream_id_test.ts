import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isInitiatorStream,
  isUnidirectional,
  makeStreamId,
  MAX_STREAM_COUNT,
  streamSequence,
} from "./stream_id.ts";

Deno.test("makeStreamId() numbers the four kinds 0 to 3, then 4 to 7", () => {
  const ids = [0, 1].flatMap((sequence) =>
    [true, false].flatMap((isInitiator) =>
      [false, true].map((isUnidirectional) =>
        makeStreamId({ sequence, isInitiator, isUnidirectional })
      )
    )
  );
  assert.deepEqual(ids, [0, 1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("makeStreamId() is undone by its readers up to the last identifier", () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat().map((n) => n % MAX_STREAM_COUNT),
      fc.boolean(),
      fc.boolean(),
      (sequence, isInitiator, isUni) => {
        const id = makeStreamId({
          sequence,
          isInitiator,
          isUnidirectional: isUni,
        });
        assert(Number.isSafeInteger(id));
        assert.equal(streamSequence(id), sequence);
        assert.equal(isInitiatorStream(id), isInitiator);
        assert.equal(isUnidirectional(id), isUni);
      },
    ),
  );
  assert.equal(
    makeStreamId({
      sequence: MAX_STREAM_COUNT - 1,
      isInitiator: false,
      isUnidirectional: true,
    }),
    Number.MAX_SAFE_INTEGER,
  );
});

import assert from "node:assert/strict";
import {
  clampRetryAfter,
  decodeReplyFacts,
  encodeReplyFacts,
} from "./reply_extension.ts";

Deno.test("decodeReplyFacts() gives back what encodeReplyFacts() took", () => {
  const spent = { calls: 2, tokens: 300, costMicros: 4 };
  assert.deepEqual(
    decodeReplyFacts(
      encodeReplyFacts({ spent, isNotStarted: true, retryAfterMs: 50 }),
    ),
    { spent, isNotStarted: true, retryAfterMs: 50 },
  );
});

Deno.test("encodeReplyFacts() says nothing about nothing", () => {
  const spent = { calls: 0, tokens: 0, costMicros: 0 };
  assert.deepEqual(encodeReplyFacts({ spent, isNotStarted: false }), []);
  assert.deepEqual(decodeReplyFacts([]), {
    spent: undefined,
    isNotStarted: false,
    retryAfterMs: undefined,
  });
});

Deno.test("decodeReplyFacts() skips what it does not know and what has another size", () => {
  assert.deepEqual(
    decodeReplyFacts([
      { type: 500, value: new Uint8Array(3) },
      { type: 65, value: new Uint8Array(3) },
    ]),
    { spent: undefined, isNotStarted: false, retryAfterMs: undefined },
  );
});

Deno.test("clampRetryAfter() brings any number into a u32", () => {
  assert.deepEqual(
    [undefined, -1, 0.2, NaN, Infinity].map(clampRetryAfter),
    [0, 0, 1, 0, 0xffff_ffff],
  );
});

import assert from "node:assert/strict";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { formatId, MessageIds } from "./message_ids.ts";

Deno.test("MessageIds.nextMessageId() counts up from a random start", () => {
  const ids = new MessageIds(new SeededRandom(1));
  const first = ids.nextMessageId();
  assert.equal(ids.nextMessageId(), first + 1n);
  assert.notEqual(new MessageIds(new SeededRandom(2)).nextMessageId(), first);
});

Deno.test("MessageIds.nextMessageId() leaves out 0 when it wraps around", () => {
  const ids = new MessageIds({
    fillPublic: (into) => into.fill(255),
    fillSecret: () => {},
  });
  assert.equal(ids.nextMessageId(), 2n ** 64n - 1n);
  assert.equal(ids.nextMessageId(), 1n);
});

Deno.test("MessageIds.createTraceId() is never 0", () => {
  const ids = new MessageIds({
    fillPublic: (into) => into.fill(0),
    fillSecret: () => {},
  });
  assert.equal(ids.createTraceId(), 1n);
});

Deno.test("formatId() writes 16 digits", () => {
  assert.equal(formatId(255n), "00000000000000ff");
});

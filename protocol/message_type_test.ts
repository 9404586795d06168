import assert from "node:assert/strict";
import {
  isCustomMessageType,
  isKnownMessageType,
  isReply,
  isValidMessageType,
  MessageType,
  requiresReply,
} from "./message_type.ts";

/** All bytes for which `predicate` holds. */
function bytesWith(predicate: (type: number) => boolean): number[] {
  return Array.from({ length: 256 }, (_, type) => type).filter(predicate);
}

const KNOWN = [1, 2, 3, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0xf0, 0xf1];

Deno.test("MessageType has the eleven numbers of the specification", () => {
  assert.deepEqual(Object.values(MessageType), KNOWN);
});

Deno.test("isKnownMessageType() knows exactly the defined types", () => {
  assert.deepEqual(bytesWith(isKnownMessageType), KNOWN);
});

Deno.test("isCustomMessageType() gives 0x80 to 0xEF to applications", () => {
  const custom = bytesWith(isCustomMessageType);
  assert.deepEqual([custom[0], custom.at(-1), custom.length], [
    0x80,
    0xef,
    112,
  ]);
});

Deno.test("isValidMessageType() holds for known and custom types only", () => {
  assert.deepEqual(
    bytesWith(isValidMessageType),
    bytesWith((type) => isKnownMessageType(type) || isCustomMessageType(type)),
  );
  for (const type of [-1, 256, 0x110, 1.5, NaN]) {
    assert.equal(isValidMessageType(type), false);
  }
});

Deno.test("requiresReply() holds for the requests", () => {
  assert.deepEqual(bytesWith(requiresReply), [1, 2, 3, 0x10, 0x20]);
});

Deno.test("isReply() holds for response, ack and error", () => {
  assert.deepEqual(bytesWith(isReply), [0x11, 0xf0, 0xf1]);
});

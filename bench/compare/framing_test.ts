import assert from "node:assert/strict";
import { Deframer, frame } from "./framing.ts";

Deno.test("Deframer finds the messages, wherever the bytes are cut", () => {
  const messages = [[1, 2, 3], [4], Array.from({ length: 300 }, () => 5)];
  const bytes = messages.flatMap((message) => [
    ...frame(Uint8Array.from(message)),
  ]);
  for (let size = 1; size <= bytes.length; size++) {
    const found: number[][] = [];
    const deframer = new Deframer((message) => found.push([...message]));
    for (let at = 0; at < bytes.length; at += size) {
      deframer.push(Uint8Array.from(bytes.slice(at, at + size)));
    }
    assert.deepEqual(found, messages, `Cut every ${size} bytes`);
  }
});

Deno.test("frame() puts the length first, little-endian", () => {
  assert.deepEqual([...frame(Uint8Array.of(9, 8))], [2, 0, 0, 0, 9, 8]);
});

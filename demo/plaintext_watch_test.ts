import assert from "node:assert/strict";
import { PlaintextWatch } from "./plaintext_watch.ts";

const TEXT = new TextEncoder().encode(
  "The keeper lights the lamp of the lighthouse every evening.",
);

Deno.test("PlaintextWatch.inspect() finds a piece at any offset", () => {
  for (let offset = 0; offset < 40; offset++) {
    const watch = new PlaintextWatch(TEXT);
    const datagram = new Uint8Array(100).fill(1);
    datagram.set(TEXT.subarray(16, 32), offset);
    watch.inspect(datagram);
    assert.equal(watch.foundCount, 1, `offset ${offset}`);
  }
});

Deno.test("PlaintextWatch.inspect() finds nothing in other bytes", () => {
  const watch = new PlaintextWatch(TEXT);
  assert.equal(watch.pieceCount, 3);
  watch.inspect(TEXT.map((byte) => byte ^ 0x55));
  watch.inspect(TEXT.subarray(1, 16));
  watch.inspect(new Uint8Array(0));
  assert.equal(watch.foundCount, 0);
});

Deno.test("PlaintextWatch does not look for padding", () => {
  const watch = new PlaintextWatch(new Uint8Array(64));
  assert.equal(watch.pieceCount, 0);
  watch.inspect(new Uint8Array(64));
  assert.equal(watch.foundCount, 0);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { readU53 } from "./u53.ts";

Deno.test("readU53() reads what a number holds exactly, and -1 for the rest", () => {
  const bytes = new Uint8Array(9);
  const view = new DataView(bytes.buffer);
  const edges = fc.constantFrom(0n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n);
  const all = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(fc.property(fc.oneof(edges, all), (value) => {
    view.setBigUint64(1, value, true);
    const expected = value < 2n ** 53n ? Number(value) : -1;
    assert.equal(readU53(bytes, 1), expected);
  }));
});

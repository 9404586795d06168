import assert from "node:assert/strict";
import fc from "fast-check";
import { isAllZero, isEqualConstantTime, wipe } from "./constant_time.ts";

Deno.test("isEqualConstantTime() agrees with a plain comparison", () => {
  const bytes = fc.uint8Array({ maxLength: 8 });
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert.equal(isEqualConstantTime(a, b), a.toString() === b.toString());
    assert(isEqualConstantTime(a, a.slice()));
  }));
});

Deno.test("isEqualConstantTime() sees every single bit", () => {
  const a = new Uint8Array(32);
  for (let bit = 0; bit < 256; bit++) {
    const b = a.slice();
    b[bit >> 3] = 1 << (bit & 7);
    assert(!isEqualConstantTime(a, b));
    assert(!isAllZero(b));
  }
  assert(isAllZero(a));
});

Deno.test("isEqualConstantTime() tells lengths apart", () => {
  assert(!isEqualConstantTime(new Uint8Array(3), new Uint8Array(4)));
  assert(isEqualConstantTime(new Uint8Array(), new Uint8Array()));
});

Deno.test("wipe() overwrites each buffer and skips what is absent", () => {
  const a = Uint8Array.of(1, 2), b = Uint8Array.of(3);
  wipe(a, undefined, b);
  assert.deepEqual([...a, ...b], [0, 0, 0]);
});

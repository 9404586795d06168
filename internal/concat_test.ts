import assert from "node:assert/strict";
import { concat } from "./concat.ts";

Deno.test("concat() joins any number of parts, empty ones too, into a copy", () => {
  assert.deepEqual(concat(), new Uint8Array());
  const part = Uint8Array.of(1, 2);
  const whole = concat(part, new Uint8Array(), Uint8Array.of(3));
  part.fill(0);
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3));
});

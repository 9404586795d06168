import assert from "node:assert/strict";
import { formatNumber } from "./number_format.ts";

Deno.test("formatNumber() writes three digits", () => {
  const written = [0, 0.4242, 9.994, 9.996, 99.96, 480.4, 9_994, 9_996, 31_234]
    .map(formatNumber);
  assert.deepEqual(written, [
    "0.00",
    "0.42",
    "9.99",
    "10.0",
    "100",
    "480",
    "9994",
    "10.0k",
    "31.2k",
  ]);
  assert.equal(formatNumber(999_499), "999k");
  assert.equal(formatNumber(999_500), "1.00M");
  assert.equal(formatNumber(1_234_567), "1.23M");
});

import assert from "node:assert/strict";
import { Credit, creditIntervalOf, windowOf } from "./credit.ts";

Deno.test("Credit closes with a full window and opens with what was taken", async () => {
  const bytes = 1024 * 1024;
  const credit = new Credit(bytes);
  for (let index = 0; index < windowOf(bytes); index++) {
    assert.ok(credit.isOpen);
    credit.spend();
  }
  assert.ok(!credit.isOpen);
  const opened = credit.opened();
  credit.handleTaken(creditIntervalOf(bytes));
  await opened;
  assert.ok(credit.isOpen);
});

Deno.test("creditIntervalOf() is well within the window of every size", () => {
  for (const bytes of [1, 8, 64, 1_024, 65_536, 1_048_576, 16_777_216]) {
    assert.ok(creditIntervalOf(bytes) >= 1);
    assert.ok(creditIntervalOf(bytes) * 2 <= windowOf(bytes));
  }
});

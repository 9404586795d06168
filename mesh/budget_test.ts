import assert from "node:assert/strict";
import { Budget } from "./budget.ts";
import { CallError } from "./error.ts";

const isExhausted = (error: unknown): boolean =>
  error instanceof CallError && error.code === "RESOURCE_EXHAUSTED";

Deno.test("Budget.spend() takes all amounts or none", () => {
  const budget = new Budget({ calls: 2, tokens: 10 });
  budget.spend({ calls: 1, tokens: 4 });
  assert.throws(() => budget.spend({ calls: 1, tokens: 7 }), isExhausted);
  assert.deepEqual(budget.remaining, { calls: 1, tokens: 6 });
  assert.deepEqual(budget.spent, { calls: 1, tokens: 4, costMicros: 0 });
});

Deno.test("Budget.spend() counts what is not limited", () => {
  const budget = new Budget();
  budget.spend({ costMicros: 5 });
  assert.deepEqual(budget.remaining, {});
  assert.equal(budget.spent.costMicros, 5);
});

Deno.test("Budget.narrow() gives the tighter of both limits", () => {
  const budget = new Budget({ calls: 3, tokens: 100 });
  assert.deepEqual(budget.narrow({ calls: 5, costMicros: 7 }), {
    calls: 3,
    tokens: 100,
    costMicros: 7,
  });
  assert.equal(new Budget().narrow(), undefined);
});

Deno.test("Budget.settle() subtracts what was overspent and stops at zero", () => {
  const budget = new Budget({ tokens: 5 });
  budget.settle({ tokens: 9, calls: 2 });
  assert.deepEqual(budget.remaining, { tokens: 0 });
  assert.equal(budget.spent.calls, 2);
});

Deno.test("Budget refuses amounts that are no whole numbers from 0", () => {
  for (const calls of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => new Budget({ calls }), CallError);
    assert.throws(() => new Budget().spend({ calls }), CallError);
    if (calls !== Infinity) {
      assert.throws(() => new Budget().narrow({ calls }), CallError);
    }
  }
});

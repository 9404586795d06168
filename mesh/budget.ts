/**
 * What a call and everything below it may use up.
 *
 * @module
 */
import { CallError } from "./error.ts";

/** Amounts of a budget; an absent one is unlimited. */
export interface BudgetAmounts {
  /** Calls to other agents, at any depth. */
  readonly calls?: number;
  /** Tokens of language models. */
  readonly tokens?: number;
  /** Money, in millionths of whatever currency the agents agreed on. */
  readonly costMicros?: number;
}

/** The names of the amounts. */
const AMOUNTS = ["calls", "tokens", "costMicros"] as const;

/**
 * A budget that only shrinks. A call takes one from `calls`, hands what is
 * left down with its envelope, and subtracts what the callee reports as spent.
 * Calls that run side by side each see the same remainder: the sum may pass
 * the limit by what they spend at the same time. What a call spent that was given
 * up before its answer nobody reports: the sum may pass the limit by that too.
 */
export class Budget {
  readonly #remaining: { -readonly [Key in keyof BudgetAmounts]: number } = {};
  readonly #spent: Record<typeof AMOUNTS[number], number> = {
    calls: 0,
    tokens: 0,
    costMicros: 0,
  };

  /** @param amounts What may be spent. */
  constructor(amounts: BudgetAmounts = {}) {
    for (const name of AMOUNTS) {
      const amount = amounts[name];
      if (amount === undefined) continue;
      checkAmount(name, amount);
      this.#remaining[name] = amount;
    }
  }

  /** What is left: a copy. */
  get remaining(): BudgetAmounts {
    return { ...this.#remaining };
  }

  /** What was spent so far: a copy. */
  get spent(): Required<BudgetAmounts> {
    return { ...this.#spent };
  }

  /**
   * Spends, or throws and spends nothing.
   *
   * @param amounts How much.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when more is asked for than is
   * left; `INVALID_ARGUMENT` for an amount that is no whole number from 0.
   */
  spend(amounts: BudgetAmounts): void {
    for (const name of AMOUNTS) {
      const amount = amounts[name] ?? 0;
      checkAmount(name, amount);
      const left = this.#remaining[name];
      if (left !== undefined && amount > left) {
        throw new CallError(
          "RESOURCE_EXHAUSTED",
          `Budget: ${amount} ${name} asked for, ${left} left`,
        );
      }
    }
    this.settle(amounts);
  }

  /**
   * Subtracts what a callee reports, which is spent whether it was allowed or
   * not; nothing goes below 0.
   *
   * @param amounts How much.
   */
  settle(amounts: BudgetAmounts): void {
    for (const name of AMOUNTS) {
      const amount = amounts[name] ?? 0;
      const left = this.#remaining[name];
      if (left !== undefined) {
        this.#remaining[name] = Math.max(0, left - amount);
      }
      this.#spent[name] = Math.min(
        Number.MAX_SAFE_INTEGER,
        this.#spent[name] + amount,
      );
    }
  }

  /**
   * The budget of a call below this one.
   *
   * @param limit What the caller of that call allows; the tighter one counts.
   * @returns A budget of its own, or `undefined` when nothing is limited.
   */
  narrow(limit: BudgetAmounts = {}): BudgetAmounts | undefined {
    const amounts: { -readonly [Key in keyof BudgetAmounts]: number } = {};
    for (const name of AMOUNTS) {
      const left = Math.min(
        this.#remaining[name] ?? Infinity,
        limit[name] ?? Infinity,
      );
      if (left === Infinity) continue;
      checkAmount(name, left);
      amounts[name] = left;
    }
    return Object.keys(amounts).length === 0 ? undefined : amounts;
  }
}

/**
 * Checks amounts.
 *
 * @param amounts What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` for one that is no whole number from 0.
 */
export function checkAmounts(amounts: BudgetAmounts): void {
  for (const name of AMOUNTS) {
    const amount = amounts[name];
    if (amount !== undefined) checkAmount(name, amount);
  }
}

function checkAmount(name: string, amount: number): void {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new CallError(
      "INVALID_ARGUMENT",
      `Budget: ${name} must be a whole number from 0, got ${amount}`,
    );
  }
}

/**
 * What calls inside a handler inherit from the call that the handler answers.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { AbortRace } from "./abort.ts";
import { Budget, type BudgetAmounts } from "./budget.ts";
import type { CallTimer } from "./call_timer.ts";

/**
 * The envelope of the call that is being answered.
 *
 * What lives as long as a call is made by classes: object literals that survive
 * a few minor collections are allocated in V8's old generation from then on, and
 * keep what they refer to, a whole call, until the next major one. And it refers
 * to nothing large: the runtime keeps it until the next minor collection after
 * the handler has ended.
 */
export class CallContext {
  /** Trace of the whole tree of calls. */
  readonly traceId: bigint;
  /** Span of the handler: the parent of its calls. */
  readonly spanId: bigint;
  /** Aborted when the caller gave up, vanished, or ran out of time. */
  readonly race: AbortRace;
  /** Knows the remaining time. */
  readonly timer: CallTimer;
  readonly #amounts: BudgetAmounts | undefined;
  #budget: Budget | undefined;

  /**
   * @param traceId Trace of the whole tree of calls.
   * @param spanId Span of the handler.
   * @param race Ends the call.
   * @param timer Its limits.
   * @param amounts What may be spent.
   */
  constructor(
    traceId: bigint,
    spanId: bigint,
    race: AbortRace,
    timer: CallTimer,
    amounts: BudgetAmounts | undefined,
  ) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.race = race;
    this.timer = timer;
    this.#amounts = amounts;
  }

  /** What may still be spent; made when somebody asks. */
  get budget(): Budget {
    return this.#budget ??= new Budget(this.#amounts);
  }

  /** What was spent; nothing when nobody has asked for the budget. */
  get spent(): Required<BudgetAmounts> | undefined {
    return this.#budget?.spent;
  }
}

const storage = new AsyncLocalStorage<CallContext>();

/** The call that the running code answers, if it runs inside a handler. */
export function currentCall(): CallContext | undefined {
  return storage.getStore();
}

/**
 * Runs a handler, or a step of one, so that its calls inherit the envelope.
 *
 * @param context The envelope.
 * @param run What to run.
 * @returns What `run` returns.
 */
export function runInCall<Result>(
  context: CallContext,
  run: () => Result,
): Result {
  return storage.run(context, run);
}

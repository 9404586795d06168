/**
 * What calls inside a handler inherit from the call that the handler answers.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { IdTable } from "../internal/id_table.ts";
import type { TraceContext } from "../protocol/mod.ts";
import type { AbortRace } from "./abort.ts";
import { Budget, type BudgetAmounts } from "./budget.ts";
import type { CallTimer } from "./call_timer.ts";

/**
 * The envelope of the call that is being answered.
 *
 * What lives as long as a call is made by classes: object literals that survive
 * a few minor collections are allocated in V8's old generation from then on, and
 * keep what they refer to, a whole call, until the next major one.
 */
export class CallContext {
  /** Trace of the whole tree of calls. */
  readonly traceId: bigint;
  /** Span of the handler: the parent of its calls. */
  readonly spanId: bigint;
  /** What its calls hand on of the trace. */
  readonly traceContext: TraceContext | undefined;
  /** Aborted when the caller gave up, vanished, or ran out of time. */
  readonly race: AbortRace;
  /** Knows the remaining time. */
  readonly timer: CallTimer;
  readonly #number: number;
  readonly #amounts: BudgetAmounts | undefined;
  #budget: Budget | undefined;

  /**
   * Begins a call; {@linkcode CallContext.end} must follow.
   *
   * @param traceId Trace of the whole tree of calls.
   * @param spanId Span of the handler.
   * @param traceContext What its calls hand on of the trace.
   * @param race Ends the call.
   * @param timer Its limits.
   * @param amounts What may be spent.
   */
  constructor(
    traceId: bigint,
    spanId: bigint,
    traceContext: TraceContext | undefined,
    race: AbortRace,
    timer: CallTimer,
    amounts: BudgetAmounts | undefined,
  ) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.traceContext = traceContext;
    this.race = race;
    this.timer = timer;
    this.#amounts = amounts;
    this.#number = takeNumber();
    calls.set(this.#number, this);
  }

  /** What may still be spent; made when somebody asks. */
  get budget(): Budget {
    return this.#budget ??= new Budget(this.#amounts);
  }

  /**
   * Runs a handler, or a step of one, so that its calls inherit the envelope.
   *
   * @param run What to run.
   * @returns What `run` returns.
   */
  run<Result>(run: () => Result): Result {
    return storage.run(this.#number, run);
  }

  /** The handler is over: what it left running belongs to no call any more. */
  end(): void {
    calls.delete(this.#number);
  }

  /** What was spent; nothing when nobody has asked for the budget. */
  get spent(): Required<BudgetAmounts> | undefined {
    return this.#budget?.spent;
  }
}

/**
 * The runtime keeps a stored value until the next minor collection, however short
 * the call was. A number keeps nothing alive, and is cheap to collect: with the
 * context itself in it, pauses were five times as long.
 */
const storage = new AsyncLocalStorage<number>();
const calls = new IdTable<CallContext>();

/** Above, a number would be an object of its own to V8. */
const MAX_NUMBER = 0x3fff_ffff;
let lastNumber = 0;

function takeNumber(): number {
  do lastNumber = (lastNumber + 1) & MAX_NUMBER; while (
    calls.get(lastNumber) !== undefined
  );
  return lastNumber;
}

/** The call that the running code answers, if it runs inside a handler. */
export function currentCall(): CallContext | undefined {
  const number = storage.getStore();
  return number === undefined ? undefined : calls.get(number);
}

const specimen = new CallContext(
  0n,
  0n,
  undefined,
  undefined as never,
  undefined as never,
  undefined,
);
specimen.end();
keepHiddenClass(specimen);

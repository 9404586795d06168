/**
 * What calls inside a handler inherit from the call that the handler answers.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { AbortRace } from "./abort.ts";
import type { Budget } from "./budget.ts";
import type { CallTimer } from "./call_timer.ts";

/**
 * The envelope of the call that is being answered: the call itself.
 *
 * What lives as long as a call is made by classes: object literals that survive
 * a few minor collections are allocated in V8's old generation from then on, and
 * keep what they refer to, a whole call, until the next major one.
 */
export interface CallContext {
  /** Trace of the whole tree of calls. */
  readonly traceId: bigint;
  /** Span of the handler: the parent of its calls. */
  readonly spanId: bigint;
  /** Aborted when the caller gave up, vanished, or ran out of time. */
  readonly race: AbortRace;
  /** Knows the remaining time. */
  readonly timer: CallTimer;
  /** What may still be spent. */
  readonly budget: Budget;
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

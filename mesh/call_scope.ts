/**
 * One call at its caller: limits, cancellation, envelope and span.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { Instant } from "../internal/instant.ts";
import type { TimerQueue } from "../internal/timer_queue.ts";
import type { Envelope } from "../protocol/mod.ts";
import { AbortRace, followSignal } from "./abort.ts";
import type { BudgetAmounts } from "./budget.ts";
import { type CallContext, currentCall } from "./call_context.ts";
import type { RequestOptions } from "./call_options.ts";
import { CallTimer, type TimedCall, type TimeLimit } from "./call_timer.ts";
import { CallError } from "./error.ts";
import { toAbortReason, toCallFailure } from "./failure.ts";
import type { MessageChannel } from "./message_channel.ts";
import { StatusCode, type StatusName } from "./status_code.ts";
import type { OpenSpan, Tracing } from "./tracing.ts";

/** An envelope to which more can be added. */
export type WritableEnvelope = {
  -readonly [Key in keyof Envelope]: Envelope[Key];
};

/** What a {@linkcode CallScope} is made from. */
export interface CallScopeOptions {
  /** The clock. */
  readonly clock: TimerQueue;
  /** Opens its span. */
  readonly tracing: Tracing;
  /** The method that is called. */
  readonly method: string;
  /** The capability that is asked for, if one is. */
  readonly capability: string | undefined;
  /** What the caller said. */
  readonly options: RequestOptions;
  /** Total limit when the caller names none, in milliseconds. */
  readonly defaultTimeoutMs?: number | undefined;
  /** Idle limit when the caller names none, in milliseconds. */
  readonly defaultIdleTimeoutMs?: number | undefined;
}

/**
 * Follows one call from its start to its end. Inside a handler it inherits:
 * it ends with the handler's call, spends the handler's budget and belongs to
 * the handler's span.
 */
export class CallScope implements TimedCall {
  /** What the caller waits with. */
  readonly race: AbortRace = new AbortRace();
  /** When it began. */
  readonly startedAt: Instant;
  /** The limits. */
  readonly timer: CallTimer;
  /** The span; its id is the id of the request message. */
  readonly span: OpenSpan;
  readonly #method: string;
  readonly #capability: string | undefined;
  readonly #options: RequestOptions;
  readonly #totalMs: number;
  readonly #idleTimeoutMs: number | undefined;
  readonly #parent: CallContext | undefined;
  #unfollowSignal: (() => void) | undefined;
  #unfollowParent: (() => void) | undefined;
  readonly #budget: BudgetAmounts | undefined;
  #channel: MessageChannel | undefined;
  #peer = "";
  #sentBefore = 0;
  #receivedBefore = 0;
  #obstacle = "";
  #hasEnded = false;

  /**
   * Starts limits and span.
   *
   * @param options The call.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when the handler's budget has no
   * call left; `INVALID_ARGUMENT` for a wrong budget inside a handler.
   */
  constructor(options: CallScopeOptions) {
    // Not what holds them: it would live as long as the call.
    this.#method = options.method;
    this.#capability = options.capability;
    this.#options = options.options;
    const { timeoutMs, idleTimeoutMs, signal, budget } = options.options;
    const parent = currentCall();
    this.#parent = parent;
    parent?.budget.spend({ calls: 1 });
    this.#budget = parent === undefined ? budget : parent.budget.narrow(budget);
    this.#totalMs = Math.min(
      timeoutMs ?? options.defaultTimeoutMs ?? Infinity,
      parent?.timer.remainingMs ?? Infinity,
    );
    this.#idleTimeoutMs = idleTimeoutMs ?? options.defaultIdleTimeoutMs;
    this.span = options.tracing.open({
      name: options.method,
      kind: "client",
      traceId: parent?.traceId,
      parentSpanId: parent?.spanId,
      traceContext: parent?.traceContext,
    });
    this.startedAt = options.clock.now();
    this.timer = new CallTimer(
      options.clock,
      { totalMs: this.#totalMs, idleMs: this.#idleTimeoutMs },
      this,
      this.startedAt,
    );
    if (signal !== undefined || parent !== undefined) {
      this.#follow(signal, parent);
    }
  }

  #follow(
    signal: AbortSignal | undefined,
    parent: CallContext | undefined,
  ): void {
    const abort = (reason: unknown): void => this.abort(reason);
    if (signal !== undefined) {
      this.#unfollowSignal = followSignal(signal, abort);
    }
    this.#unfollowParent = parent?.race.onAbort(abort);
  }

  /** Whether the call was given up at this end. */
  get isAborted(): boolean {
    return this.race.isAborted;
  }

  /** Whether the request was given to a stream. */
  get isSent(): boolean {
    return this.#channel !== undefined;
  }

  /** What is to be said about the call in errors. */
  get facts(): { method: string; capability: string | undefined } {
    return { method: this.#method, capability: this.#capability };
  }

  /**
   * Makes an envelope, in which the time shrinks.
   *
   * @param now The time.
   * @returns The envelope, the caller's own.
   */
  createEnvelope(now: Instant): WritableEnvelope {
    const envelope: WritableEnvelope = {};
    const remainingMs = this.timer.remainingAt(now);
    if (remainingMs !== undefined) envelope.deadlineMs = Math.ceil(remainingMs);
    if (this.#idleTimeoutMs !== undefined) {
      envelope.idleTimeoutMs = Math.ceil(this.#idleTimeoutMs);
    }
    if (this.#parent !== undefined) {
      envelope.parentSpanId = this.#parent.spanId;
    }
    const { traceContext } = this.span;
    if (traceContext !== undefined) envelope.traceContext = traceContext;
    if (this.#budget !== undefined) envelope.budget = this.#budget;
    if (this.#capability !== undefined) envelope.capability = this.#capability;
    const { metadata, isIdempotent } = this.#options;
    if (metadata !== undefined) envelope.metadata = metadata;
    if (isIdempotent === true) envelope.isIdempotent = true;
    return envelope;
  }

  /**
   * Gives the call up: whatever waits for it rejects, and the callee is told.
   *
   * @param reason What the caller gets.
   */
  abort(reason: unknown): void {
    if (this.#hasEnded || this.isAborted) return;
    const legible = toAbortReason(reason);
    this.#channel?.cancel(abortCode(legible));
    this.race.abort(legible);
  }

  /**
   * Waits for something at this end: for the idle limit that is no progress.
   *
   * @param promise What for; it hears of an abort by itself.
   * @param obstacle What keeps the call, for who hears that its time is over.
   * @returns What the promise resolves with.
   */
  async waitFor<Result>(
    promise: Promise<Result>,
    obstacle: string,
  ): Promise<Result> {
    this.#obstacle = `: ${obstacle}`;
    this.timer.wait();
    try {
      return await promise;
    } finally {
      this.#obstacle = "";
      this.timer.progress();
    }
  }

  /**
   * Takes the stream of an attempt, so that giving up reaches the callee.
   *
   * @param channel The stream.
   * @param peer Who is at its other end.
   */
  attach(channel: MessageChannel, peer: string): void {
    this.#countBytes();
    this.#channel = channel;
    this.#peer = peer;
    if (this.isAborted) channel.cancel(abortCode(this.race.reason));
  }

  /**
   * Takes off the handler's budget what the callee spent.
   *
   * @param spent What it reported.
   */
  settle(spent: BudgetAmounts | undefined): void {
    if (spent !== undefined) this.#parent?.budget.settle(spent);
  }

  /**
   * Ends the call.
   *
   * @param thrown What went wrong; nothing when it succeeded.
   * @returns What the caller gets for it.
   */
  end(thrown?: unknown): unknown {
    const failure = thrown === undefined
      ? undefined
      : toCallFailure(thrown, this.facts);
    if (this.#hasEnded) return failure;
    this.#hasEnded = true;
    this.timer.stop();
    this.#unfollowSignal?.();
    this.#unfollowParent?.();
    this.#countBytes();
    if (!this.span.isObserved) return failure;
    this.span.end({
      status: statusOf(failure, this.isAborted),
      peer: this.#peer,
      bytesSent: this.#sentBefore,
      bytesReceived: this.#receivedBefore,
    });
    return failure;
  }

  #countBytes(): void {
    this.#sentBefore += this.#channel?.bytesSent ?? 0;
    this.#receivedBefore += this.#channel?.bytesReceived ?? 0;
  }

  /** A limit is reached: for the timer. */
  handleTimeLimit(limit: TimeLimit): void {
    const detail = limit === "total"
      ? `not finished within ${Math.ceil(this.#totalMs)} ms`
      : `no progress within ${this.#idleTimeoutMs} ms`;
    this.abort(
      new CallError(
        "DEADLINE_EXCEEDED",
        `Call of ${this.#method}: ${detail}${this.#obstacle}`,
        this.facts,
      ),
    );
  }
}

keepHiddenClass(
  new CallScope({
    clock: { now: () => 0.5 } as TimerQueue,
    tracing: { open: () => undefined } as unknown as Tracing,
    method: "",
    capability: undefined,
    options: {},
  }),
);

function abortCode(reason: unknown): number {
  return reason instanceof CallError && reason.code === "DEADLINE_EXCEEDED"
    ? StatusCode.DEADLINE_EXCEEDED
    : StatusCode.CANCELLED;
}

function statusOf(failure: unknown, isAborted: boolean): StatusName {
  if (failure === undefined) return "OK";
  if (!(failure instanceof CallError)) {
    return isAborted ? "CANCELLED" : "INVALID_ARGUMENT";
  }
  return failure.code === "CONNECTION_LOST" ? "UNAVAILABLE" : failure.code;
}

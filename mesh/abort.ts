/**
 * Waiting that an abort ends.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";

/** Something that an abort ends. */
export interface AbortListener {
  /**
   * Called once, when it is aborted. Must not throw.
   *
   * @param reason What it was aborted with.
   */
  handleAbort(reason: unknown): void;
}

/**
 * Lets promises lose against an abort. Unlike `Promise.race` with a promise
 * that lives as long as the call, it leaves nothing behind for each chunk of a
 * long stream.
 */
export class AbortRace {
  /** The one that waits; the others, if there are any. Most calls have one. */
  #first: AbortListener | undefined;
  #others: Set<AbortListener> | undefined;
  #controller: AbortController | undefined;
  #isAborted = false;
  #reason: unknown;

  /**
   * Fires when {@linkcode AbortRace.abort} is called first. It is made when it
   * is asked for: most calls end without anybody asking.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Whether it has fired. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** What it was aborted with. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Throws what it was aborted with, if it was. */
  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }

  /**
   * Has a listener called when it is aborted, at once when it has been already.
   *
   * @param listener Whom to call.
   */
  add(listener: AbortListener): void {
    if (this.#isAborted) listener.handleAbort(this.#reason);
    else if (this.#first === undefined) this.#first = listener;
    else (this.#others ??= new Set()).add(listener);
  }

  /** @param listener Who is not to be called any more. */
  delete(listener: AbortListener): void {
    if (this.#first === listener) this.#first = undefined;
    else this.#others?.delete(listener);
  }

  /**
   * As {@linkcode AbortRace.add}, for a function.
   *
   * @param handleAbort Called with the reason. Must not throw.
   * @returns Takes it away.
   */
  onAbort(handleAbort: (reason: unknown) => void): () => void {
    const listener = { handleAbort };
    this.add(listener);
    return () => this.delete(listener);
  }

  /**
   * Rejects everything that waits, and whatever will.
   *
   * @param reason What they are rejected with; only the first one counts.
   */
  abort(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    // Waiters first: listeners of the signal may throw errors of their own.
    const first = this.#first;
    const others = this.#others;
    this.#first = this.#others = undefined;
    first?.handleAbort(reason);
    for (const listener of others ?? []) listener.handleAbort(reason);
    this.#controller?.abort(reason);
  }

  /**
   * Waits for a promise or for the abort, whichever comes first.
   *
   * @param promise What to wait for; its own end is ignored after an abort.
   * @returns What it resolves with.
   */
  race<Result>(promise: PromiseLike<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#isAborted) {
        promise.then(undefined, () => {});
        reject(this.#reason);
        return;
      }
      const listener = { handleAbort: reject };
      this.add(listener);
      promise.then((result) => {
        this.delete(listener);
        resolve(result);
      }, (error) => {
        this.delete(listener);
        reject(error);
      });
    });
  }
}

/**
 * Ties an abort to a signal.
 *
 * @param signal The signal; nothing happens when absent.
 * @param onAbort Called at once when it has fired already.
 * @returns Unties it.
 */
export function followSignal(
  signal: AbortSignal | undefined,
  onAbort: (reason: unknown) => void,
): () => void {
  if (signal === undefined) return () => {};
  const listener = (): void => onAbort(signal.reason);
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** What aborts a {@linkcode LimitedRace}. */
export interface LimitedRaceOptions {
  /** The clock. */
  readonly clock: Clock;
  /** Time until it is aborted, in milliseconds. */
  readonly timeoutMs: number;
  /** Makes what it is aborted with then: an error costs its stack trace. */
  readonly late: () => unknown;
  /** Aborts it with its own reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An {@linkcode AbortRace} that a time limit and a signal abort. */
export class LimitedRace extends AbortRace {
  readonly #cancelTimer: () => void;
  readonly #unfollow: () => void;
  #isLate = false;

  /** @param options What aborts it. */
  constructor(options: LimitedRaceOptions) {
    super();
    const { clock, timeoutMs, late, signal } = options;
    this.#cancelTimer = clock.schedule(timeoutMs, () => {
      if (this.isAborted) return;
      this.#isLate = true;
      this.abort(late());
    });
    this.#unfollow = followSignal(signal, (reason) => this.abort(reason));
  }

  /** Whether it was the time limit that aborted it. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Takes timer and listener away. */
  end(): void {
    this.#cancelTimer();
    this.#unfollow();
  }
}

keepHiddenClass(
  new LimitedRace({
    clock: { now: () => 0, schedule: () => () => {} },
    timeoutMs: 0,
    late: () => undefined,
    signal: undefined,
  }),
);

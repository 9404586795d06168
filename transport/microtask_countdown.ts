/**
 * A task that waits for a few microtasks, so that what others do in them is
 * there when it runs.
 *
 * @module
 */

/** A reaction to it is a microtask, for less than `queueMicrotask` in Deno. */
const SETTLED: Promise<void> = Promise.resolve();

/** Runs its task once a planned number of microtasks has gone by. */
export class MicrotaskCountdown {
  readonly #task: () => void;
  readonly #step = (): void => this.#countDown();
  /** Queues the first of the microtasks. */
  #begin: () => void = () => {};
  /** Microtasks until the task runs; 0 when nothing is planned. */
  #stepsLeft = 0;

  /**
   * Starts with nothing planned.
   *
   * @param task What to run, always in the asynchronous context of this call;
   * must not throw.
   */
  constructor(task: () => void) {
    this.#task = task;
    this.#prepare();
  }

  /** Whether the task is going to run. */
  get isPlanned(): boolean {
    return this.#stepsLeft > 0;
  }

  /**
   * Runs the task after a number of microtasks, or later if that was planned
   * already.
   *
   * @param microtaskCount How many, at least 1.
   */
  plan(microtaskCount: number): void {
    const { isPlanned } = this;
    this.#stepsLeft = Math.max(this.#stepsLeft, microtaskCount);
    if (!isPlanned) this.#begin();
  }

  /**
   * Makes ready for a plan. A reaction runs in the asynchronous context in
   * which it was attached: attached here, and not when somebody plans, the task
   * never runs in the context of whoever happened to plan last, and no context
   * keeps the one before it in memory.
   */
  #prepare(): void {
    new Promise<void>((resolve) => {
      this.#begin = resolve;
    }).then(this.#step);
  }

  #countDown(): void {
    if (--this.#stepsLeft > 0) {
      SETTLED.then(this.#step);
      return;
    }
    this.#prepare();
    this.#task();
  }
}

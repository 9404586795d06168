/**
 * A call that waits for its answer.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { Message } from "../protocol/mod.ts";
import type { MessageListener } from "./message_channel.ts";

/** What becomes of a call whose answer has come, or will not. */
export interface AnswerTaker<Call, Answer> {
  /**
   * Takes the first message of the answer, and ends the call.
   *
   * @param call The call.
   * @param message The message; `undefined` when the callee ended without one.
   * @returns The answer, or a promise of it when somebody else is asked.
   * @throws What the caller gets.
   */
  take(call: Call, message: Message | undefined): Answer | Promise<Answer>;
  /**
   * Takes the reason for which there is no answer.
   *
   * @param call The call.
   * @param reason Why.
   * @returns A promise of the answer, when somebody else is asked, or of the
   * error that the caller gets.
   */
  fail(call: Call, reason: unknown): Promise<Answer>;
}

/**
 * Settles the promise of a call as soon as its answer is there. An object where an
 * asynchronous function would read better: every call makes one, and the function
 * would cost it two promises and a turn.
 */
export class AnswerWaiter<Call, Answer> implements MessageListener {
  readonly #taker: AnswerTaker<Call, Answer>;
  /** The call. */
  readonly call: Call;
  readonly #resolve: (answer: Answer | Promise<Answer>) => void;
  readonly #reject: (reason: unknown) => void;

  /**
   * @param taker Knows what to do.
   * @param call The call.
   * @param resolve Settles its promise.
   * @param reject Settles it otherwise.
   */
  constructor(
    taker: AnswerTaker<Call, Answer>,
    call: Call,
    resolve: (answer: Answer | Promise<Answer>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#taker = taker;
    this.call = call;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The first message is there, or the callee ended without one. */
  resolve(message: Message | undefined): void {
    try {
      this.#resolve(this.#taker.take(this.call, message));
    } catch (error) {
      this.#reject(error);
    }
  }

  /**
   * Leaves the call to somebody else.
   *
   * @param answer What that gives.
   */
  settle(answer: Promise<Answer>): void {
    this.#resolve(answer);
  }

  /** There will be none. */
  reject(reason: unknown): void {
    this.#resolve(this.#taker.fail(this.call, reason));
  }
}

keepHiddenClass(
  new AnswerWaiter(undefined as never, undefined, () => {}, () => {}),
);

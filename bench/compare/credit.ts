/**
 * Credit for senders that nothing else holds back: a broker drops what a slow
 * subscriber leaves lying, so the subscriber says how far it is.
 *
 * @module
 */

/** Bytes under way between a publisher and its subscriber. */
const WINDOW_BYTES: number = 4 * 1024 * 1024;

/** Most messages under way: a thousandth of a second's worth is not enough. */
const WINDOW_MESSAGES = 4_096;

/** How many messages of a size may be under way. */
export function windowOf(bytes: number): number {
  return Math.max(
    4,
    Math.min(WINDOW_MESSAGES, Math.floor(WINDOW_BYTES / bytes)),
  );
}

/**
 * After how many messages the subscriber says how far it is.
 *
 * @param bytes Size of a message.
 * @returns A quarter of the window.
 */
export function creditIntervalOf(bytes: number): number {
  return windowOf(bytes) >> 2;
}

/** What the publisher may still send. */
export class Credit {
  readonly #window: number;
  #sentCount = 0;
  #takenCount = 0;
  #wake: (() => void) | undefined;

  /** @param bytes Size of the messages. */
  constructor(bytes: number) {
    this.#window = windowOf(bytes);
  }

  /** @param count How many messages the subscriber has taken in all. */
  handleTaken(count: number): void {
    this.#takenCount = count;
    this.#wake?.();
  }

  /** Counts a message that is about to be sent. */
  spend(): void {
    this.#sentCount++;
  }

  /** Whether the next message may be sent. */
  get isOpen(): boolean {
    return this.#sentCount - this.#takenCount < this.#window;
  }

  /** Resolves when the next message may be sent. */
  async opened(): Promise<void> {
    while (!this.isOpen) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

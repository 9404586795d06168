/**
 * How often each key has a node write to its registry, and whose turn it is.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { TokenBucket } from "../internal/token_bucket.ts";
import { scheduleFairTurn } from "../transport/mod.ts";
import { REGISTRATION_BURST, REGISTRATIONS_PER_SECOND } from "./node_config.ts";
import { SendingTurns } from "./sending_turns.ts";

/**
 * Writes in a turn of the event loop: each one waits for the disk, a quarter of a
 * millisecond for a quick one. With one in each, those of thousands of agents that
 * come at once would take three times as long.
 */
const WRITES_PER_TURN = 4;

/**
 * Those of the process, which has one event loop. Apart from `SENDING_TURNS`: events
 * do not wait behind thousands of writes.
 */
const TURNS = new SendingTurns(scheduleFairTurn, WRITES_PER_TURN);

/** What is kept of a key. */
interface WritingKey {
  readonly registrations: TokenBucket;
  /** When its last write has its turn. */
  lastTurn: Promise<void> | undefined;
  /** How many of its writes wait. */
  waitingCount: number;
}

/**
 * What the keys have written, however many connections prove them, at the same time
 * or one after the other.
 */
export class RegistryWrites {
  readonly #keys = new Map<string, WritingKey>();
  readonly #turns: SendingTurns;

  /** @param turns Gives a turn to each write. */
  constructor(turns: SendingTurns = TURNS) {
    this.#turns = turns;
  }

  /** How many keys something is kept of. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * Counts a registration.
   *
   * @param keyText The key.
   * @param now The time.
   * @returns Whether it is taken.
   */
  takeRegistration(keyText: string, now: Instant): boolean {
    return this.#entryOf(keyText).registrations.take(now);
  }

  /**
   * Asks before something is written. Many writes at once do not keep the event loop
   * for longer than a few of them, and one of each key is due before the next of any.
   *
   * @param keyText The key.
   * @returns Resolves when it may be: for each key in the order in which it was asked.
   */
  async turn(keyText: string): Promise<void> {
    const entry = this.#entryOf(keyText);
    entry.waitingCount++;
    entry.lastTurn = this.#takeTurn(entry.lastTurn);
    await entry.lastTurn;
    entry.waitingCount--;
  }

  /**
   * Forgets the keys of which nothing waits, and that have rested for so long that
   * it makes no difference.
   *
   * @param now The time.
   */
  sweep(now: Instant): void {
    for (const [keyText, entry] of this.#keys) {
      if (entry.waitingCount === 0 && entry.registrations.isFull(now)) {
        this.#keys.delete(keyText);
      }
    }
  }

  /** Not before the last one of the key had its turn: so others come in between. */
  async #takeTurn(last: Promise<void> | undefined): Promise<void> {
    await last;
    await this.#turns.take(1);
  }

  #entryOf(keyText: string): WritingKey {
    let entry = this.#keys.get(keyText);
    if (entry === undefined) {
      entry = {
        registrations: new TokenBucket(
          REGISTRATION_BURST,
          REGISTRATIONS_PER_SECOND,
        ),
        lastTurn: undefined,
        waitingCount: 0,
      };
      this.#keys.set(keyText, entry);
    }
    return entry;
  }
}

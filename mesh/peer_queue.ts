/**
 * Whose connection is made next.
 *
 * @module
 */
import type { Deferred } from "../internal/deferred.ts";

/** Who waits for a turn. */
export type Waiting<Turn> = Pick<Deferred<Turn>, "resolve" | "reject">;

/**
 * Calls that wait, by the peer that they wait for: what one of them waits for does for
 * all of the same peer. The peer that was waited for first comes first.
 *
 * @typeParam Turn What they are given.
 */
export class PeerQueue<Turn> {
  readonly #byKey = new Map<string, Set<Waiting<Turn>>>();
  #count = 0;

  /** How many wait, over all peers. */
  get count(): number {
    return this.#count;
  }

  /** @param key The peer that may be waited for. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /**
   * Has somebody wait.
   *
   * @param key For whom.
   * @param waiting Who.
   */
  add(key: string, waiting: Waiting<Turn>): void {
    let ofPeer = this.#byKey.get(key);
    if (ofPeer === undefined) this.#byKey.set(key, ofPeer = new Set());
    ofPeer.add(waiting);
    this.#count++;
  }

  /**
   * Somebody has given up.
   *
   * @param key For whom it waited.
   * @param waiting Who.
   * @returns Whether it still waited.
   */
  delete(key: string, waiting: Waiting<Turn>): boolean {
    const ofPeer = this.#byKey.get(key);
    if (ofPeer?.delete(waiting) !== true) return false;
    if (ofPeer.size === 0) this.#byKey.delete(key);
    this.#count--;
    return true;
  }

  /**
   * Takes those out whose turn it is.
   *
   * @returns Their peer, and all who wait for it; `undefined` when nobody waits.
   */
  shift(): { key: string; waiting: Set<Waiting<Turn>> } | undefined {
    for (const [key, waiting] of this.#byKey) {
      this.#byKey.delete(key);
      this.#count -= waiting.size;
      return { key, waiting };
    }
    return undefined;
  }

  /**
   * Nobody's turn comes any more.
   *
   * @param reason What all who wait are told.
   */
  clear(reason: unknown): void {
    for (const waiting of this.#byKey.values()) {
      for (const { reject } of waiting) reject(reason);
    }
    this.#byKey.clear();
    this.#count = 0;
  }
}

/**
 * How many connections the owner of each static key has.
 *
 * @module
 */

/**
 * Counts owners of keys.
 *
 * @typeParam T What each has one key of.
 */
export class KeyCounts<T> {
  readonly #maxCount: number;
  readonly #keyOf = new Map<T, string>();
  readonly #counts = new Map<string, number>();

  /** @param maxCount How many one key may have. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /**
   * Counts one more, once.
   *
   * @param member What has the key.
   * @param key 32 bytes.
   * @returns `false` for the first one too many, which is not counted.
   */
  add(member: T, key: Uint8Array): boolean {
    if (this.#keyOf.has(member)) return true;
    const name = String.fromCharCode(...key);
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#maxCount) return false;
    this.#keyOf.set(member, name);
    this.#counts.set(name, count + 1);
    return true;
  }

  /**
   * One is gone.
   *
   * @param member What had the key; others change nothing.
   */
  delete(member: T): void {
    const name = this.#keyOf.get(member);
    if (name === undefined) return;
    this.#keyOf.delete(member);
    const count = this.#counts.get(name)!;
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
  }
}

/**
 * What is counted for a key, however many connections prove it.
 *
 * @module
 */

/** What is kept of one key. */
export interface KeyEntry {
  /** The key, for the table. */
  readonly keyText: string;
  /** How often it is held; for {@linkcode KeyTable}. */
  holderCount: number;
}

/**
 * Finds what is kept of a key, as long as it is held.
 *
 * @typeParam Entry What is kept.
 */
export class KeyTable<Entry extends KeyEntry> {
  readonly #create: (keyText: string) => Entry;
  readonly #entries = new Map<string, Entry>();

  /** @param create Makes the entry of a key that has none, held by nobody. */
  constructor(create: (keyText: string) => Entry) {
    this.#create = create;
  }

  /** How many keys have an entry. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Holds the entry of a key, which is made if there is none.
   *
   * @param publicKey The key; borrowed.
   * @returns The entry; to be released.
   */
  take(publicKey: Uint8Array): Entry {
    const keyText = String.fromCharCode(...publicKey);
    let entry = this.#entries.get(keyText);
    if (entry === undefined) {
      entry = this.#create(keyText);
      this.#entries.set(keyText, entry);
    }
    this.hold(entry);
    return entry;
  }

  /**
   * Holds an entry once more.
   *
   * @param entry An entry that is held; to be released once more.
   */
  hold(entry: Entry): void {
    entry.holderCount++;
  }

  /**
   * Gives an entry back; it is forgotten when nobody else holds it.
   *
   * @param entry An entry that was held.
   */
  release(entry: Entry): void {
    entry.holderCount--;
    if (entry.holderCount === 0) this.#entries.delete(entry.keyText);
  }
}

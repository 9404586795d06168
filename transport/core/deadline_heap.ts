/**
 * The earliest of many deadlines, each of which moves often.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";

interface Entry<Owner> {
  at: Instant;
  readonly owner: Owner;
  index: number;
}

/**
 * A binary heap with one deadline per owner. Moving a deadline costs the
 * logarithm of the number of owners, reading the earliest one nothing.
 *
 * @typeParam Owner Who the deadline belongs to, compared by identity.
 */
export class DeadlineHeap<Owner> {
  readonly #heap: Entry<Owner>[] = [];
  readonly #entries = new Map<Owner, Entry<Owner>>();

  /** The earliest deadline, if any. */
  get earliest(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /**
   * Sets or moves the deadline of an owner.
   *
   * @param owner Whose deadline.
   * @param at When; `undefined` removes it.
   */
  set(owner: Owner, at: Instant | undefined): void {
    const entry = this.#entries.get(owner);
    if (at === undefined) {
      if (entry !== undefined) this.#remove(entry);
    } else if (entry === undefined) {
      const added = { at, owner, index: this.#heap.length };
      this.#entries.set(owner, added);
      this.#heap.push(added);
      this.#rise(added);
    } else if (entry.at !== at) {
      const isEarlier = at < entry.at;
      entry.at = at;
      if (isEarlier) this.#rise(entry);
      else this.#sink(entry);
    }
  }

  /**
   * Takes out an owner whose deadline has come.
   *
   * @param now The time.
   * @returns The owner with the earliest deadline, if that is not after `now`.
   */
  popExpired(now: Instant): Owner | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.#remove(first);
    return first.owner;
  }

  #remove(entry: Entry<Owner>): void {
    this.#entries.delete(entry.owner);
    const last = this.#heap.pop()!;
    if (last === entry) return;
    last.index = entry.index;
    this.#heap[entry.index] = last;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry<Owner>): void {
    const heap = this.#heap;
    while (entry.index > 0) {
      const parent = heap[(entry.index - 1) >>> 1]!;
      if (parent.at <= entry.at) return;
      this.#swap(parent, entry);
    }
  }

  #sink(entry: Entry<Owner>): void {
    const heap = this.#heap;
    for (;;) {
      const left = heap[2 * entry.index + 1];
      const right = heap[2 * entry.index + 2];
      const child =
        right !== undefined && left !== undefined && right.at < left.at
          ? right
          : left;
      if (child === undefined || child.at >= entry.at) return;
      this.#swap(entry, child);
    }
  }

  #swap(a: Entry<Owner>, b: Entry<Owner>): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }
}

/**
 * Who waits for something of which there is not enough for all.
 *
 * @module
 */

/** Up to this length, those who have left are not cleared away. */
const MIN_TIDIED_LENGTH = 64;

/**
 * While the newest comes first, every so many turns one is the oldest's: nobody waits
 * for ever, and it costs little where it is too late for the oldest.
 */
const TURNS_PER_OLDEST = 8;

/** Who can wait in a {@linkcode WaitingLine}, one at a time. */
export interface LineMember {
  /** Where it is in the line, which alone changes it; -1 when it does not wait. */
  lineIndex: number;
}

/**
 * A line of those who wait, of whom the oldest comes first. Where more is asked for
 * than there is, that serves nobody: each has waited until it is nearly too late for
 * it. Whoever learns that has the newest come first until nobody waits any more; the
 * others leave by themselves. All of it takes constant time, on average.
 *
 * An array, and no `Map` by member: V8's have each table refer to the one that takes
 * its place, so that of many who come and go, all of them outlive minor collections
 * as soon as one table did, with what they refer to.
 *
 * @typeParam Member Who waits, no more than once.
 * @typeParam Value What it waits with.
 */
export class WaitingLine<Member extends LineMember, Value = undefined> {
  /** Those who wait, from `#head` on, in the order in which they came; gaps between. */
  readonly #members: (Member | undefined)[] = [];
  readonly #values: (Value | undefined)[] = [];
  #head = 0;
  #size = 0;
  #isNewestFirst = false;
  #turnCount = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds who comes now.
   *
   * @param member Who waits.
   * @param value What it waits with.
   */
  add(member: Member, value: Value): void {
    if (
      this.#members.length > MIN_TIDIED_LENGTH &&
      this.#members.length > 2 * this.#size
    ) this.#closeGaps();
    member.lineIndex = this.#members.length;
    this.#members.push(member);
    this.#values.push(value);
    this.#size++;
  }

  /**
   * What somebody waits with.
   *
   * @param member Who.
   * @returns Nothing when it does not wait.
   */
  get(member: Member): Value | undefined {
    return this.#has(member) ? this.#values[member.lineIndex] : undefined;
  }

  /** @returns Everybody, the oldest first. */
  list(): Member[] {
    return this.#members.filter((member) => member !== undefined);
  }

  /** Whose turn it is; nobody's when nobody waits. */
  peek(): Member | undefined {
    if (this.#size === 0) return undefined;
    return !this.#isNewestFirst ||
        this.#turnCount % TURNS_PER_OLDEST === TURNS_PER_OLDEST - 1
      ? this.#peekOldest()
      : this.#peekNewest();
  }

  /**
   * Removes the one whose turn it is.
   *
   * @param member Who is served.
   */
  serve(member: Member): void {
    this.#turnCount++;
    this.delete(member);
  }

  /**
   * Removes one, wherever it stands.
   *
   * @param member Who waits no longer.
   * @returns Whether it did.
   */
  delete(member: Member): boolean {
    if (!this.#has(member)) return false;
    this.#members[member.lineIndex] = undefined;
    this.#values[member.lineIndex] = undefined;
    member.lineIndex = -1;
    if (--this.#size === 0) {
      this.#members.length = this.#values.length = this.#head = 0;
      this.#isNewestFirst = false;
    }
    return true;
  }

  /** Has the newest come first, until nobody waits. */
  preferNewest(): void {
    if (this.#size === 0 || this.#isNewestFirst) return;
    this.#isNewestFirst = true;
    this.#turnCount = 0;
  }

  #has(member: Member): boolean {
    return this.#members[member.lineIndex] === member;
  }

  #peekOldest(): Member {
    for (;; this.#head++) {
      const member = this.#members[this.#head];
      if (member !== undefined) return member;
    }
  }

  #peekNewest(): Member {
    for (;;) {
      const member = this.#members.at(-1);
      if (member !== undefined) return member;
      this.#members.pop();
      this.#values.pop();
    }
  }

  #closeGaps(): void {
    let length = 0;
    for (let index = this.#head; index < this.#members.length; index++) {
      const member = this.#members[index];
      if (member === undefined) continue;
      member.lineIndex = length;
      this.#members[length] = member;
      this.#values[length++] = this.#values[index];
    }
    this.#members.length = this.#values.length = length;
    this.#head = 0;
  }
}

/**
 * Values by number, for numbers that come and go by the thousand.
 *
 * @module
 */

/** Room of a table that has had a value: serves one or two at a time. */
const FIRST_CAPACITY = 4;

/** Room that is not given back: a table that grows and shrinks does it for ever. */
const KEPT_CAPACITY = 8;

/**
 * Room that is given back late: values that come and go in bursts leave the table
 * empty after each, and as full again with the next.
 */
const BURST_CAPACITY = 256;

/** What tables have that were always empty; never written to. */
const NO_PLACES: never[] = [];

/** 2^32 divided by the golden ratio: neighbours among numbers end up far apart. */
const HASH_FACTOR = 0x9e37_79b1;

const TWO_TO_32 = 2 ** 32;

/**
 * Does what a `Map` with numbers as keys does, in two arrays.
 *
 * When V8 has filled the table of a `Map` it makes a new one, to which the old one
 * points, and an old one that has reached the old generation keeps all later ones,
 * with what was in them, until the next major collection. With an entry for each
 * call, a third of what minor collections copied had been over for long. An object
 * with numbers as keys has no such pointer, but to give it a value and to take that
 * away moves all the others now and then: 400 µs beside 10,000 of them.
 *
 * @typeParam Value What is kept; `undefined` is not.
 */
export class IdTable<Value> {
  /** Linear probing: an entry is at its place, or behind others without a gap. */
  #ids: number[] = NO_PLACES;
  #values: (Value | undefined)[] = NO_PLACES;
  /** Places, less one; -1 while there are none. */
  #mask = -1;
  #size = 0;
  /** Values taken away since the table was last a sixteenth full. */
  #sparseDeleteCount = 0;

  /** How many values there are. */
  get size(): number {
    return this.#size;
  }

  /** The value of a number, if it has one. */
  get(id: number): Value | undefined {
    return this.#size === 0 ? undefined : this.#values[this.#find(id)];
  }

  /** Gives a number a value, in place of the one that it has. */
  set(id: number, value: Value): void {
    // At most half full: the next gap is near.
    if (2 * this.#size > this.#mask) this.#resize(2 * (this.#mask + 1));
    const index = this.#find(id);
    if (this.#values[index] === undefined) this.#size++;
    this.#ids[index] = id;
    this.#values[index] = value;
  }

  /**
   * Takes the value of a number away.
   *
   * @param id The number.
   * @returns Whether it had one.
   */
  delete(id: number): boolean {
    if (this.#size === 0) return false;
    const index = this.#find(id);
    if (this.#values[index] === undefined) return false;
    this.#size--;
    this.#closeGap(index);
    if (this.#mask >= KEPT_CAPACITY) this.#giveBackRoom(this.#mask + 1);
    return true;
  }

  /** The values that are there now, in the order of their numbers. */
  values(): Value[] {
    const indices: number[] = [];
    for (let index = 0; index <= this.#mask; index++) {
      if (this.#values[index] !== undefined) indices.push(index);
    }
    const ids = this.#ids;
    return indices.sort((a, b) => ids[a]! - ids[b]!)
      .map((index) => this.#values[index]!);
  }

  /** Takes everything away. */
  clear(): void {
    this.#ids = NO_PLACES;
    this.#values = NO_PLACES;
    this.#mask = -1;
    this.#size = 0;
  }

  #placeOf(id: number): number {
    const high = id < TWO_TO_32 ? 0 : Math.floor(id / TWO_TO_32);
    const hash = Math.imul((id ^ high) | 0, HASH_FACTOR);
    return (hash >>> 15 ^ hash) & this.#mask;
  }

  #giveBackRoom(capacity: number): void {
    if (16 * this.#size >= capacity) this.#sparseDeleteCount = 0;
    else if (
      capacity > BURST_CAPACITY || ++this.#sparseDeleteCount > capacity
    ) this.#resize(Math.max(KEPT_CAPACITY, capacity / 4));
  }

  /** Where a number is, or could be: a place without a value. */
  #find(id: number): number {
    const values = this.#values;
    const ids = this.#ids;
    const mask = this.#mask;
    let index = this.#placeOf(id);
    while (values[index] !== undefined && ids[index] !== id) {
      index = (index + 1) & mask;
    }
    return index;
  }

  /** Moves entries that would not be found any more over the gap. */
  #closeGap(gap: number): void {
    const values = this.#values;
    const ids = this.#ids;
    const mask = this.#mask;
    let index = gap;
    for (;;) {
      index = (index + 1) & mask;
      const value = values[index];
      if (value === undefined) break;
      const place = this.#placeOf(ids[index]!);
      // Not if its place lies behind the gap: then it stands there in its own right.
      if (((index - place) & mask) < ((index - gap) & mask)) continue;
      ids[gap] = ids[index]!;
      values[gap] = value;
      gap = index;
    }
    values[gap] = undefined;
  }

  #resize(capacity: number): void {
    const ids = this.#ids;
    const values = this.#values;
    const count = Math.max(FIRST_CAPACITY, capacity);
    this.#sparseDeleteCount = 0;
    this.#mask = count - 1;
    this.#ids = new Array<number>(count).fill(0);
    this.#values = new Array<Value | undefined>(count).fill(undefined);
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      if (value === undefined) continue;
      const place = this.#find(ids[index]!);
      this.#ids[place] = ids[index]!;
      this.#values[place] = value;
    }
  }
}

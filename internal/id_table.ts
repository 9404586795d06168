/**
 * Values by number, for numbers that come and go by the thousand.
 *
 * @module
 */

/**
 * Does what a `Map` with numbers as keys does. When V8 has filled the table of
 * a `Map` it makes a new one, to which the old one points, and an old one that
 * has reached the old generation keeps all later ones, with what was in them,
 * until the next major collection. With an entry for each call, a
 * third of what minor collections copied had been over for long. The table behind an object
 * with numbers as keys has no such pointer.
 *
 * @typeParam Value What is kept; `undefined` is not.
 */
export class IdTable<Value> {
  #values: Record<number, Value> = Object.create(null);
  #size = 0;

  /** How many values there are. */
  get size(): number {
    return this.#size;
  }

  /** The value of a number, if it has one. */
  get(id: number): Value | undefined {
    return this.#values[id];
  }

  /** Gives a number a value, in place of the one that it has. */
  set(id: number, value: Value): void {
    if (this.#values[id] === undefined) this.#size++;
    this.#values[id] = value;
  }

  /**
   * Takes the value of a number away.
   *
   * @param id The number.
   * @returns Whether it had one.
   */
  delete(id: number): boolean {
    if (this.#values[id] === undefined) return false;
    this.#size--;
    return delete this.#values[id];
  }

  /** The values that are there now, those of numbers below 2^32 - 1 in their order. */
  values(): Value[] {
    return Object.values(this.#values);
  }

  /** Takes everything away. */
  clear(): void {
    this.#values = Object.create(null);
    this.#size = 0;
  }
}

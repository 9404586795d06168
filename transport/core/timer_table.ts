/**
 * One deadline for each named timer.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";

/**
 * Deadlines of a fixed set of timers. The set is small, so that asking for the
 * next one looks at all of them.
 *
 * @typeParam Name The names of the timers.
 */
export class TimerTable<Name extends string> {
  readonly #names: readonly Name[];
  /** A plain array: a small typed one costs 0.4 KB beside its bytes. */
  readonly #deadlines: Instant[];

  /**
   * Starts with no timer set.
   *
   * @param names The timers; of two that are due at once, the first named goes
   * first. Kept: a few, so that looking one up takes no table.
   */
  constructor(names: readonly Name[]) {
    this.#names = names;
    const isDistinct = names.every((name, at) => names.indexOf(name) === at);
    assert(isDistinct, "timer names are distinct");
    this.#deadlines = new Array<Instant>(names.length).fill(Infinity);
  }

  /**
   * Sets a timer, in place of its former deadline.
   *
   * @param name Which timer.
   * @param at When it is due; `undefined` cancels it.
   */
  set(name: Name, at: Instant | undefined): void {
    assert(at === undefined || !Number.isNaN(at), "a deadline is a number");
    this.#deadlines[this.#indexOf(name)] = at ?? Infinity;
  }

  /**
   * Cancels a timer; harmless when it is not set.
   *
   * @param name Which timer.
   */
  cancel(name: Name): void {
    this.#deadlines[this.#indexOf(name)] = Infinity;
  }

  /** Cancels all timers. */
  cancelAll(): void {
    this.#deadlines.fill(Infinity);
  }

  /**
   * When a timer is due.
   *
   * @param name Which timer.
   * @returns Its deadline, `undefined` when it is not set.
   */
  get(name: Name): Instant | undefined {
    const at = this.#deadlines[this.#indexOf(name)]!;
    return at === Infinity ? undefined : at;
  }

  /** The earliest deadline, `undefined` when no timer is set. */
  next(): Instant | undefined {
    const index = this.#earliest();
    return index < 0 ? undefined : this.#deadlines[index];
  }

  /**
   * Takes the timer that expired first.
   *
   * @param now The time.
   * @returns Its name, cancelled by now, or `undefined` when none is due.
   */
  popExpired(now: Instant): Name | undefined {
    const index = this.#earliest();
    if (index < 0 || this.#deadlines[index]! > now) return undefined;
    this.#deadlines[index] = Infinity;
    return this.#names[index];
  }

  #earliest(): number {
    let earliest = Infinity;
    let found = -1;
    for (let index = 0; index < this.#deadlines.length; index++) {
      const at = this.#deadlines[index]!;
      if (at < earliest) {
        earliest = at;
        found = index;
      }
    }
    return found;
  }

  #indexOf(name: Name): number {
    const index = this.#names.indexOf(name);
    assert(index >= 0, "a timer is named at construction");
    return index;
  }
}

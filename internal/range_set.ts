/**
 * Sorted, disjoint, half-open ranges of non-negative integers.
 *
 * @module
 */

/** A half-open range: `start` is in it, `end` is not. */
export interface Range {
  /** First number of the range. */
  readonly start: number;
  /** First number after the range. */
  readonly end: number;
}

/**
 * A set of integers kept as sorted, disjoint ranges that never touch. Adding
 * near the end, the common case, costs constant time.
 */
export class RangeSet {
  #ranges: { start: number; end: number }[] = [];

  /** How many separate ranges there are. */
  get rangeCount(): number {
    return this.#ranges.length;
  }

  /** The ranges in ascending order: a view, not to be kept across a change. */
  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  /** The lowest range, if any. */
  get first(): Range | undefined {
    return this.#ranges[0];
  }

  /** The highest range, if any. */
  get last(): Range | undefined {
    return this.#ranges[this.#ranges.length - 1];
  }

  /**
   * Adds `[start, end)`.
   *
   * @param start First number.
   * @param end First number after the last.
   * @returns How many of these numbers were new.
   */
  add(start: number, end: number): number {
    if (end <= start) return 0;
    const ranges = this.#ranges;
    let low = this.indexFrom(start);
    let mergedStart = start;
    let mergedEnd = end;
    let overlap = 0;
    let high = low;
    while (high < ranges.length && ranges[high]!.start <= end) {
      const range = ranges[high]!;
      overlap += Math.max(
        0,
        Math.min(range.end, end) - Math.max(range.start, start),
      );
      mergedStart = Math.min(mergedStart, range.start);
      mergedEnd = Math.max(mergedEnd, range.end);
      high++;
    }
    if (high === low + 1) {
      const range = ranges[low]!;
      range.start = mergedStart;
      range.end = mergedEnd;
    } else if (ranges.length === 0) {
      // Most sets have one range: an array that is added to has room for many.
      this.#ranges = [{ start, end }];
    } else {
      if (low > ranges.length) low = ranges.length;
      ranges.splice(low, high - low, { start: mergedStart, end: mergedEnd });
    }
    return end - start - overlap;
  }

  /**
   * Removes `[start, end)`.
   *
   * @param start First number.
   * @param end First number after the last.
   */
  remove(start: number, end: number): void {
    if (end <= start) return;
    const ranges = this.#ranges;
    let index = this.indexFrom(start);
    while (index < ranges.length && ranges[index]!.start < end) {
      const range = ranges[index]!;
      if (range.end <= start) {
        index++;
      } else if (range.start < start && range.end > end) {
        ranges.splice(index + 1, 0, { start: end, end: range.end });
        range.end = start;
        return;
      } else if (range.start < start) {
        range.end = start;
        index++;
      } else if (range.end > end) {
        range.start = end;
        return;
      } else {
        ranges.splice(index, 1);
      }
    }
  }

  /** Removes and returns the lowest range, if any. */
  shift(): Range | undefined {
    return this.#ranges.shift();
  }

  /** Whether `value` is in the set. */
  has(value: number): boolean {
    const range = this.#ranges[this.indexFrom(value + 1)];
    const before = this.#ranges[this.indexFrom(value)];
    return (before !== undefined && before.start <= value &&
      value < before.end) ||
      (range !== undefined && range.start <= value && value < range.end);
  }

  /** Removes everything. */
  clear(): void {
    this.#ranges = [];
  }

  /**
   * Finds where in `ranges` to begin, in logarithmic time.
   *
   * @param value A number.
   * @returns Index of the first range whose end is at or after it; how many there
   * are if there is none.
   */
  indexFrom(value: number): number {
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length;
    if (high > 0 && ranges[high - 1]!.end < value) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle]!.end < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

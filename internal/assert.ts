/**
 * Invariants of our own code.
 *
 * @module
 */

/** Thrown when an invariant of this library does not hold: a bug of ours. */
export class AssertionError extends Error {
  /** @param message What should have held. */
  constructor(message: string) {
    super(message);
    this.name = "AssertionError";
  }
}

/**
 * Stops when an invariant of our own code does not hold. Never used to judge
 * input from outside.
 *
 * @param condition What must hold.
 * @param message What it means, for the bug report.
 * @throws {AssertionError} When `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

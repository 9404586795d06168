/**
 * Monotonic time as the state machines see it.
 *
 * @module
 */

/**
 * A point on a monotonic clock, in milliseconds with a fraction. The origin is
 * arbitrary: only differences and order mean anything. It never goes back.
 */
export type Instant = number;

/** Reads a monotonic clock. Pure code receives instants and never calls this. */
export type MonotonicClock = () => Instant;

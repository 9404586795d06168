/**
 * Where random bytes come from: handed in, so that a seed repeats a run.
 *
 * Two methods rather than one, because bytes that an observer will see must
 * not reveal the state of the generator that also makes secrets.
 *
 * @module
 */

/** A source of random bytes. */
export interface RandomSource {
  /** Fills `into` with bytes that may appear on the wire, such as connection ids. */
  fillPublic(into: Uint8Array): void;
  /** Fills `into` with bytes that must stay secret, such as private keys. */
  fillSecret(into: Uint8Array): void;
}

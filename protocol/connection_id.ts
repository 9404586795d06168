/**
 * Connection ids: eight opaque bytes that route a packet to a connection.
 *
 * The id in a packet was chosen by the endpoint that receives it, so only the
 * receiver gives it a meaning. This implementation chooses ids below 2^53,
 * which makes the lookup key a plain number.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";
import { readU53 } from "../internal/u53.ts";

/** Size of a connection id, in bytes. */
export const CONNECTION_ID_LENGTH = 8;

/** The reserved id of a hello: the receiver has not chosen one yet. Nobody chooses it. */
export const HELLO_CONNECTION_ID_KEY = 0;

/** What {@linkcode connectionIdKey} returns for an id that we cannot have chosen. */
export const FOREIGN_CONNECTION_ID_KEY: number = -1;

/**
 * Reads a connection id as a map key.
 *
 * @param bytes A packet or an id.
 * @param offset Where the id starts; eight bytes must follow.
 * @returns The id as an integer, 0 for a hello, or
 * {@linkcode FOREIGN_CONNECTION_ID_KEY} when it is 2^53 or more.
 */
export function connectionIdKey(bytes: Uint8Array, offset = 0): number {
  // -1 where it is too large, which is the key of a foreign id
  return readU53(bytes, offset);
}

/**
 * Whether a connection id is the reserved one of hellos.
 *
 * @param bytes A packet or an id.
 * @returns Whether its eight bytes are zero.
 */
export function isHelloId(bytes: Uint8Array): boolean {
  return connectionIdKey(bytes) === HELLO_CONNECTION_ID_KEY;
}

/**
 * Draws a connection id: 53 random bits, never zero.
 *
 * @param random Where the bits come from.
 * @returns Eight new bytes.
 */
export function createConnectionId(random: RandomSource): Uint8Array {
  const id = new Uint8Array(CONNECTION_ID_LENGTH);
  do {
    random.fillPublic(id);
    id[6]! &= 0x1f;
    id[7] = 0;
  } while (isHelloId(id));
  return id;
}

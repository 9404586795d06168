/**
 * Stream identifiers.
 *
 * ```text
 * streamId = sequence * 4 + opener * 2 + direction
 *   opener     0 the initiator of the connection, 1 its responder
 *   direction  0 bidirectional, 1 unidirectional (only the opener sends)
 *   sequence   0, 1, 2, … counted for each of the four kinds
 * ```
 *
 * Identifiers reach 2^53 - 1, so everything here is arithmetic: bit operators
 * would cut them to 32 bits.
 *
 * @module
 */

/** How many streams of one kind a connection can ever have: 2^51. */
export const MAX_STREAM_COUNT: number = 2 ** 51;

/** The parts of a stream identifier. */
export interface StreamIdParts {
  /** Index among the streams of its kind, from 0 to 2^51 - 1. */
  readonly sequence: number;
  /** Whether the initiator of the connection opened it. */
  readonly isInitiator: boolean;
  /** Whether only the opener sends on it. */
  readonly isUnidirectional: boolean;
}

/**
 * Makes a stream identifier.
 *
 * @param parts Sequence, opener and direction.
 * @returns The identifier.
 *
 * @example Usage
 * ```ts
 * import { makeStreamId } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   makeStreamId({ sequence: 2, isInitiator: false, isUnidirectional: true }),
 *   11,
 * );
 * ```
 */
export function makeStreamId(parts: StreamIdParts): number {
  return parts.sequence * 4 + (parts.isInitiator ? 0 : 2) +
    (parts.isUnidirectional ? 1 : 0);
}

/**
 * Whether the initiator of the connection opened the stream.
 *
 * @param streamId The stream.
 * @returns `false` when the responder opened it.
 */
export function isInitiatorStream(streamId: number): boolean {
  return streamId % 4 < 2;
}

/**
 * Whether only the opener sends on the stream.
 *
 * @param streamId The stream.
 * @returns `false` when both ends send.
 */
export function isUnidirectional(streamId: number): boolean {
  return streamId % 2 === 1;
}

/**
 * Index of the stream among those of its kind.
 *
 * @param streamId The stream.
 * @returns A number from 0.
 */
export function streamSequence(streamId: number): number {
  return Math.floor(streamId / 4);
}

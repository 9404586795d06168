/**
 * Where datagrams are written until a socket has taken them: the same memory for
 * all sockets of the process, so that one with nothing to send holds none.
 *
 * @module
 */
import { poison } from "../internal/poison.ts";
import { UDP_MAX_DATAGRAM_BYTES } from "./carrier/carrier.ts";

/** Buffers that are kept for the next use, at most: 2 MiB. */
export const MAX_FREE_SEND_BUFFERS = 32;

const freeBuffers: Uint8Array[] = [];

/**
 * Takes a buffer.
 *
 * @returns Room for the largest datagram; it holds anything.
 */
export function takeSendBuffer(): Uint8Array {
  return freeBuffers.pop() ?? new Uint8Array(UDP_MAX_DATAGRAM_BYTES);
}

/**
 * Gives a buffer back.
 *
 * @param buffer From {@linkcode takeSendBuffer}; nobody looks at it any more.
 */
export function releaseSendBuffer(buffer: Uint8Array): void {
  poison(buffer);
  if (freeBuffers.length < MAX_FREE_SEND_BUFFERS) freeBuffers.push(buffer);
}

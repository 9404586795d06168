/**
 * The mesh sends no datagrams. Those of a peer would wait for somebody who takes
 * them for as long as the connection stands.
 *
 * @module
 */

/** Takes a datagram and does nothing. */
export function ignoreDatagram(): void {}

/**
 * The socket of `Deno.listenDatagram` under its number in the process.
 *
 * The runtime waits for the socket. A library call could do that only on a thread
 * of its own for each socket, which closing would have to wake. So the socket is
 * bound by the runtime, which also judges the `net` permission, and found by its
 * address. Its number is the runtime's: a duplicate would outlive a worker that is
 * terminated, and keep the port. docs/adr/0007-libraries-by-permission.md
 *
 * @module
 */
import { type Address, isLoopback } from "../../core/address.ts";
import type { Libc } from "./libc.ts";
import {
  encodeSocketAddress,
  FAMILY_IPV4,
  familyOf,
  SOCKET_ADDRESS_ROOM,
} from "./socket_address.ts";

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SOCK_DGRAM = 2;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
/** `IP_PMTUDISC_PROBE`, of either family: no fragments, and no advice from routers. */
const PROBE = 3;

/** Numbers above the lowest free one that are looked at. */
const MAX_NUMBERS_ABOVE = 1_024;

/**
 * Socket buffers that are asked for, in bytes. The system doubles the number,
 * for what it needs beside the data, and takes its limit where that is lower
 * (net.core.rmem_max, net.core.wmem_max).
 */
export const SOCKET_BUFFER_BYTES: number = 1024 * 1024;

const INT_BYTES = 4;
const value = new Int32Array(1);
const lengthBytes = new Uint32Array(1);

/** A socket of the runtime, which closes it. */
export class DatagramSocket {
  /** Its number. Another file may have it once the runtime has closed the socket. */
  readonly descriptor: number;
  /** Memory for datagrams that were not read yet, in bytes, as the kernel counts. */
  readonly receiveBufferBytes: number;

  private constructor(libc: Libc, descriptor: number, address: Address) {
    this.descriptor = descriptor;
    // What stays in the machine is never cut, but for an IPv6 datagram of 64 KiB.
    if (!isLoopback(address)) {
      refuseFragments(libc, descriptor, familyOf(address.hostname));
    }
    growBuffer(libc, descriptor, SO_SNDBUF);
    growBuffer(libc, descriptor, SO_RCVBUF);
    this.receiveBufferBytes = readOption(libc, descriptor, SO_RCVBUF) ?? 0;
  }

  /**
   * Finds a socket of this process, and prepares it.
   *
   * @param libc The C library.
   * @param address Where it is bound.
   * @returns The socket; `undefined` when it is not found.
   */
  static find(libc: Libc, address: Address): DatagramSocket | undefined {
    const descriptor = findDescriptor(libc, address);
    return descriptor === undefined
      ? undefined
      : new DatagramSocket(libc, descriptor, address);
  }
}

function findDescriptor(libc: Libc, address: Address): number | undefined {
  const wanted = encodeSocketAddress(address);
  if (wanted === undefined) return undefined;
  // The lowest free number: that of a socket bound just now is next to it.
  const free = libc.socket(FAMILY_IPV4, SOCK_DGRAM, 0);
  if (free < 0) return undefined;
  libc.close(free);
  const isWanted = (descriptor: number): boolean =>
    isBoundTo(libc, descriptor, wanted) &&
    readOption(libc, descriptor, SO_TYPE) === SOCK_DGRAM;
  for (let descriptor = free; descriptor >= 0; descriptor--) {
    if (isWanted(descriptor)) return descriptor;
  }
  for (let above = 1; above <= MAX_NUMBERS_ABOVE; above++) {
    if (isWanted(free + above)) return free + above;
  }
  return undefined;
}

function isBoundTo(
  libc: Libc,
  descriptor: number,
  wanted: Uint8Array,
): boolean {
  const bound = new Uint8Array(SOCKET_ADDRESS_ROOM);
  lengthBytes[0] = bound.length;
  return libc.getsockname(descriptor, bound, lengthBytes) === 0 &&
    lengthBytes[0] === wanted.length &&
    wanted.every((byte, index) => byte === bound[index]);
}

function readOption(
  libc: Libc,
  descriptor: number,
  option: number,
): number | undefined {
  lengthBytes[0] = INT_BYTES;
  const result = libc
    .getsockopt(descriptor, SOL_SOCKET, option, value, lengthBytes);
  return result === 0 ? value[0] : undefined;
}

/**
 * A datagram that does not fit is refused or lost, so that packet-size discovery
 * finds what the path carries in one piece (RFC 8899 §3). What the network says of
 * sizes is not believed: anybody may say it.
 */
function refuseFragments(
  libc: Libc,
  descriptor: number,
  family: number,
): void {
  value[0] = PROBE;
  libc.setsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, value, INT_BYTES);
  if (family === FAMILY_IPV4) return;
  libc
    .setsockopt(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value, INT_BYTES);
}

/** Makes a buffer larger, never smaller than it is. */
function growBuffer(libc: Libc, descriptor: number, option: number): void {
  const before = readOption(libc, descriptor, option);
  if (before === undefined || before >= 2 * SOCKET_BUFFER_BYTES) return;
  value[0] = SOCKET_BUFFER_BYTES;
  // Refused: the default works, with more loss under load.
  libc.setsockopt(descriptor, SOL_SOCKET, option, value, INT_BYTES);
}

/**
 * The IP and UDP headers that a datagram had on its way, made up again for a
 * capture: a socket does not show them. Addresses, ports, lengths and checksums
 * are right; time to live and identification are not known.
 *
 * @module
 */
import {
  IPV4_LENGTH,
  IPV6_LENGTH,
  mappedIpv4,
  parseIpv4,
  parseIpv6,
} from "../../internal/ip_address.ts";
import type { Address } from "../../transport/mod.ts";

const IPV4_HEADER_LENGTH = 20;
const IPV6_HEADER_LENGTH = 40;
const UDP_HEADER_LENGTH = 8;
const UDP_PROTOCOL = 17;
const HOP_LIMIT = 64;
/** Addresses that are remembered: peers of a busy node, about 100 KiB. */
const MAX_KNOWN_IPS = 1_024;
const IPV4_LOOPBACK: Uint8Array = Uint8Array.of(127, 0, 0, 1);
const IPV6_LOOPBACK: Uint8Array = parseIpv6("::1")!;

/** One end of a datagram, in bytes. */
interface Endpoint {
  readonly ip: Uint8Array;
  readonly port: number;
}

/** From where to where a datagram goes. */
export interface DatagramPath {
  /** Its sender. */
  readonly from: Address;
  /** Its receiver. */
  readonly to: Address;
}

/**
 * Most bytes that the headers add.
 */
export const MAX_IP_OVERHEAD_BYTES: number = IPV6_HEADER_LENGTH +
  UDP_HEADER_LENGTH;

/**
 * Writes a datagram with its headers.
 *
 * An end that is bound to every address of its machine is shown as the loopback
 * address when its peer is one, and as the unspecified address otherwise. What
 * is no IP address is shown as the unspecified one.
 *
 * @param into Where to write; {@linkcode MAX_IP_OVERHEAD_BYTES} more than the
 * datagram at least.
 * @param offset Where in it.
 * @param path Sender and receiver.
 * @param datagram What UDP carried; copied.
 * @returns How many bytes were written.
 */
export function encodeIpPacket(
  into: Uint8Array,
  offset: number,
  path: DatagramPath,
  datagram: Uint8Array,
): number {
  const { from, to } = resolvePath(path);
  const isIpv6 = from.ip.length === IPV6_LENGTH;
  const udpLength = UDP_HEADER_LENGTH + datagram.length;
  const view = new DataView(into.buffer, into.byteOffset + offset);
  const udp = isIpv6
    ? writeIpv6Header(into, view, offset, { from, to, udpLength })
    : writeIpv4Header(into, view, offset, { from, to, udpLength });
  view.setUint16(udp, from.port);
  view.setUint16(udp + 2, to.port);
  view.setUint16(udp + 4, udpLength);
  view.setUint16(udp + 6, 0);
  into.set(datagram, offset + udp + UDP_HEADER_LENGTH);
  const sum = sumOf(from.ip) + sumOf(to.ip) + UDP_PROTOCOL + udpLength +
    sumOf(into.subarray(offset + udp, offset + udp + udpLength));
  // RFC 768: a checksum of zero is sent as all ones.
  view.setUint16(udp + 6, fold(sum) || 0xffff);
  return udp + udpLength;
}

interface Header {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly udpLength: number;
}

/** RFC 791 §3.1. */
function writeIpv4Header(
  into: Uint8Array,
  view: DataView,
  offset: number,
  { from, to, udpLength }: Header,
): number {
  view.setUint16(0, 0x4500);
  view.setUint16(2, IPV4_HEADER_LENGTH + udpLength);
  view.setUint16(4, 0);
  view.setUint16(6, 0x4000); // do not fragment
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, UDP_PROTOCOL);
  view.setUint16(10, 0);
  into.set(from.ip, offset + 12);
  into.set(to.ip, offset + 16);
  const header = into.subarray(offset, offset + IPV4_HEADER_LENGTH);
  view.setUint16(10, fold(sumOf(header)));
  return IPV4_HEADER_LENGTH;
}

/** RFC 8200 §3. */
function writeIpv6Header(
  into: Uint8Array,
  view: DataView,
  offset: number,
  { from, to, udpLength }: Header,
): number {
  view.setUint32(0, 0x60000000);
  view.setUint16(4, udpLength);
  view.setUint8(6, UDP_PROTOCOL);
  view.setUint8(7, HOP_LIMIT);
  into.set(from.ip, offset + 8);
  into.set(to.ip, offset + 24);
  return IPV6_HEADER_LENGTH;
}

/** Both ends in one family: an address that has no place in it is zeros. */
function resolvePath(
  path: DatagramPath,
): { readonly from: Endpoint; readonly to: Endpoint } {
  const from = ipOf(path.from.hostname);
  const to = ipOf(path.to.hostname);
  const isIpv6 = isSpecifiedIpv6(from) || isSpecifiedIpv6(to);
  const length = isIpv6 ? IPV6_LENGTH : IPV4_LENGTH;
  const pick = (own: Uint8Array, other: Uint8Array): Uint8Array => {
    if (own.length === length && own.some((byte) => byte !== 0)) return own;
    if (!isLoopback(other)) return new Uint8Array(length);
    return isIpv6 ? IPV6_LOOPBACK : IPV4_LOOPBACK;
  };
  return {
    from: { ip: pick(from, to), port: path.from.port },
    to: { ip: pick(to, from), port: path.to.port },
  };
}

/** Addresses that were read: to read one costs as much as to write a packet. */
const knownIps = new Map<string, Uint8Array>();

function ipOf(hostname: string): Uint8Array {
  let ip = knownIps.get(hostname);
  if (ip !== undefined) return ip;
  ip = parseIpv4(hostname) ?? parseIpv6(hostname) ??
    new Uint8Array(IPV4_LENGTH);
  ip = mappedIpv4(ip) ?? ip;
  // Whoever forges addresses must not fill the memory.
  if (knownIps.size >= MAX_KNOWN_IPS) knownIps.clear();
  knownIps.set(hostname, ip);
  return ip;
}

function isSpecifiedIpv6(ip: Uint8Array): boolean {
  return ip.length === IPV6_LENGTH && ip.some((byte) => byte !== 0);
}

function isLoopback(ip: Uint8Array): boolean {
  return ip.length === IPV4_LENGTH
    ? ip[0] === 127
    : ip.every((byte, index) => byte === IPV6_LOOPBACK[index]);
}

/** Sum of 16-bit words in network order; a last odd byte counts as a high one. */
function sumOf(bytes: Uint8Array): number {
  // At most 32,768 words: the sum stays far below 2^53.
  let sum = 0;
  const even = bytes.length & ~1;
  for (let index = 0; index < even; index += 2) {
    sum += (bytes[index]! << 8) | bytes[index + 1]!;
  }
  return even === bytes.length ? sum : sum + bytes[even]! * 256;
}

/** RFC 1071: the one's complement of the one's complement sum. */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) {
    folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  }
  return ~folded & 0xffff;
}

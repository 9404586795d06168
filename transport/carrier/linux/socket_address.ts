/**
 * `struct sockaddr_in` and `struct sockaddr_in6`, as Linux lays them out.
 *
 * ```text
 * IPv4                        IPv6
 * offset  size  field         offset  size  field
 *      0     2  family: 2          0     2  family: 10
 *      2     2  port               2     2  port
 *      4     4  address            4     4  flow label: 0
 *      8     8  zero               8    16  address
 *                                 24     4  zone: 0
 * ```
 *
 * The family is in the order of the machine, port and address in that of the
 * network.
 *
 * @module
 */
import {
  formatIpv6,
  IPV4_LENGTH,
  IPV6_LENGTH,
  parseIpv4,
  parseIpv6,
} from "../../../internal/ip_address.ts";
import type { Address } from "../../core/address.ts";

/** Family of IPv4 (`AF_INET`). */
export const FAMILY_IPV4 = 2;
/** Family of IPv6 (`AF_INET6`). */
export const FAMILY_IPV6 = 10;
/** Room for an address of either family, in bytes. */
export const SOCKET_ADDRESS_ROOM = 32;

const IPV4_SOCKET_ADDRESS_LENGTH = 16;
const IPV6_SOCKET_ADDRESS_LENGTH = 28;
const IPV4_AT = 4;
const IPV6_AT = 8;

/** Addresses that are remembered, in each direction. */
const MAX_REMEMBERED_ADDRESSES = 1_024;

/**
 * @param hostname A numeric address.
 * @returns The family that it is written in.
 */
export function familyOf(hostname: string): number {
  return hostname.includes(":") ? FAMILY_IPV6 : FAMILY_IPV4;
}

/**
 * Encodes an address.
 *
 * @param address Numeric, without a zone.
 * @returns 16 or 28 bytes; `undefined` for a hostname that is no such address.
 */
export function encodeSocketAddress(address: Address): Uint8Array | undefined {
  const { hostname, port } = address;
  const family = familyOf(hostname);
  const isIpv4 = family === FAMILY_IPV4;
  const ip = isIpv4 ? parseIpv4(hostname) : parseIpv6(hostname);
  if (ip === undefined) return undefined;
  const bytes = new Uint8Array(
    isIpv4 ? IPV4_SOCKET_ADDRESS_LENGTH : IPV6_SOCKET_ADDRESS_LENGTH,
  );
  bytes[0] = family;
  bytes[2] = port >>> 8;
  bytes[3] = port & 0xff;
  bytes.set(ip, isIpv4 ? IPV4_AT : IPV6_AT);
  return bytes;
}

/**
 * Decodes an address.
 *
 * @param bytes Holds it.
 * @param offset Where it starts.
 * @returns The address, written as the runtime writes it; `undefined` for
 * another family.
 */
export function decodeSocketAddress(
  bytes: Uint8Array,
  offset: number,
): Address | undefined {
  const family = bytes[offset]! | bytes[offset + 1]! << 8;
  const port = bytes[offset + 2]! << 8 | bytes[offset + 3]!;
  if (family === FAMILY_IPV4) {
    const start = offset + IPV4_AT;
    const hostname = bytes.subarray(start, start + IPV4_LENGTH).join(".");
    return { hostname, port };
  }
  if (family !== FAMILY_IPV6) return undefined;
  const start = offset + IPV6_AT;
  const ip = bytes.subarray(start, start + IPV6_LENGTH);
  return { hostname: formatIpv6(ip), port };
}

/**
 * Decodes the addresses of senders, each of them once: the text is most of the
 * work, and a socket hears the same few peers again and again.
 */
export class SenderNames {
  readonly #known = new Map<number | string, Address>();
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  /** @param bytes Where the addresses will stand; starts at a multiple of 4. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const { buffer, byteOffset, length } = bytes;
    this.#words = new Uint32Array(buffer, byteOffset, length >>> 2);
  }

  /**
   * Reads one.
   *
   * @param offset Where it starts, a multiple of 4.
   * @returns The sender; `undefined` for another family.
   */
  read(offset: number): Address | undefined {
    const key = this.#keyAt(offset >>> 2);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const address = decodeSocketAddress(this.#bytes, offset);
    if (address === undefined) return undefined;
    if (this.#known.size >= MAX_REMEMBERED_ADDRESSES) this.#known.clear();
    this.#known.set(key, address);
    return address;
  }

  #keyAt(at: number): number | string {
    const words = this.#words;
    const head = words[at]!;
    if ((head & 0xffff) !== FAMILY_IPV6) {
      // family and port, less the family: 48 bits are exact
      return (head >>> 16) * 2 ** 32 + words[at + 1]!;
    }
    return words.subarray(at, at + 6).join();
  }
}

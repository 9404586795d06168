/**
 * IP addresses: from text to the bytes that travel, and back.
 *
 * @module
 */
import { allocateBytes } from "./byte_pool.ts";

/** Size of an IPv4 address, in bytes. */
export const IPV4_LENGTH = 4;

/** Size of an IPv6 address, in bytes. */
export const IPV6_LENGTH = 16;

/** Without leading zeros, which mean octal numbers to some and nothing to others. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
const POINT = 0x2e;
const ZERO = 0x30;
const IPV6_CHARACTERS = /^[0-9A-Fa-f:.]+$/;
/** `::ffff:0:0/96`: an IPv4 address as an IPv6 socket sees it (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX: readonly number[] = [
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  255,
  255,
];

/**
 * Reads an IPv4 address.
 *
 * @param text For example `192.0.2.1`.
 * @returns 4 bytes in network order; `undefined` for any other text.
 */
export function parseIpv4(text: string): Uint8Array | undefined {
  if (!IPV4.test(text) || text.endsWith(".")) return undefined;
  const bytes = allocateBytes(IPV4_LENGTH);
  let at = 0;
  // Digit by digit: a node does it for each record of each discovery.
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === POINT) at++;
    else bytes[at] = bytes[at]! * 10 + code - ZERO;
  }
  return bytes;
}

/**
 * Reads an IPv6 address.
 *
 * @param text For example `2001:db8::1`, without brackets and zone.
 * @returns 16 bytes in network order; `undefined` for any other text.
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!IPV6_CHARACTERS.test(text) || !URL.canParse(`http://[${text}]/`)) {
    return undefined;
  }
  // The URL standard writes every IPv6 address in one shape, without dots.
  const shape = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [left = "", right] = shape.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = new Array<string>(8 - head.length - tail.length).fill("0");
  const bytes = new Uint8Array(IPV6_LENGTH);
  [...head, ...zeros, ...tail].forEach((group, index) => {
    const value = parseInt(group, 16);
    bytes[index * 2] = value >>> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/**
 * Takes the IPv4 address out of an IPv6 one that holds one (`::ffff:0:0/96`).
 *
 * @param bytes 16 bytes in network order.
 * @returns A view of the last 4 bytes; `undefined` when it holds none.
 */
export function mappedIpv4(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === IPV6_LENGTH &&
      MAPPED_PREFIX.every((byte, index) => bytes[index] === byte)
    ? bytes.subarray(MAPPED_PREFIX.length)
    : undefined;
}

/**
 * Writes an IPv6 address in the one spelling that sockets report: that of RFC 5952
 * as the URL standard applies it, and of its §5 for a mapped IPv4 address.
 *
 * @param bytes 16 bytes in network order.
 * @returns For example `2001:db8::1` or `::ffff:192.0.2.1`.
 */
export function formatIpv6(bytes: Uint8Array): string {
  const mapped = mappedIpv4(bytes);
  if (mapped !== undefined) return `::ffff:${mapped.join(".")}`;
  const groups = Array.from(
    { length: IPV6_LENGTH / 2 },
    (_, index) => (bytes[2 * index]! << 8 | bytes[2 * index + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

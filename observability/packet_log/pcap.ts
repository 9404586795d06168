/**
 * The classic capture file of libpcap, which every analyzer opens.
 *
 * ```text
 * file    magic u32 a1b2c3d4, version u16 2 u16 4, zone u32 0, figures u32 0,
 *         longest packet u32, link type u32 101 (raw IP)
 * packet  seconds u32, microseconds u32, stored length u32, length u32, bytes
 * ```
 *
 * All little-endian. A packet begins with its IP header.
 *
 * @module
 */
import {
  type DatagramPath,
  encodeIpPacket,
  MAX_IP_OVERHEAD_BYTES,
} from "./ip_packet.ts";

/** Size of what begins the file, in bytes. */
export const PCAP_HEADER_LENGTH = 24;

/** Size of what comes before each packet, in bytes. */
export const PCAP_RECORD_HEADER_LENGTH = 16;

const MAGIC_MICROSECONDS = 0xa1b2c3d4;

/** Raw IPv4 or IPv6, told apart by the first four bits. */
const LINKTYPE_RAW = 101;

/** No datagram with its headers is longer. */
const MAX_PACKET_BYTES = 0x40000;

/**
 * Encodes the beginning of a capture file.
 *
 * @returns 24 bytes.
 */
export function encodePcapHeader(): Uint8Array {
  const header = new Uint8Array(PCAP_HEADER_LENGTH);
  const view = new DataView(header.buffer);
  view.setUint32(0, MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, MAX_PACKET_BYTES, true);
  view.setUint32(20, LINKTYPE_RAW, true);
  return header;
}

/**
 * Encodes one datagram.
 *
 * @param unixMs When it passed, in milliseconds since 1970, with a fraction.
 * @param path Sender and receiver.
 * @param datagram What UDP carried; copied.
 * @returns A record of the file.
 */
export function encodePcapRecord(
  unixMs: number,
  path: DatagramPath,
  datagram: Uint8Array,
): Uint8Array {
  const record = new Uint8Array(
    PCAP_RECORD_HEADER_LENGTH + MAX_IP_OVERHEAD_BYTES + datagram.length,
  );
  const length = encodeIpPacket(
    record,
    PCAP_RECORD_HEADER_LENGTH,
    path,
    datagram,
  );
  const unixMicros = Math.floor(unixMs * 1000);
  const view = new DataView(record.buffer);
  view.setUint32(0, Math.floor(unixMicros / 1_000_000), true);
  view.setUint32(4, unixMicros % 1_000_000, true);
  view.setUint32(8, length, true);
  view.setUint32(12, length, true);
  return record.subarray(0, PCAP_RECORD_HEADER_LENGTH + length);
}

/**
 * Reads capture files as any other tool would: by the formats of libpcap, IP
 * and UDP, not by the source that wrote them. Every checksum is checked.
 *
 * @module
 */
import assert from "node:assert/strict";

/** A datagram of a capture. */
export interface CapturedDatagram {
  /** Microseconds since 1970. */
  readonly unixMicros: number;
  /** `address:port` of the sender, the address in groups of hexadecimal digits for IPv6. */
  readonly from: string;
  /** The same of the receiver. */
  readonly to: string;
  /** What UDP carried. */
  readonly payload: Uint8Array;
}

/**
 * Reads a capture.
 *
 * @param file The whole file.
 * @returns Its datagrams.
 */
export function readPcap(file: Uint8Array): CapturedDatagram[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  assert.equal(view.getUint32(0, true), 0xa1b2c3d4);
  assert.deepEqual([view.getUint16(4, true), view.getUint16(6, true)], [2, 4]);
  assert.equal(view.getUint32(20, true), 101, "LINKTYPE_RAW");
  const captured: CapturedDatagram[] = [];
  let offset = 24;
  while (offset < file.length) {
    const seconds = view.getUint32(offset, true);
    const micros = view.getUint32(offset + 4, true);
    assert.ok(micros < 1_000_000);
    const stored = view.getUint32(offset + 8, true);
    assert.equal(view.getUint32(offset + 12, true), stored, "Nothing is cut");
    assert.ok(stored <= view.getUint32(16, true), "Below the snapshot length");
    const packet = file.subarray(offset + 16, offset + 16 + stored);
    assert.equal(packet.length, stored);
    captured.push({
      unixMicros: seconds * 1_000_000 + micros,
      ...readPacket(packet),
    });
    offset += 16 + stored;
  }
  return captured;
}

function readPacket(packet: Uint8Array): Omit<CapturedDatagram, "unixMicros"> {
  const version = packet[0]! >> 4;
  assert.ok(version === 4 || version === 6);
  const addressLength = version === 4 ? 4 : 16;
  const start = version === 4 ? 12 : 8;
  const from = packet.subarray(start, start + addressLength);
  const to = packet.subarray(start + addressLength, start + 2 * addressLength);
  const header = version === 4 ? 20 : 40;
  const udp = packet.subarray(header);
  if (version === 4) {
    assert.equal(packet[0], 0x45);
    assert.equal(u16(packet, 2), packet.length, "Total length");
    assert.equal(packet[9], 17, "UDP");
    assert.equal(onesComplementSum(packet.subarray(0, 20)), 0xffff);
  } else {
    assert.equal(u16(packet, 4), udp.length, "Payload length");
    assert.equal(packet[6], 17, "UDP");
  }
  assert.equal(u16(udp, 4), udp.length, "UDP length");
  assert.notEqual(u16(udp, 6), 0, "UDP checksum present");
  const pseudo = Uint8Array.of(
    ...from,
    ...to,
    0,
    17,
    udp.length >> 8,
    udp.length & 0xff,
  );
  const whole = new Uint8Array(pseudo.length + udp.length);
  whole.set(pseudo);
  whole.set(udp, pseudo.length);
  assert.equal(onesComplementSum(whole), 0xffff, "UDP checksum");
  return {
    from: `${format(from)}:${u16(udp, 0)}`,
    to: `${format(to)}:${u16(udp, 2)}`,
    payload: udp.slice(8),
  };
}

function u16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! << 8 | bytes[offset + 1]!;
}

function format(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(u16(address, i).toString(16));
  return `[${groups.join(":")}]`;
}

/** Word by word with an end-around carry, as RFC 1071 §1 describes it. */
function onesComplementSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! << 8 | (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/**
 * Opens captured packets with a key log, by `docs/packet-log.md` and
 * `docs/spec/transport.md` and with the primitives of the runtime: nothing of
 * the transport's own source is used.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { CapturedDatagram } from "./pcap_reader.ts";

const HEADER_LENGTH = 32;
const TAG_LENGTH = 16;

/** A line of a key log. */
export interface KeyLogEntry {
  /** Whose packets. */
  readonly label: string;
  /** Name of the cipher. */
  readonly cipher: string;
  /** Id in the packets' headers, 16 digits. */
  readonly connectionId: string;
  /** The secret, 64 digits. */
  readonly secret: string;
}

/** A packet that was opened. */
export interface DecryptedPacket {
  /** Id in its header, 16 digits. */
  readonly connectionId: string;
  /** Its number. */
  readonly packetNumber: number;
  /** How often the keys had been updated. */
  readonly generation: number;
  /** Its frames. */
  readonly plaintext: Uint8Array;
}

interface Direction {
  readonly cipher: string;
  readonly hp: Buffer;
  readonly generations: { readonly key: Buffer; readonly iv: Buffer }[];
  secret: Buffer;
}

/**
 * Reads a key log.
 *
 * @param text The whole file.
 * @returns Its lines.
 */
export function readKeyLog(text: string): KeyLogEntry[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const match =
      /^(MXP_(?:INITIATOR|RESPONDER)_TRAFFIC_SECRET_0) ([a-z0-9-]+) ([0-9a-f]{16}) ([0-9a-f]{64})$/
        .exec(line);
    assert.ok(match, `Not a line of a key log: ${line}`);
    const [, label = "", cipher = "", connectionId = "", secret = ""] = match;
    return { label, cipher, connectionId, secret };
  });
}

/**
 * Opens every packet of a capture that the key log has a secret for.
 *
 * @param datagrams The capture.
 * @param keys The key log.
 * @returns The packets in order; each of them was authentic.
 */
export function decryptCapture(
  datagrams: readonly CapturedDatagram[],
  keys: readonly KeyLogEntry[],
): DecryptedPacket[] {
  const directions = new Map(keys.map((entry) => [
    entry.connectionId,
    directionOf(entry),
  ]));
  const packets: DecryptedPacket[] = [];
  for (const { payload } of datagrams) {
    let offset = 0;
    while (offset + HEADER_LENGTH <= payload.length) {
      const end = offset + HEADER_LENGTH + payload[offset + 18]! +
        256 * payload[offset + 19]!;
      const packet = Buffer.from(payload.subarray(offset, end));
      const connectionId = packet.toString("hex", 0, 8);
      const direction = directions.get(connectionId);
      if (direction !== undefined && !isHandshake(packet)) {
        packets.push({ connectionId, ...open(packet, direction) });
      }
      offset = end;
    }
  }
  return packets;
}

function directionOf({ cipher, secret }: KeyLogEntry): Direction {
  const first = Buffer.from(secret, "hex");
  return {
    cipher,
    hp: derive(first, "mxp v1 hp"),
    generations: [keysOf(first)],
    secret: first,
  };
}

function keysOf(secret: Buffer): { key: Buffer; iv: Buffer } {
  return {
    key: derive(secret, "mxp v1 key"),
    iv: derive(secret, "mxp v1 iv").subarray(0, 12),
  };
}

/** HKDF-Expand-SHA-256 of at most 32 bytes is one block (RFC 5869 §2.3). */
function derive(secret: Buffer, label: string): Buffer {
  return createHmac("sha256", secret).update(label).update("\x01").digest();
}

/** Flag 01 alone, and zeros as packet number, reserved byte and nonce. */
function isHandshake(packet: Buffer): boolean {
  return packet[16] === 1 &&
    [...packet.subarray(8, 16), packet[17], ...packet.subarray(20, 32)]
      .every((byte) => byte === 0);
}

function open(
  packet: Buffer,
  direction: Direction,
): Omit<DecryptedPacket, "connectionId"> {
  const sample = packet.subarray(HEADER_LENGTH, HEADER_LENGTH + 16);
  const masking = createCipheriv("chacha20", direction.hp, sample);
  const mask = Buffer.concat([
    masking.update(Buffer.alloc(21)),
    masking.final(),
  ]);
  packet[16]! ^= mask[0]!;
  for (let i = 0; i < 8; i++) packet[8 + i]! ^= mask[1 + i]!;
  for (let i = 0; i < 12; i++) packet[20 + i]! ^= mask[9 + i]!;
  const phase = (packet[16]! & 0x08) === 0 ? 0 : 1;
  const { generations } = direction;
  // A packet of the other phase has the next keys, or comes late with the last.
  const newest = generations.length - 1;
  const candidates = newest % 2 === phase ? [newest] : [newest + 1, newest - 1];
  for (const generation of candidates) {
    if (generation < 0) continue;
    if (generation > newest) {
      direction.secret = derive(direction.secret, "mxp v1 ku");
      generations.push(keysOf(direction.secret));
    }
    const plaintext = openWith(
      packet,
      direction.cipher,
      generations[generation]!,
    );
    if (plaintext !== undefined) {
      const packetNumber = Number(packet.readBigUInt64LE(8));
      return { packetNumber, generation, plaintext };
    }
  }
  assert.fail("A packet does not open with the logged keys");
}

function openWith(
  packet: Buffer,
  cipher: string,
  { key, iv }: { key: Buffer; iv: Buffer },
): Uint8Array | undefined {
  const nonce = Buffer.from(iv);
  for (let i = 0; i < 8; i++) nonce[i]! ^= packet[8 + i]!;
  const options = { authTagLength: TAG_LENGTH };
  const decipher = cipher === "aes-256-gcm"
    ? createDecipheriv("aes-256-gcm", key, nonce, options)
    : createDecipheriv("chacha20-poly1305", key, nonce, options);
  const body = packet.subarray(HEADER_LENGTH, -TAG_LENGTH);
  decipher.setAAD(packet.subarray(0, HEADER_LENGTH), {
    plaintextLength: body.length,
  });
  decipher.setAuthTag(packet.subarray(-TAG_LENGTH));
  try {
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch {
    return undefined;
  }
}

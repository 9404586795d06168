/**
 * Protected packets, written anew from docs/spec/transport.md: any flag, any
 * number, any reserved byte, any generation of keys.
 *
 * @module
 */
import {
  type AeadSuite,
  createHeaderProtection,
  createPacketAead,
  deriveTrafficKeys,
  type HeaderProtection,
  nextTrafficSecret,
  type PacketAead,
} from "../../crypto/mod.ts";
import { HEADER_BYTES } from "./handshake_codec.ts";

/** The flag of the key phase. */
export const PHASE_FLAG = 0x08;

/** The flag of a packet that has to be acknowledged. */
export const ELICITING_FLAG = 0x02;

/** The flag of a packet that acknowledges others. */
export const ACK_FLAG = 0x04;

/** The flag of a packet that wants to be acknowledged at once. */
export const PROBE_FLAG = 0x10;

const TAG_BYTES = 16;
const NUMBER_OFFSET = 8;
const FLAGS_OFFSET = 16;
const RESERVED_OFFSET = 17;
const LENGTH_OFFSET = 18;
const NONCE_OFFSET = 20;

/** What is sealed into a packet. */
export interface PlainPacket {
  /** Where it goes. */
  readonly connectionId: Uint8Array;
  /** Its number. */
  readonly packetNumber: number;
  /** Flags without the key phase. */
  readonly flags: number;
  /**
   * The byte behind the flags.
   *
   * @default {0}
   */
  readonly reservedByte?: number;
  /** Its frames. */
  readonly plaintext: Uint8Array;
  /** How often the keys were updated before. */
  readonly generation: number;
}

/** What was in a packet. */
export interface OpenedPacket {
  /** Where it went. */
  readonly connectionId: Uint8Array;
  /** Its number. */
  readonly packetNumber: number;
  /** All its flags. */
  readonly flags: number;
  /** The byte behind the flags. */
  readonly reservedByte: number;
  /** Its frames. */
  readonly plaintext: Uint8Array;
  /** How often the keys were updated before. */
  readonly generation: number;
}

interface Keys {
  readonly aead: PacketAead;
  readonly iv: Uint8Array;
}

/** The keys of one direction, all generations so far and one ahead. */
export class PacketKeys {
  readonly #suite: AeadSuite;
  readonly #mask: HeaderProtection;
  readonly #keys: Keys[] = [];
  #nextSecret: Uint8Array;

  /**
   * @param suite The suite in use.
   * @param secret The first secret of the direction, 32 bytes; borrowed.
   */
  constructor(suite: AeadSuite, secret: Uint8Array) {
    this.#suite = suite;
    this.#nextSecret = secret.slice();
    this.#mask = createHeaderProtection(
      deriveTrafficKeys(secret).headerProtectionKey,
    );
  }

  /**
   * Seals a packet.
   *
   * @param plain What to seal.
   * @returns The whole packet.
   */
  seal(plain: PlainPacket): Uint8Array {
    const { plaintext, generation } = plain;
    const { aead, iv } = this.#generation(generation);
    const packet = new Uint8Array(HEADER_BYTES + plaintext.length + TAG_BYTES);
    const view = new DataView(packet.buffer);
    packet.set(plain.connectionId);
    view.setBigUint64(NUMBER_OFFSET, BigInt(plain.packetNumber), true);
    packet[FLAGS_OFFSET] = plain.flags | (generation % 2) * PHASE_FLAG;
    packet[RESERVED_OFFSET] = plain.reservedByte ?? 0;
    view.setUint16(LENGTH_OFFSET, plaintext.length + TAG_BYTES, true);
    const nonce = nonceOf(iv, packet);
    packet.set(nonce, NONCE_OFFSET);
    const body = packet.subarray(HEADER_BYTES);
    aead.sealInto(nonce, packet.slice(0, HEADER_BYTES), plaintext, body);
    this.#applyMask(packet, body);
    return packet;
  }

  /**
   * Opens a packet.
   *
   * @param packet The whole packet; not changed.
   * @param current The generation in use; the ones around it are tried too.
   * @returns What is in it, or `undefined` when it does not open.
   */
  open(packet: Uint8Array, current: number): OpenedPacket | undefined {
    if (packet.length < HEADER_BYTES + TAG_BYTES) return undefined;
    const header = packet.slice(0, HEADER_BYTES);
    const body = packet.subarray(HEADER_BYTES);
    this.#applyMask(header, body);
    const flags = header[FLAGS_OFFSET]!;
    const phase = (flags & PHASE_FLAG) === 0 ? 0 : 1;
    const generations = [current, current + 1, current - 1]
      .filter((generation) => generation >= 0 && generation % 2 === phase);
    for (const generation of generations) {
      const { aead, iv } = this.#generation(generation);
      const nonce = nonceOf(iv, header);
      if (nonce.some((byte, at) => header[NONCE_OFFSET + at] !== byte)) {
        continue;
      }
      const plaintext = new Uint8Array(body.length - TAG_BYTES);
      if (aead.openInto(nonce, header, body, plaintext) < 0) continue;
      const packetNumber = Number(
        new DataView(header.buffer).getBigUint64(NUMBER_OFFSET, true),
      );
      const connectionId = header.slice(0, NUMBER_OFFSET);
      const reservedByte = header[RESERVED_OFFSET]!;
      return {
        connectionId,
        packetNumber,
        flags,
        reservedByte,
        plaintext,
        generation,
      };
    }
    return undefined;
  }

  #generation(index: number): Keys {
    while (this.#keys.length <= index) {
      const { key, iv } = deriveTrafficKeys(this.#nextSecret);
      this.#keys.push({ aead: createPacketAead(this.#suite, key), iv });
      this.#nextSecret = nextTrafficSecret(this.#nextSecret);
    }
    return this.#keys[index]!;
  }

  #applyMask(header: Uint8Array, body: Uint8Array): void {
    const mask = new Uint8Array(21);
    this.#mask.mask(body.subarray(0, 16), mask);
    header[FLAGS_OFFSET]! ^= mask[0]!;
    for (let at = 0; at < 8; at++) header[NUMBER_OFFSET + at]! ^= mask[1 + at]!;
    for (let at = 0; at < 12; at++) header[NONCE_OFFSET + at]! ^= mask[9 + at]!;
  }
}

/** IV xor packet number. */
function nonceOf(iv: Uint8Array, header: Uint8Array): Uint8Array {
  const nonce = iv.slice();
  for (let at = 0; at < 8; at++) nonce[at]! ^= header[NUMBER_OFFSET + at]!;
  return nonce;
}

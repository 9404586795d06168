/**
 * Seals and opens the packets of one connection.
 *
 * The nonce is the IV xor the packet number, so it is used once as long as the
 * packet number is: the number counts up and is never reset under a key. Flags,
 * packet number and nonce are masked with a key of their own.
 *
 * Keys are updated without a word (RFC 9001 §6): the key phase bit tells the
 * receiver which generation sealed a packet. The header protection key stays.
 *
 * Spec: docs/spec/transport.md, "Packet protection" (after RFC 9001 §5).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import {
  type AeadSuite,
  createHeaderProtection,
  createPacketAead,
  derivePhaseKeys,
  deriveTrafficKeys,
  HEADER_MASK_LENGTH,
  type HeaderProtection,
  type PacketAead,
  type PhaseKeys,
  type ProviderName,
  TRAFFIC_SECRET_LENGTH,
  wipe,
} from "../../crypto/mod.ts";
import {
  encodePacketHeader,
  PACKET_FLAGS_OFFSET,
  PACKET_HEADER_LENGTH,
  PACKET_NONCE_LENGTH,
  PACKET_NONCE_OFFSET,
  PACKET_NUMBER_OFFSET,
  PACKET_TAG_LENGTH,
  PacketFlags,
  readPacketNumber,
} from "../../protocol/mod.ts";
import {
  type AeadLimits,
  aeadLimits,
  CLOSE_RESERVE_PACKETS,
} from "./aead_limits.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";

/** Size of the packet number in a header, in bytes. */
const PACKET_NUMBER_LENGTH = 8;

/**
 * The header that was unmasked last, and the mask before it is applied. Shared:
 * {@linkcode PacketProtection.open} follows at once, and small arrays of its own
 * cost a connection some 0.4 KB each.
 */
const HEADER: Uint8Array = new Uint8Array(PACKET_HEADER_LENGTH);
const MASK: Uint8Array = new Uint8Array(HEADER_MASK_LENGTH);

/** The AEAD of one direction in one key phase. */
class PhaseCipher {
  readonly aead: PacketAead;
  /** Where its IV stands among what the connection keeps. */
  readonly ivAt: number;

  constructor(aead: PacketAead, ivAt: number) {
    this.aead = aead;
    this.ivAt = ivAt;
  }
}

/**
 * What a connection keeps beside its ciphers, in one array, for a small one costs
 * 0.4 KB beside its bytes: the secrets of the phases after those whose ciphers are
 * there, the IV of what is sent, and those of three phases of what is received.
 */
const NEXT_SEND_SECRET_AT = 0;
const NEXT_RECEIVE_SECRET_AT: number = TRAFFIC_SECRET_LENGTH;
const SEND_IV_AT: number = 2 * TRAFFIC_SECRET_LENGTH;
const RECEIVE_IV_AT: number = SEND_IV_AT + PACKET_NONCE_LENGTH;
/** The phase in use, the one before and the next one. */
const RECEIVE_PHASE_COUNT = 3;
const KEPT_LENGTH: number = RECEIVE_IV_AT +
  RECEIVE_PHASE_COUNT * PACKET_NONCE_LENGTH;

/** Options of {@linkcode PacketProtection}. */
export interface PacketProtectionOptions {
  /** Suite that the handshake settled on. */
  readonly suite: AeadSuite;
  /** Secret of the packets that this side sends, 32 bytes; owned and wiped here. */
  readonly sendSecret: Uint8Array;
  /** Secret of the packets that this side receives, 32 bytes; owned and wiped here. */
  readonly receiveSecret: Uint8Array;
  /** Which implementation of the primitives to use. */
  readonly provider: ProviderName | undefined;
  /**
   * How much a key may be used.
   *
   * @default {those of the suite}
   */
  readonly limits?: AeadLimits;
}

/** Both directions of a connection's packet protection. */
export class PacketProtection {
  readonly #suite: AeadSuite;
  readonly #limits: AeadLimits;
  readonly #provider: ProviderName | undefined;
  readonly #sendMask: HeaderProtection;
  readonly #receiveMask: HeaderProtection;

  readonly #kept: Uint8Array = CONNECTION_BYTES.allocate(KEPT_LENGTH);
  #send: PhaseCipher;
  #receive: PhaseCipher;
  /**
   * Made ahead, so that a forged phase bit costs no derivation (RFC 9001 §6.3):
   * with the second packet, for the first answer is waited for.
   */
  #receiveNext: PhaseCipher | undefined;
  #receivePrevious: PhaseCipher | undefined;
  #sendPhase = 0;
  #receivePhase = 0;
  /** Lowest packet number received in the current phase. */
  #receivePhaseStart = 0;
  /** First packet number sent in the current phase. */
  #sendPhaseStart = 0;
  #isSendPhaseAcked = false;
  #nextPacketNumber = 0;
  #keyUpdateCount = 0;
  #sendKeyUpdateCount = 0;
  #forgedCount = 0;
  #flags = 0;
  #packetNumber = -1;

  /** @param options Suite, secrets and provider. */
  constructor(options: PacketProtectionOptions) {
    const { suite, provider, sendSecret, receiveSecret } = options;
    this.#suite = suite;
    this.#limits = options.limits ?? aeadLimits(suite);
    this.#provider = provider;
    const send = deriveTrafficKeys(sendSecret);
    const receive = deriveTrafficKeys(receiveSecret);
    wipe(sendSecret, receiveSecret);
    this.#sendMask = createHeaderProtection(send.headerProtectionKey);
    this.#receiveMask = createHeaderProtection(receive.headerProtectionKey);
    this.#send = this.#keep(send, NEXT_SEND_SECRET_AT, SEND_IV_AT);
    this.#receive = this.#keep(receive, NEXT_RECEIVE_SECRET_AT, RECEIVE_IV_AT);
    wipe(send.headerProtectionKey, receive.headerProtectionKey);
  }

  /** Keeps the keys of a phase; those that were there are overwritten. */
  #keep(keys: PhaseKeys, secretAt: number, ivAt: number): PhaseCipher {
    const aead = createPacketAead(this.#suite, keys.key, this.#provider);
    this.#kept.set(keys.nextSecret, secretAt);
    this.#kept.set(keys.iv, ivAt);
    wipe(keys.key, keys.nextSecret);
    return new PhaseCipher(aead, ivAt);
  }

  #deriveNext(secretAt: number, ivAt: number): PhaseCipher {
    const secret = this.#kept.subarray(
      secretAt,
      secretAt + TRAFFIC_SECRET_LENGTH,
    );
    return this.#keep(derivePhaseKeys(secret), secretAt, ivAt);
  }

  /**
   * Whether a key has reached a limit of its use, and the connection has to end
   * (RFC 9001 §6.6). What is left of the key is for the closes.
   */
  get isExhausted(): boolean {
    const { confidentialityPackets, integrityPackets } = this.#limits;
    return this.packetsSealedInPhase >=
        confidentialityPackets - CLOSE_RESERVE_PACKETS ||
      this.#forgedCount >= integrityPackets;
  }

  /** Packets of one key after which its replacement cannot wait: half of what it may seal. */
  get updateAfterPackets(): number {
    return Math.floor(this.#limits.confidentialityPackets / 2);
  }

  /** Packets that claimed to be the peer's and did not open, over all keys. */
  get forgedCount(): number {
    return this.#forgedCount;
  }

  /** How many packets the current key has sealed. */
  get packetsSealedInPhase(): number {
    return this.#nextPacketNumber - this.#sendPhaseStart;
  }

  /** How often the keys of what is received were updated. */
  get keyUpdateCount(): number {
    return this.#keyUpdateCount;
  }

  /** How often the keys of what is sent were updated. */
  get sendKeyUpdateCount(): number {
    return this.#sendKeyUpdateCount;
  }

  /** Flags of the packet whose header was unmasked last, without the key phase. */
  get flags(): number {
    return this.#flags & ~PacketFlags.KEY_PHASE;
  }

  /**
   * Starts to send under new keys. It has to wait until the peer has followed
   * the previous update, and has acknowledged a packet of the current phase
   * (RFC 9001 §6.1).
   *
   * @returns Whether the keys were updated.
   */
  updateKeys(): boolean {
    if (this.#sendPhase !== this.#receivePhase || !this.#isSendPhaseAcked) {
      return false;
    }
    // Late packets of the phase before the last one are given up (RFC 9001 §6.5).
    this.dropPreviousKeys();
    this.#updateSendKeys();
    return true;
  }

  /** Forgets the keys before the last update: what they sealed is too late now. */
  dropPreviousKeys(): void {
    this.#receivePrevious?.aead.wipe();
    this.#receivePrevious = undefined;
  }

  /**
   * The peer has acknowledged a packet.
   *
   * @param packetNumber Its number.
   */
  onPacketAcked(packetNumber: number): void {
    if (packetNumber >= this.#sendPhaseStart) this.#isSendPhaseAcked = true;
  }

  /**
   * Seals a packet in place. The plaintext stands behind the room for the
   * header; the tag follows it. The key phase flag is set here.
   *
   * @param buffer Holds the packet; `offset + 32 + plaintextLength + 16` bytes at least.
   * @param offset Where the packet starts.
   * @param packet Connection id, packet number (above all before it), flags,
   * and length of the plaintext in bytes.
   * @returns Length of the packet, in bytes.
   */
  seal(
    buffer: Uint8Array,
    offset: number,
    packet: {
      readonly connectionId: Uint8Array;
      readonly packetNumber: number;
      readonly flags: number;
      readonly plaintextLength: number;
    },
  ): number {
    const { connectionId, packetNumber, plaintextLength } = packet;
    assert(
      packetNumber >= this.#nextPacketNumber,
      "A packet number is used once",
    );
    // RFC 9001 §6.6: not one packet more, whatever the caller believes.
    assert(
      packetNumber - this.#sendPhaseStart < this.#limits.confidentialityPackets,
      "A key seals no more than its limit",
    );
    const flags = packet.flags |
      (this.#sendPhase === 0 ? 0 : PacketFlags.KEY_PHASE);
    const payloadLength = plaintextLength + PACKET_TAG_LENGTH;
    encodePacketHeader(buffer, offset, {
      connectionId,
      packetNumber,
      flags,
      payloadLength,
    });
    const { aead, ivAt } = this.#send;
    for (let i = 0; i < PACKET_NONCE_LENGTH; i++) {
      buffer[offset + PACKET_NONCE_OFFSET + i] = nonceByte(
        this.#kept,
        ivAt,
        buffer,
        offset,
        i,
      );
    }
    aead.sealPacket(buffer, offset, PACKET_HEADER_LENGTH, plaintextLength);
    this.#sendMask.maskAt(buffer, offset + PACKET_HEADER_LENGTH, MASK);
    applyMask(buffer, offset, MASK);
    this.#nextPacketNumber = packetNumber + 1;
    return PACKET_HEADER_LENGTH + payloadLength;
  }

  /**
   * Unmasks the header of a packet into a scratch of our own; the packet is
   * left as it is. {@linkcode PacketProtection.open} must follow for the same
   * packet, before any other packet of any connection.
   *
   * @param buffer Holds the packet.
   * @param offset Where the packet starts; its payload has at least 16 bytes.
   * @returns The claimed packet number, or -1 when it cannot be one.
   */
  unmask(buffer: Uint8Array, offset: number): number {
    const header = HEADER;
    for (let i = 0; i < PACKET_HEADER_LENGTH; i++) {
      header[i] = buffer[offset + i]!;
    }
    this.#receiveMask.maskAt(buffer, offset + PACKET_HEADER_LENGTH, MASK);
    applyMask(header, 0, MASK);
    this.#flags = header[PACKET_FLAGS_OFFSET]!;
    this.#packetNumber = readPacketNumber(header, PACKET_NUMBER_OFFSET);
    return this.#packetNumber;
  }

  /**
   * Opens the packet whose header was just unmasked. The first packet of the
   * peer's next key phase makes this side follow.
   *
   * @param packet The whole packet; borrowed, not changed.
   * @param into Where the plaintext goes.
   * @returns Length of the plaintext in bytes, or -1 when the packet is forged
   * or its keys are gone.
   */
  open(packet: Uint8Array, into: Uint8Array): number {
    const phase = (this.#flags & PacketFlags.KEY_PHASE) === 0 ? 0 : 1;
    const packetNumber = this.#packetNumber;
    if (phase === this.#receivePhase) {
      const length = this.#openWith(this.#receive, packet, into);
      if (length >= 0) {
        if (packetNumber > 0) this.#prepareNext();
        this.#receivePhaseStart = Math.min(
          this.#receivePhaseStart,
          packetNumber,
        );
      }
      return length;
    }
    // RFC 9001 §6.5: an old packet number with the other phase is a late packet.
    if (packetNumber < this.#receivePhaseStart) {
      const previous = this.#receivePrevious;
      return previous === undefined
        ? -1
        : this.#openWith(previous, packet, into);
    }
    const length = this.#openWith(this.#prepareNext(), packet, into);
    if (length >= 0) this.#followPeer(packetNumber);
    return length;
  }

  /** Takes the peer's key update, and makes ours if it was not the first (RFC 9001 §6.2). */
  #followPeer(packetNumber: number): void {
    this.dropPreviousKeys();
    this.#receivePrevious = this.#receive;
    this.#receive = this.#prepareNext();
    this.#receiveNext = undefined;
    this.#keyUpdateCount++;
    this.#prepareNext();
    this.#receivePhase ^= 1;
    this.#receivePhaseStart = packetNumber;
    if (this.#sendPhase !== this.#receivePhase) this.#updateSendKeys();
  }

  #updateSendKeys(): void {
    this.#send.aead.wipe();
    this.#send = this.#deriveNext(NEXT_SEND_SECRET_AT, SEND_IV_AT);
    this.#sendPhase ^= 1;
    this.#sendKeyUpdateCount++;
    this.#sendPhaseStart = this.#nextPacketNumber;
    this.#isSendPhaseAcked = false;
  }

  #prepareNext(): PhaseCipher {
    // The IV before last is in nobody's use any more.
    const index = (this.#keyUpdateCount + 1) % RECEIVE_PHASE_COUNT;
    return this.#receiveNext ??= this.#deriveNext(
      NEXT_RECEIVE_SECRET_AT,
      RECEIVE_IV_AT + index * PACKET_NONCE_LENGTH,
    );
  }

  #openWith(keys: PhaseCipher, packet: Uint8Array, into: Uint8Array): number {
    const header = HEADER;
    // The nonce in the header repeats what the packet number says, and both are
    // associated data: one that differs is a forgery.
    for (let i = 0; i < PACKET_NONCE_LENGTH; i++) {
      if (
        header[PACKET_NONCE_OFFSET + i] !==
          nonceByte(this.#kept, keys.ivAt, header, 0, i)
      ) {
        return this.#forged();
      }
    }
    const length = keys.aead.openPacket(
      header,
      packet,
      PACKET_HEADER_LENGTH,
      packet.length - PACKET_HEADER_LENGTH,
      into,
    );
    return length < 0 ? this.#forged() : length;
  }

  #forged(): number {
    this.#forgedCount++;
    return -1;
  }
}

/** One byte of the nonce: IV xor packet number, which a plain header holds. */
function nonceByte(
  ivs: Uint8Array,
  ivAt: number,
  header: Uint8Array,
  offset: number,
  index: number,
): number {
  return index < PACKET_NUMBER_LENGTH
    ? ivs[ivAt + index]! ^ header[offset + PACKET_NUMBER_OFFSET + index]!
    : ivs[ivAt + index]!;
}

function applyMask(bytes: Uint8Array, offset: number, mask: Uint8Array): void {
  bytes[offset + PACKET_FLAGS_OFFSET]! ^= mask[0]!;
  for (let i = 0; i < PACKET_NUMBER_LENGTH; i++) {
    bytes[offset + PACKET_NUMBER_OFFSET + i]! ^= mask[1 + i]!;
  }
  for (let i = 0; i < PACKET_NONCE_LENGTH; i++) {
    bytes[offset + PACKET_NONCE_OFFSET + i]! ^= mask[9 + i]!;
  }
}

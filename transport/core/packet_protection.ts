/**
 * Seals and opens the packets of one connection.
 *
 * The nonce is the IV xor the packet number, so it is used once as long as the
 * packet number is: the number counts up and is never reset under a key. Flags,
 * packet number and nonce are masked with a key of their own.
 *
 * Spec: docs/spec/transport.md, "Packet protection" (after RFC 9001 §5).
 *
 * @module
 */
import {
  type AeadSuite,
  createHeaderProtection,
  createPacketAead,
  deriveTrafficKeys,
  type HeaderProtection,
  type PacketAead,
  type ProviderName,
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
  readPacketNumber,
} from "../../protocol/mod.ts";

/** Bytes of ciphertext that the mask is made from (RFC 9001 §5.4.2). */
const SAMPLE_LENGTH = 16;

/** Bytes of mask: 1 for the flags, 8 for the packet number, 12 for the nonce. */
const MASK_LENGTH: number = 1 + 8 + PACKET_NONCE_LENGTH;

/**
 * Packets that one key may seal. ChaCha20-Poly1305 has no limit that matters
 * (RFC 9001 §6.6), so the protocol's own holds: 2^32.
 */
const CONFIDENTIALITY_LIMIT_PACKETS: Record<AeadSuite, number> = {
  "chacha20-poly1305": 2 ** 32,
  "aes-256-gcm": 2 ** 23,
};

/** Forged packets after which a key is no longer trusted (RFC 9001 §6.6). */
const INTEGRITY_LIMIT_PACKETS: Record<AeadSuite, number> = {
  "chacha20-poly1305": 2 ** 36,
  "aes-256-gcm": 2 ** 52,
};

/** The keys of one direction. */
interface DirectionKeys {
  readonly aead: PacketAead;
  readonly headerProtection: HeaderProtection;
  readonly iv: Uint8Array;
}

/** Options of {@linkcode PacketProtection}. */
export interface PacketProtectionOptions {
  /** Suite that the handshake settled on. */
  readonly suite: AeadSuite;
  /** Secret of the packets that this side sends, 32 bytes; wiped here. */
  readonly sendSecret: Uint8Array;
  /** Secret of the packets that this side receives, 32 bytes; wiped here. */
  readonly receiveSecret: Uint8Array;
  /** Which implementation of the primitives to use. */
  readonly provider: ProviderName | undefined;
}

/** Both directions of a connection's packet protection. */
export class PacketProtection {
  readonly #suite: AeadSuite;
  readonly #send: DirectionKeys;
  readonly #receive: DirectionKeys;
  readonly #mask: Uint8Array = new Uint8Array(MASK_LENGTH);
  readonly #nonce: Uint8Array = new Uint8Array(PACKET_NONCE_LENGTH);
  readonly #header: Uint8Array = new Uint8Array(PACKET_HEADER_LENGTH);
  #sealedCount = 0;
  #forgedCount = 0;
  #flags = 0;

  /** @param options Suite, secrets and provider. */
  constructor(options: PacketProtectionOptions) {
    this.#suite = options.suite;
    this.#send = directionKeys(
      options.suite,
      options.sendSecret,
      options.provider,
    );
    this.#receive = directionKeys(
      options.suite,
      options.receiveSecret,
      options.provider,
    );
  }

  /** Whether a key has reached a limit of its use, and the connection has to end. */
  get isExhausted(): boolean {
    return this.#sealedCount >= CONFIDENTIALITY_LIMIT_PACKETS[this.#suite] ||
      this.#forgedCount >= INTEGRITY_LIMIT_PACKETS[this.#suite];
  }

  /** Flags of the packet whose header was unmasked last. */
  get flags(): number {
    return this.#flags;
  }

  /**
   * Seals a packet in place. The plaintext stands behind the room for the
   * header; the tag follows it.
   *
   * @param buffer Holds the packet; `offset + 32 + plaintextLength + 16` bytes at least.
   * @param offset Where the packet starts.
   * @param packet Connection id, packet number, flags, and length of the plaintext in bytes.
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
    const { connectionId, packetNumber, flags, plaintextLength } = packet;
    const payloadLength = plaintextLength + PACKET_TAG_LENGTH;
    encodePacketHeader(buffer, offset, {
      connectionId,
      packetNumber,
      flags,
      payloadLength,
    });
    const nonce = this.#nonceOf(this.#send.iv, buffer, offset);
    buffer.set(nonce, offset + PACKET_NONCE_OFFSET);
    const bodyOffset = offset + PACKET_HEADER_LENGTH;
    const body = buffer.subarray(bodyOffset, bodyOffset + payloadLength);
    this.#send.aead.sealInto(
      nonce,
      buffer.subarray(offset, bodyOffset),
      body.subarray(0, plaintextLength),
      body,
    );
    this.#send.headerProtection.mask(
      body.subarray(0, SAMPLE_LENGTH),
      this.#mask,
    );
    applyMask(buffer, offset, this.#mask);
    this.#sealedCount++;
    return PACKET_HEADER_LENGTH + payloadLength;
  }

  /**
   * Unmasks the header of a packet into a scratch of our own; the packet is
   * left as it is. {@linkcode PacketProtection.open} must follow for the same
   * packet.
   *
   * @param buffer Holds the packet.
   * @param offset Where the packet starts; its payload has at least 16 bytes.
   * @returns The claimed packet number, or -1 when it cannot be one.
   */
  unmask(buffer: Uint8Array, offset: number): number {
    const bodyOffset = offset + PACKET_HEADER_LENGTH;
    const header = this.#header;
    header.set(buffer.subarray(offset, bodyOffset));
    this.#receive.headerProtection.mask(
      buffer.subarray(bodyOffset, bodyOffset + SAMPLE_LENGTH),
      this.#mask,
    );
    applyMask(header, 0, this.#mask);
    this.#flags = header[PACKET_FLAGS_OFFSET]!;
    return readPacketNumber(header, PACKET_NUMBER_OFFSET);
  }

  /**
   * Opens the packet whose header was just unmasked.
   *
   * @param payload Ciphertext and tag; borrowed, not changed.
   * @param into Where the plaintext goes.
   * @returns Length of the plaintext in bytes, or -1 when the packet is forged.
   */
  open(payload: Uint8Array, into: Uint8Array): number {
    const header = this.#header;
    // The nonce in the header repeats what the packet number says, and both are
    // associated data: one that differs is a forgery.
    const nonce = this.#nonceOf(this.#receive.iv, header, 0);
    for (let i = 0; i < PACKET_NONCE_LENGTH; i++) {
      if (header[PACKET_NONCE_OFFSET + i] !== nonce[i]) return this.#forged();
    }
    const length = this.#receive.aead.openInto(nonce, header, payload, into);
    return length < 0 ? this.#forged() : length;
  }

  #forged(): number {
    this.#forgedCount++;
    return -1;
  }

  /** IV xor packet number, read from a plain header. */
  #nonceOf(iv: Uint8Array, header: Uint8Array, offset: number): Uint8Array {
    const nonce = this.#nonce;
    nonce.set(iv);
    for (let i = 0; i < 8; i++) {
      nonce[i]! ^= header[offset + PACKET_NUMBER_OFFSET + i]!;
    }
    return nonce;
  }
}

function directionKeys(
  suite: AeadSuite,
  secret: Uint8Array,
  provider: ProviderName | undefined,
): DirectionKeys {
  const keys = deriveTrafficKeys(secret);
  wipe(secret);
  return {
    aead: createPacketAead(suite, keys.key, provider),
    headerProtection: createHeaderProtection(keys.headerProtectionKey),
    iv: keys.iv,
  };
}

function applyMask(bytes: Uint8Array, offset: number, mask: Uint8Array): void {
  bytes[offset + PACKET_FLAGS_OFFSET]! ^= mask[0]!;
  for (let i = 0; i < 8; i++) {
    bytes[offset + PACKET_NUMBER_OFFSET + i]! ^= mask[1 + i]!;
  }
  for (let i = 0; i < PACKET_NONCE_LENGTH; i++) {
    bytes[offset + PACKET_NONCE_OFFSET + i]! ^= mask[9 + i]!;
  }
}

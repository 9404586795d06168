/**
 * End-to-end sealed payloads: bytes that only the named recipients can open,
 * whoever carries or stores them.
 *
 * ```text
 * offset  size  field           encoding
 *      0     1  version         1
 *      1     1  pattern         1 Noise_N (anonymous sender), 2 Noise_X (known sender)
 *      2     1  recipientCount  1 to 64
 *      3     n  recipients      recipientCount entries:
 *                 8  hint           first bytes of SHA-256("mxp seal hint" ||
 *                                   ephemeral key || recipient's public key)
 *                 2  messageLength  u16, little-endian: 112 (N) or 160 (X)
 *                 m  message        Noise message, 25519 ChaChaPoly SHA256; its
 *                                   first 32 bytes are the ephemeral key
 *    3+n     c  ciphertext      ChaCha20-Poly1305, ends with the 16-byte tag
 * ```
 *
 * Each Noise message carries the content key and the SHA-256 of the
 * ciphertext, so a recipient who learned the content key cannot pass other
 * content to the others as the sender's. A content key seals once: its nonce
 * is zero.
 *
 * @module
 */
import { concat } from "../internal/concat.ts";
import type { RandomSource } from "../internal/random_source.ts";
import { createPacketAead } from "./aead.ts";
import { isEqualConstantTime, wipe } from "./constant_time.ts";
import { CryptoError, requireLength } from "./error.ts";
import { sha256, SHA256_LENGTH } from "./hash.ts";
import { HandshakeState } from "./noise/handshake_state.ts";
import {
  AEAD_KEY_LENGTH,
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  X25519_KEY_LENGTH,
} from "./provider/provider.ts";
import { isSmallOrder } from "./small_order.ts";
import type { KeyPair } from "./x25519.ts";

/** Most recipients of one sealed payload. */
export const MAX_SEAL_RECIPIENTS = 64;
/** Largest plaintext, in bytes: that of a message payload. */
export const MAX_SEAL_PLAINTEXT_LENGTH = 16_777_216;

const VERSION = 1;
const HEAD_LENGTH = 3;
const HINT_LENGTH = 8;
const ENTRY_HEAD_LENGTH = HINT_LENGTH + 2;
/** What a Noise message carries: the content key and a digest. */
const CAPSULE_LENGTH = AEAD_KEY_LENGTH + SHA256_LENGTH;

/** How a pattern is marked and named, and how long its messages are. */
interface SealPattern {
  readonly id: number;
  readonly protocolName: string;
  readonly messageLength: number;
}

const ANONYMOUS: SealPattern = {
  id: 1,
  protocolName: "Noise_N_25519_ChaChaPoly_SHA256",
  messageLength: X25519_KEY_LENGTH + CAPSULE_LENGTH + AEAD_TAG_LENGTH,
};
const AUTHENTICATED: SealPattern = {
  id: 2,
  protocolName: "Noise_X_25519_ChaChaPoly_SHA256",
  messageLength: 2 * X25519_KEY_LENGTH + CAPSULE_LENGTH + 2 * AEAD_TAG_LENGTH,
};

const HINT_LABEL = new TextEncoder().encode("mxp seal hint");
const PROLOGUE_LABEL = new TextEncoder().encode("mxp sealed payload v1");
const NONE = new Uint8Array();
const ZERO_NONCE = new Uint8Array(AEAD_NONCE_LENGTH);

/** Who can open a sealed payload, and from whom it comes. */
export interface SealOptions {
  /** Public keys of 32 bytes, 1 to 64 of them. */
  readonly recipients: readonly Uint8Array[];
  /**
   * The sender's key pair, to prove to each recipient who sealed it.
   *
   * @default {anonymous: nobody learns who sealed it}
   */
  readonly sender?: KeyPair | undefined;
  /**
   * What the recipient must know alike, such as the header around the payload.
   *
   * @default {no bytes}
   */
  readonly associatedData?: Uint8Array | undefined;
  /** Where content and ephemeral keys come from. */
  readonly random: RandomSource;
}

/** With what a sealed payload is opened. */
export interface OpenOptions {
  /** The recipient's key pair. */
  readonly recipient: KeyPair;
  /**
   * The same as when it was sealed.
   *
   * @default {no bytes}
   */
  readonly associatedData?: Uint8Array | undefined;
}

/** What was in a sealed payload. */
export interface OpenedPayload {
  /** The content, owned by the caller. */
  readonly plaintext: Uint8Array;
  /** The sender's public key, if the sender was named; proven. */
  readonly sender?: Uint8Array;
}

/**
 * Computes the size of a sealed payload.
 *
 * @param options How many recipients, and whether the sender is named.
 * @param plaintextLength The size of the content, in bytes.
 * @returns The size in bytes.
 */
export function sealedPayloadLength(
  options: { readonly recipientCount: number; readonly hasSender: boolean },
  plaintextLength: number,
): number {
  const pattern = options.hasSender ? AUTHENTICATED : ANONYMOUS;
  const entryLength = ENTRY_HEAD_LENGTH + pattern.messageLength;
  return HEAD_LENGTH + options.recipientCount * entryLength + plaintextLength +
    AEAD_TAG_LENGTH;
}

/**
 * Seals a payload for one or more recipients.
 *
 * @param options Recipients, sender, associated data and random source.
 * @param plaintext What to seal, at most 16 MiB; borrowed.
 * @returns The sealed payload, owned by the caller.
 * @throws {CryptoError} `INVALID_LENGTH` for no or too many recipients or too
 * large a plaintext, `INVALID_KEY` or `WEAK_PUBLIC_KEY` for a key that is none.
 *
 * @example Usage
 * ```ts
 * import { generateKeyPair, openPayload, sealPayload } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * const random = {
 *   fillPublic: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 *   fillSecret: (into: Uint8Array) => void crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
 * };
 * const recipient = generateKeyPair(random);
 * const sealed = sealPayload(
 *   { recipients: [recipient.publicKey], random },
 *   new Uint8Array([1, 2, 3]),
 * );
 * assert.deepEqual(
 *   openPayload({ recipient }, sealed)?.plaintext,
 *   new Uint8Array([1, 2, 3]),
 * );
 * ```
 */
export function sealPayload(
  options: SealOptions,
  plaintext: Uint8Array,
): Uint8Array {
  const { recipients, sender, random } = options;
  checkSeal(recipients, plaintext);
  const pattern = sender ? AUTHENTICATED : ANONYMOUS;
  const digest = sha256(options.associatedData ?? NONE);
  const sealed = new Uint8Array(sealedPayloadLength(
    { recipientCount: recipients.length, hasSender: sender !== undefined },
    plaintext.length,
  ));
  sealed.set([VERSION, pattern.id, recipients.length]);
  const entryLength = ENTRY_HEAD_LENGTH + pattern.messageLength;
  const bodyAt = HEAD_LENGTH + recipients.length * entryLength;
  const body = sealed.subarray(bodyAt);

  const capsule = new Uint8Array(CAPSULE_LENGTH);
  const contentKey = capsule.subarray(0, AEAD_KEY_LENGTH);
  random.fillSecret(contentKey);
  const cipher = createPacketAead("chacha20-poly1305", contentKey);
  try {
    cipher.sealInto(ZERO_NONCE, contentData(sealed, digest), plaintext, body);
    capsule.set(sha256(body), AEAD_KEY_LENGTH);
    recipients.forEach((recipient, index) => {
      const at = HEAD_LENGTH + index * entryLength;
      const handshake = new HandshakeState({
        protocolName: pattern.protocolName,
        role: "initiator",
        prologue: prologueOf(digest),
        remoteStaticPublicKey: recipient,
        staticPrivateKey: sender?.privateKey,
        random,
      });
      const message = handshake.writeMessage(capsule);
      handshake.wipe();
      sealed.set(hintOf(message, recipient), at);
      sealed[at + HINT_LENGTH] = message.length & 0xff;
      sealed[at + HINT_LENGTH + 1] = message.length >>> 8;
      sealed.set(message, at + ENTRY_HEAD_LENGTH);
    });
  } finally {
    cipher.wipe();
    wipe(capsule);
  }
  return sealed;
}

/**
 * Opens a sealed payload.
 *
 * @param options The recipient's key pair and the associated data.
 * @param sealed Any bytes; borrowed.
 * @returns The content and its sender, or `undefined` when it is malformed, not
 * for this recipient, or not authentic: which of these, nobody is told.
 * @throws {CryptoError} `INVALID_KEY` when a key of the recipient is not 32 bytes.
 */
export function openPayload(
  options: OpenOptions,
  sealed: Uint8Array,
): OpenedPayload | undefined {
  const { publicKey, privateKey } = options.recipient;
  requireLength("Public key", publicKey, X25519_KEY_LENGTH, "INVALID_KEY");
  requireLength("Private key", privateKey, X25519_KEY_LENGTH, "INVALID_KEY");
  const layout = parseLayout(sealed);
  if (layout === undefined) return undefined;
  const digest = sha256(options.associatedData ?? NONE);
  for (const { hint, message } of layout.entries) {
    // The hint spares a Diffie-Hellman for each entry that is for others.
    if (!isEqualConstantTime(hint, hintOf(message, publicKey))) continue;
    const opened = openEntry(layout, message, privateKey, digest);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

interface Layout {
  readonly pattern: SealPattern;
  readonly head: Uint8Array;
  readonly entries: { hint: Uint8Array; message: Uint8Array }[];
  readonly body: Uint8Array;
}

function parseLayout(sealed: Uint8Array): Layout | undefined {
  const [version, id, count] = sealed;
  const pattern = id === ANONYMOUS.id
    ? ANONYMOUS
    : id === AUTHENTICATED.id
    ? AUTHENTICATED
    : undefined;
  if (version !== VERSION || pattern === undefined || !count) return undefined;
  if (count > MAX_SEAL_RECIPIENTS) return undefined;
  const entryLength = ENTRY_HEAD_LENGTH + pattern.messageLength;
  const body = sealed.subarray(HEAD_LENGTH + count * entryLength);
  if (
    body.length < AEAD_TAG_LENGTH ||
    body.length > MAX_SEAL_PLAINTEXT_LENGTH + AEAD_TAG_LENGTH
  ) return undefined;
  const entries: Layout["entries"] = [];
  for (let index = 0; index < count; index++) {
    const at = HEAD_LENGTH + index * entryLength;
    const entry = sealed.subarray(at, at + entryLength);
    const length = entry[HINT_LENGTH]! | (entry[HINT_LENGTH + 1]! << 8);
    if (length !== pattern.messageLength) return undefined;
    entries.push({
      hint: entry.subarray(0, HINT_LENGTH),
      message: entry.subarray(ENTRY_HEAD_LENGTH),
    });
  }
  return { pattern, head: sealed, entries, body };
}

function openEntry(
  layout: Layout,
  message: Uint8Array,
  staticPrivateKey: Uint8Array,
  digest: Uint8Array,
): OpenedPayload | undefined {
  const handshake = new HandshakeState({
    protocolName: layout.pattern.protocolName,
    role: "responder",
    prologue: prologueOf(digest),
    staticPrivateKey,
  });
  let capsule: Uint8Array;
  try {
    capsule = handshake.readMessage(message);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  } finally {
    handshake.wipe();
  }
  try {
    const bodyDigest = capsule.subarray(AEAD_KEY_LENGTH);
    if (!isEqualConstantTime(bodyDigest, sha256(layout.body))) return undefined;
    const plaintext = new Uint8Array(layout.body.length - AEAD_TAG_LENGTH);
    const cipher = createPacketAead(
      "chacha20-poly1305",
      capsule.subarray(0, AEAD_KEY_LENGTH),
    );
    const data = contentData(layout.head, digest);
    const length = cipher.openInto(ZERO_NONCE, data, layout.body, plaintext);
    cipher.wipe();
    if (length < 0) return undefined;
    const sender = handshake.remoteStaticPublicKey;
    return sender ? { plaintext, sender } : { plaintext };
  } finally {
    wipe(capsule);
  }
}

function checkSeal(
  recipients: readonly Uint8Array[],
  plaintext: Uint8Array,
): void {
  // A key itself is a list of numbers.
  if (!Array.isArray(recipients)) {
    throw new CryptoError(
      "INVALID_KEY",
      "Seal: recipients must be an array of public keys",
    );
  }
  if (recipients.length < 1 || recipients.length > MAX_SEAL_RECIPIENTS) {
    throw new CryptoError(
      "INVALID_LENGTH",
      `Seal: 1 to ${MAX_SEAL_RECIPIENTS} recipients, got ${recipients.length}`,
    );
  }
  for (const recipient of recipients) checkRecipient(recipient);
  if (plaintext.length > MAX_SEAL_PLAINTEXT_LENGTH) {
    throw new CryptoError(
      "INVALID_LENGTH",
      `Seal: at most ${MAX_SEAL_PLAINTEXT_LENGTH} bytes, got ${plaintext.length}`,
    );
  }
}

/** @param recipient Whatever somebody without types has given. */
function checkRecipient(recipient: unknown): void {
  // A text of 32 characters would pass for bytes of a key that nobody holds.
  if (
    !(recipient instanceof Uint8Array) ||
    recipient.length !== X25519_KEY_LENGTH
  ) {
    throw new CryptoError(
      "INVALID_KEY",
      `Seal: each recipient must be a public key of ${X25519_KEY_LENGTH} bytes`,
    );
  }
  if (isSmallOrder(recipient)) {
    throw new CryptoError(
      "WEAK_PUBLIC_KEY",
      "Seal: a recipient is nobody's key, a point of small order",
    );
  }
}

function hintOf(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const ephemeral = message.subarray(0, X25519_KEY_LENGTH);
  return sha256(HINT_LABEL, ephemeral, publicKey).subarray(0, HINT_LENGTH);
}

function prologueOf(digest: Uint8Array): Uint8Array {
  return concat(PROLOGUE_LABEL, digest);
}

/** Associated data of the content: the three bytes of the head, then the digest. */
function contentData(sealed: Uint8Array, digest: Uint8Array): Uint8Array {
  return concat(sealed.subarray(0, HEAD_LENGTH), digest);
}

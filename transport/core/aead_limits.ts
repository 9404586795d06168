/**
 * How much one key may be used (RFC 9001 §6.6).
 *
 * The figures of RFC 9001 hold for packets of up to 2^16 bytes, which is what a
 * datagram carries at most.
 *
 * @module
 */
import type { AeadSuite } from "../../crypto/mod.ts";

/** Bounds of use, in packets. */
export interface AeadLimits {
  /** Packets that one key may seal. */
  readonly confidentialityPackets: number;
  /** Packets of a connection that may fail to open, over all its keys. */
  readonly integrityPackets: number;
}

/**
 * ChaCha20-Poly1305 has no limit of confidentiality that could be reached
 * (RFC 9001 §6.6), so the protocol's own holds: 2^32.
 */
const LIMITS: Readonly<Record<AeadSuite, AeadLimits>> = {
  "chacha20-poly1305": {
    confidentialityPackets: 2 ** 32,
    integrityPackets: 2 ** 36,
  },
  "aes-256-gcm": {
    confidentialityPackets: 2 ** 23,
    integrityPackets: 2 ** 52,
  },
};

/** Packets of a key that are left for its connection's closes, of which few are sent. */
export const CLOSE_RESERVE_PACKETS = 64;

/**
 * The limits of a cipher.
 *
 * @param aead The cipher.
 * @param stricter What the configuration allows; it never widens a limit.
 * @returns The limits that hold.
 */
export function aeadLimits(
  aead: AeadSuite,
  stricter: {
    readonly maxPacketsPerKey?: number;
    readonly maxForgedPackets?: number;
  } = {},
): AeadLimits {
  const limits = LIMITS[aead];
  const { confidentialityPackets, integrityPackets } = limits;
  const { maxPacketsPerKey = Infinity, maxForgedPackets = Infinity } = stricter;
  const isStricter = maxPacketsPerKey < confidentialityPackets ||
    maxForgedPackets < integrityPackets;
  // Shared by all connections where nothing is stricter.
  return !isStricter ? limits : {
    confidentialityPackets: Math.min(confidentialityPackets, maxPacketsPerKey),
    integrityPackets: Math.min(integrityPackets, maxForgedPackets),
  };
}

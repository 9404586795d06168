/**
 * The flag byte of a message.
 *
 * @module
 */

/** Flags of a message. Bits 4 to 7 are reserved and must be 0. */
export const MessageFlags = {
  /** No flag. */
  NONE: 0,
  /** The payload is an original length and a zstd frame. */
  COMPRESSED: 1,
  /** The body in the payload is sealed from end to end. */
  ENCRYPTED: 2,
  /** An `Event` is answered with an `Ack`; other types are not. */
  REQUIRES_ACK: 4,
  /** Nothing follows in this direction: a hint, which nobody has to set. */
  FINAL: 8,
} as const;

/** The bits that must be 0. */
export const RESERVED_MESSAGE_FLAGS = 0xf0;

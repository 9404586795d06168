/**
 * Numbers that the wire fixes. Changing one of them makes another protocol.
 *
 * @module
 */

/**
 * First four bytes of a message as an integer, stored little-endian: on the
 * wire `31 50 58 4D`. A new major version has another number.
 */
export const MESSAGE_MAGIC = 0x4d585031;

/** Size of a message header, in bytes. */
export const MESSAGE_HEADER_LENGTH = 32;

/** Size of the checksum after the payload, in bytes. */
export const MESSAGE_CHECKSUM_LENGTH = 8;

/** What a message adds to its payload, in bytes. */
export const MESSAGE_OVERHEAD: number = MESSAGE_HEADER_LENGTH +
  MESSAGE_CHECKSUM_LENGTH;

/** Largest payload of a message, in bytes: 16 MiB. */
export const MAX_PAYLOAD_LENGTH = 16_777_216;

/** Size of an agent id, in bytes: those of a UUID. */
export const AGENT_ID_LENGTH = 16;

/** Size of a stream id in a `StreamOpen` payload, in bytes. */
export const MESSAGE_STREAM_ID_LENGTH = 16;

/** Size of an X25519 public key, in bytes. */
export const PUBLIC_KEY_LENGTH = 32;

/** UDP port of a node that names none. */
export const DEFAULT_PORT = 9000;

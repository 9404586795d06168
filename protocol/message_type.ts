/**
 * The type byte of a message.
 *
 * @module
 */

/** Message types that this version defines. `0x80` to `0xEF` belong to applications. */
export const MessageType = {
  /** Registers an agent with a node. */
  AGENT_REGISTER: 0x01,
  /** Asks a node for agents. */
  AGENT_DISCOVER: 0x02,
  /** Tells a node that an agent lives, and how busy it is. */
  AGENT_HEARTBEAT: 0x03,
  /** A request that expects a reply. */
  CALL: 0x10,
  /** The reply to a request. */
  RESPONSE: 0x11,
  /** One-way: nobody answers. */
  EVENT: 0x12,
  /** Opens a stream. */
  STREAM_OPEN: 0x20,
  /** A piece of a stream. */
  STREAM_CHUNK: 0x21,
  /** Ends one direction of a stream and says how. */
  STREAM_CLOSE: 0x22,
  /** Confirms a message that asked for it. */
  ACK: 0xf0,
  /** Says that a message failed, and why. */
  ERROR: 0xf1,
} as const;

/** A type byte that this version defines. */
export type MessageType = typeof MessageType[keyof typeof MessageType];

/** First type byte that belongs to applications. */
export const FIRST_CUSTOM_MESSAGE_TYPE = 0x80;

/** Last type byte that belongs to applications. */
export const LAST_CUSTOM_MESSAGE_TYPE = 0xef;

/** One entry for each byte: 1 where a message may carry it. A table, since every message asks. */
const VALID = new Uint8Array(256);
for (const type of Object.values(MessageType)) VALID[type] = 1;
VALID.fill(1, FIRST_CUSTOM_MESSAGE_TYPE, LAST_CUSTOM_MESSAGE_TYPE + 1);

/**
 * Tells whether this version defines a type.
 *
 * @param type A type byte.
 * @returns True for the members of {@linkcode MessageType}.
 */
export function isKnownMessageType(type: number): type is MessageType {
  return VALID[type] === 1 && !isCustomMessageType(type);
}

/**
 * Tells whether a type belongs to applications.
 *
 * @param type A type byte.
 * @returns True from `0x80` to `0xEF`.
 */
export function isCustomMessageType(type: number): boolean {
  return type >= FIRST_CUSTOM_MESSAGE_TYPE && type <= LAST_CUSTOM_MESSAGE_TYPE;
}

/**
 * Tells whether a message may carry a type: known or custom.
 *
 * @param type Any number.
 * @returns False for what a decoder refuses.
 */
export function isValidMessageType(type: number): boolean {
  return VALID[type] === 1;
}

/**
 * Tells whether the receiver of a message owes an answer because of its type.
 * What an application does with its own types is not known here: false.
 *
 * @param type A type byte.
 * @returns True for registration, discovery, heartbeat, call and stream opening.
 */
export function requiresReply(type: number): boolean {
  switch (type) {
    case MessageType.AGENT_REGISTER:
    case MessageType.AGENT_DISCOVER:
    case MessageType.AGENT_HEARTBEAT:
    case MessageType.CALL:
    case MessageType.STREAM_OPEN:
      return true;
    default:
      return false;
  }
}

/**
 * Tells whether a message answers an earlier one because of its type.
 *
 * @param type A type byte.
 * @returns True for response, ack and error.
 */
export function isReply(type: number): boolean {
  return type === MessageType.RESPONSE || type === MessageType.ACK ||
    type === MessageType.ERROR;
}

/**
 * The numbers that name frames on the wire.
 *
 * @module
 */

/** First byte of a frame. The stream family occupies 0x11 to 0x17. */
export const FrameType = {
  /** A zero byte that fills space. */
  PADDING: 0x00,
  /** Base of the stream family; {@linkcode StreamFrameBits} are added to it. */
  STREAM: 0x10,
  /** Bytes that may be lost. */
  DATAGRAM: 0x20,
  /** Packet numbers that arrived. */
  ACK: 0x30,
  /** Handshake bytes. */
  CRYPTO: 0x40,
  /** One of {@linkcode ControlType}, named by the second byte. */
  CONTROL: 0x50,
  /** Credit of one stream. */
  STREAM_MAX_DATA: 0x60,
  /** Credit of the connection. */
  CONNECTION_MAX_DATA: 0x61,
} as const;

/** Bits added to {@linkcode FrameType.STREAM}; at least one is set. */
export const StreamFrameBits = {
  /** The frame opens the stream and states its priority. */
  OPEN: 1,
  /** The frame carries bytes. */
  DATA: 2,
  /** The frame states the final size. */
  FIN: 4,
} as const;

/** Second byte of a control frame. */
export const ControlType = {
  /** Asks for an acknowledgement. */
  PING: 1,
  /** Asks a path to prove itself. */
  PATH_CHALLENGE: 2,
  /** Answers a path challenge. */
  PATH_RESPONSE: 3,
  /** Offers another connection id. */
  NEW_CONNECTION_ID: 4,
  /** Hands out a resumption ticket. */
  TICKET: 5,
  /** Abandons the sending side of a stream. */
  RESET_STREAM: 6,
  /** Asks the peer to abandon its sending side. */
  STOP_SENDING: 7,
  /** Ends the connection. */
  CLOSE: 8,
  /** Credit for opening streams. */
  MAX_STREAMS: 9,
  /** Gives up a connection id of the peer. */
  RETIRE_CONNECTION_ID: 10,
  /** Says how often to acknowledge. */
  ACK_FREQUENCY: 11,
} as const;

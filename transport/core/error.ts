/**
 * Errors of the transport, and the close codes that travel on the wire.
 *
 * @module
 */
import { type Fault, MxpError } from "../../internal/error.ts";
import type { LimitName } from "./limits.ts";

/** What can go wrong in the transport. */
export type TransportErrorCode =
  | "ADDRESS_IN_USE"
  | "BIND_FAILED"
  | "CARRIER_FAILED"
  | "CLOSED"
  | "CLOSED_BY_PEER"
  | "CONNECTION_LOST"
  | "DATAGRAM_TOO_LARGE"
  | "FINAL_SIZE"
  | "FLOW_CONTROL"
  | "FRAME_ENCODING"
  | "HANDSHAKE_FAILED"
  | "HANDSHAKE_TIMEOUT"
  | "INVALID_CONFIG"
  | "LIMIT"
  | "PEER_KEY_MISMATCH"
  | "PROTOCOL_VIOLATION"
  | "STREAM_LIMIT"
  | "STREAM_RESET"
  | "STREAM_STATE"
  | "STREAM_STOPPED"
  | "VERSION_UNSUPPORTED";

/** Options of a {@linkcode TransportError}. */
export interface TransportErrorOptions {
  /** Who has to change something; derived from the code when absent. */
  readonly fault?: Fault;
  /** What was thrown below. */
  readonly cause?: unknown;
  /** The number that travelled in a close, reset or stop frame, if one did. */
  readonly closeCode?: number;
  /** Which limit the peer has passed, if it was one. */
  readonly limit?: LimitName;
}

const PEER_FAULTS: ReadonlySet<TransportErrorCode> = new Set<
  TransportErrorCode
>([
  "CLOSED_BY_PEER",
  "FINAL_SIZE",
  "FLOW_CONTROL",
  "FRAME_ENCODING",
  "HANDSHAKE_FAILED",
  "LIMIT",
  "PEER_KEY_MISMATCH",
  "PROTOCOL_VIOLATION",
  "STREAM_RESET",
  "STREAM_STOPPED",
  "VERSION_UNSUPPORTED",
]);
const NETWORK_FAULTS: ReadonlySet<TransportErrorCode> = new Set<
  TransportErrorCode
>([
  "CARRIER_FAILED",
  "CONNECTION_LOST",
  "HANDSHAKE_TIMEOUT",
]);

function faultOf(code: TransportErrorCode): Fault {
  if (PEER_FAULTS.has(code)) return "peer";
  return NETWORK_FAULTS.has(code) ? "network" : "caller";
}

/** An error of the transport. */
export class TransportError extends MxpError<TransportErrorCode> {
  /** The number that travelled in a close, reset or stop frame, if one did. */
  readonly closeCode: number | undefined;
  /** Which limit the peer has passed, if it was one. */
  readonly limit: LimitName | undefined;

  /**
   * Describes what went wrong.
   *
   * @param code Stable identifier.
   * @param message One line for a person.
   * @param options Fault, cause and close code.
   */
  constructor(
    code: TransportErrorCode,
    message: string,
    options: TransportErrorOptions = {},
  ) {
    super(code, message, {
      fault: options.fault ?? faultOf(code),
      cause: options.cause,
    });
    this.closeCode = options.closeCode;
    this.limit = options.limit;
  }
}

/**
 * Codes of the close frame. The names follow RFC 9000 §20.1 where one fits;
 * numbers from {@linkcode APPLICATION_CLOSE_CODE_BASE} on belong to the
 * application.
 */
export const CloseCode = {
  /** Nothing is wrong. */
  NO_ERROR: 0x00,
  /** Our own fault. */
  INTERNAL_ERROR: 0x01,
  /** New connections are not taken: nothing that came on this one was done. */
  CONNECTION_REFUSED: 0x02,
  /** More data than the credit allows. */
  FLOW_CONTROL_ERROR: 0x03,
  /** More streams than granted. */
  STREAM_LIMIT_ERROR: 0x04,
  /** A frame on a stream that cannot take it. */
  STREAM_STATE_ERROR: 0x05,
  /** A stream whose final size changed. */
  FINAL_SIZE_ERROR: 0x06,
  /** A frame that cannot be decoded. */
  FRAME_ENCODING_ERROR: 0x07,
  /** A handshake payload that cannot be used. */
  TRANSPORT_PARAMETER_ERROR: 0x08,
  /** More connection ids than allowed. */
  CONNECTION_ID_LIMIT_ERROR: 0x09,
  /** Any other breach of the protocol. */
  PROTOCOL_VIOLATION: 0x0a,
  /** A bound on what a peer may cause was passed. */
  LIMIT_ERROR: 0x0d,
} as const;

/** First close code that the application may use for itself. */
export const APPLICATION_CLOSE_CODE_BASE = 0x100;

const CLOSE_CODES: Partial<Record<TransportErrorCode, number>> = {
  FINAL_SIZE: CloseCode.FINAL_SIZE_ERROR,
  FLOW_CONTROL: CloseCode.FLOW_CONTROL_ERROR,
  FRAME_ENCODING: CloseCode.FRAME_ENCODING_ERROR,
  LIMIT: CloseCode.LIMIT_ERROR,
  PROTOCOL_VIOLATION: CloseCode.PROTOCOL_VIOLATION,
  STREAM_LIMIT: CloseCode.STREAM_LIMIT_ERROR,
  STREAM_STATE: CloseCode.STREAM_STATE_ERROR,
};

/**
 * The close code that tells a peer about an error.
 *
 * @param error What was thrown while its packet was processed.
 * @returns A number of {@linkcode CloseCode}.
 */
export function closeCodeOf(error: MxpError): number {
  if (error instanceof TransportError && error.closeCode !== undefined) {
    return error.closeCode;
  }
  return CLOSE_CODES[error.code as TransportErrorCode] ??
    CloseCode.INTERNAL_ERROR;
}

/**
 * How a connection ends (RFC 9000 §10): what is told to the peer, how often,
 * and what to the application.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { MxpError } from "../../internal/error.ts";
import { oneLine } from "../../internal/printable.ts";
import { decodeFrame } from "../../protocol/frame/mod.ts";
import { CloseCode, closeCodeOf, TransportError } from "./error.ts";

/**
 * Probe timeouts that the end of a connection, and keys that were replaced,
 * leave room for (RFC 9000 §10.1, §10.2; RFC 9001 §6.5).
 */
export const END_PTO_COUNT = 3;

/** What a close frame says. */
export interface Closing {
  /** Close code. */
  readonly code: number;
  /** For a person. */
  readonly reason: string;
}

/** An end that this side brings about: what the peer and the application are told. */
export interface Ending {
  /** For the peer. */
  readonly closing: Closing;
  /** For the application. */
  readonly error: TransportError;
}

/** What the peer's close is answered with: that it was heard (RFC 9000 §10.2.2). */
export const CLOSE_ANSWER: Closing = { code: CloseCode.NO_ERROR, reason: "" };

/** The closes that a connection sends when it is over. */
export class CloseRepetition {
  readonly #closing: Closing;
  #isDue = true;
  #packetsReceived = 0;
  #timeoutCount = 0;

  /** @param closing What they say. The first one is due at once. */
  constructor(closing: Closing) {
    this.#closing = closing;
  }

  /** RFC 9000 §10.2.1: answer ever more rarely, after 1, 2, 4, 8, … packets. */
  handlePacket(): void {
    this.#packetsReceived++;
    if ((this.#packetsReceived & (this.#packetsReceived - 1)) === 0) {
      this.#isDue = true;
    }
  }

  /**
   * A probe timeout has gone by without a word that the peer has heard of it: the
   * close may be lost, and a peer with nothing to say does not ask for it.
   *
   * @returns Whether it is repeated; otherwise that was enough.
   */
  handleTimeout(): boolean {
    this.#isDue = ++this.#timeoutCount < END_PTO_COUNT;
    return this.#isDue;
  }

  /** The peer asks again for what was answered with the close. */
  repeat(): void {
    this.#isDue = true;
  }

  /**
   * Takes the close that is due.
   *
   * @returns What it says, or `undefined` when none is due.
   */
  take(): Closing | undefined {
    if (!this.#isDue) return undefined;
    this.#isDue = false;
    return this.#closing;
  }
}

/**
 * The application closes.
 *
 * @param closing What it says.
 */
export function localEnding(closing: Closing): Ending {
  const { code, reason } = closing;
  const why = reason === "" ? "" : `: ${reason}`;
  return {
    closing,
    error: new TransportError(
      "CLOSED",
      `Connection: closed by this side${why}`,
      { closeCode: code },
    ),
  };
}

/** A key has reached a limit of its use. */
export function exhaustedEnding(): Ending {
  const error = new TransportError(
    "LIMIT",
    "Packet protection: limit of use reached",
  );
  return {
    closing: { code: CloseCode.LIMIT_ERROR, reason: error.message },
    error,
  };
}

/**
 * The peer has broken a rule, or we have made a mistake.
 *
 * @param thrown What was thrown while its packet was processed.
 */
export function violationEnding(thrown: unknown): Ending {
  const error = MxpError.from(thrown);
  const isOurs = error.fault === "internal";
  const closing = isOurs
    ? { code: CloseCode.INTERNAL_ERROR, reason: "Internal error" }
    : {
      code: error instanceof TransportError
        ? closeCodeOf(error)
        : CloseCode.FRAME_ENCODING_ERROR,
      reason: error.message,
    };
  if (error instanceof TransportError) return { closing, error };
  return {
    closing,
    error: new TransportError(
      isOurs ? "PROTOCOL_VIOLATION" : "FRAME_ENCODING",
      error.message,
      { fault: error.fault, cause: thrown, closeCode: closing.code },
    ),
  };
}

/**
 * The peer has closed.
 *
 * @param closing What its frame says; anything may stand in its reason.
 * @returns What the application is told.
 */
export function closedByPeer({ code, reason }: Closing): TransportError {
  const detail = reason === "" ? "" : `: ${oneLine(reason)}`;
  return new TransportError(
    "CLOSED_BY_PEER",
    `Connection: closed by the peer with code ${code}${detail}`,
    { closeCode: code },
  );
}

/**
 * Whether the peer says in a packet that it has closed, too: nothing else in it
 * counts once this end has.
 *
 * @param frames What was in the packet; whatever is wrong with it ends nothing more.
 */
export function hasClose(frames: Uint8Array): boolean {
  const reader = new ByteReader(frames);
  try {
    while (reader.remaining > 0) {
      if (decodeFrame(reader).type === "close") return true;
    }
  } catch {
    // As if the rest were not there.
  }
  return false;
}

/**
 * The peer does not speak our version, it says.
 *
 * @param versions What it speaks.
 * @returns What the application is told.
 */
export function versionUnsupported(
  versions: readonly number[],
): TransportError {
  return new TransportError(
    "VERSION_UNSUPPORTED",
    `Handshake: the peer speaks transport version ${
      versions.join(", ")
    }, this side 1`,
  );
}

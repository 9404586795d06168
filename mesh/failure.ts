/**
 * Whatever was thrown, as the error of a call.
 *
 * @module
 */
import { ProtocolError } from "../protocol/mod.ts";
import { TransportError } from "../transport/mod.ts";
import { MAX_ERROR_MESSAGE_LENGTH } from "./config.ts";
import {
  CallError,
  type CallErrorCode,
  type CallErrorOptions,
} from "./error.ts";
import { StatusCode, statusName } from "./status_code.ts";

/** What became of a call when the transport failed below it. */
const TRANSPORT_CODES: Partial<Record<string, CallErrorCode>> = {
  CONNECTION_LOST: "CONNECTION_LOST",
  CLOSED_BY_PEER: "CONNECTION_LOST",
  CLOSED: "CONNECTION_LOST",
  HANDSHAKE_TIMEOUT: "UNAVAILABLE",
  HANDSHAKE_FAILED: "UNAVAILABLE",
  CARRIER_FAILED: "UNAVAILABLE",
  STREAM_LIMIT: "RESOURCE_EXHAUSTED",
  LIMIT: "RESOURCE_EXHAUSTED",
  PEER_KEY_MISMATCH: "UNAUTHENTICATED",
  VERSION_UNSUPPORTED: "FAILED_PRECONDITION",
};

/** What is said about a handler that said nothing itself. */
const HANDLER_FAILED = "Handler: failed";

/**
 * Turns what went wrong at the caller's end into what the caller gets.
 *
 * @param thrown Any value.
 * @param facts What is known about the call.
 * @returns A {@linkcode CallError}; what the caller itself gave wrongly stays
 * the `ProtocolError` or `CryptoError` that says so; an abort's reason stays
 * as it is.
 */
export function toCallFailure(
  thrown: unknown,
  facts: CallErrorOptions = {},
): unknown {
  if (thrown instanceof CallError) return withFacts(thrown, facts);
  if (thrown instanceof TransportError) {
    return fromTransport(thrown, facts);
  }
  if (thrown instanceof ProtocolError && thrown.fault !== "caller") {
    return new CallError("INTERNAL", `Answer: ${thrown.message}`, {
      ...facts,
      cause: thrown,
    });
  }
  return thrown;
}

/**
 * Checks what a call is given up with: a reason, or what an input threw. It never
 * throws: whoever hears of the reason may look at it.
 *
 * @param reason Any value.
 * @returns The reason; where nothing can be said about it, since it is a proxy or
 * its getters throw, a `CANCELLED` of which it is the cause.
 */
export function toAbortReason(reason: unknown): unknown {
  try {
    const text = reason instanceof Error ? reason.message : reason;
    String(text);
    return reason;
  } catch {
    return new CallError(
      "CANCELLED",
      "Call: given up without a legible reason",
      {
        cause: reason,
      },
    );
  }
}

/**
 * Turns what a handler threw, or was ended with, into what its caller is told:
 * never a stack, and at most 500 characters. It never throws: a handler of plain
 * JavaScript throws whatever it likes.
 *
 * @param thrown Any value.
 * @param isSecret Whether only a `CallError` may say something: the text of others
 * often names what the handler was given.
 * @returns The error to send, which can be encoded.
 */
export function toHandlerFailure(
  thrown: unknown,
  isSecret = false,
): CallError {
  try {
    const failure = toCallFailure(thrown);
    if (failure instanceof CallError) {
      return isSecret && !(thrown instanceof CallError)
        ? new CallError(failure.code, HANDLER_FAILED, { cause: thrown })
        : toEncodable(failure);
    }
  } catch {
    // Its getters throw, or it is a proxy: nothing can be said about it.
  }
  const message = isSecret ? "" : messageOf(thrown);
  return new CallError("INTERNAL", message || HANDLER_FAILED, {
    cause: thrown,
  });
}

/**
 * What an error says about itself, limited for the wire. It never throws.
 *
 * @param thrown Any value.
 * @returns The first line of its message, as {@linkcode limit} gives it; empty
 * where there is none.
 */
export function messageOf(thrown: unknown): string {
  try {
    const message: unknown = thrown instanceof Error ? thrown.message : "";
    return typeof message === "string" ? limit(message) : "";
  } catch {
    return "";
  }
}

/**
 * What was thrown, in words, for a person at this end. It never throws.
 *
 * @param thrown Any value.
 * @returns The message of an error, else the value as text.
 */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "it cannot be put into words";
  }
}

/**
 * Limits a text for the wire.
 *
 * @param text Any text.
 * @returns Its first line, at most 500 characters, well formed.
 */
export function limit(text: string): string {
  const [line = ""] = text.split(/[\r\n]/, 1);
  return line.slice(0, MAX_ERROR_MESSAGE_LENGTH).toWellFormed();
}

function fromTransport(
  error: TransportError,
  facts: CallErrorOptions,
): CallError {
  const options = { ...facts, cause: error };
  if (error.code === "STREAM_RESET" || error.code === "STREAM_STOPPED") {
    const name = statusName(error.closeCode ?? StatusCode.UNKNOWN);
    return new CallError(
      name === "OK" ? "CANCELLED" : name,
      "Call: given up by the callee",
      options,
    );
  }
  return new CallError(
    TRANSPORT_CODES[error.code] ?? "INTERNAL",
    error.message,
    options,
  );
}

/** Leaves out what is not as the types say: JavaScript does not check them. */
function toEncodable(error: CallError): CallError {
  const { code, status, message, retryAfterMs } = error;
  const name = code === "CONNECTION_LOST" ? "UNAVAILABLE" : code;
  const hasCode = Number.isInteger(status) && status !== StatusCode.OK &&
    statusName(status) === name;
  const hasMessage = typeof message === "string";
  const hasTime = typeof retryAfterMs === "number";
  if (hasCode && hasMessage && (hasTime || retryAfterMs === undefined)) {
    return error;
  }
  return new CallError(
    hasCode ? code : "INTERNAL",
    hasMessage ? message : HANDLER_FAILED,
    { retryAfterMs: hasTime ? retryAfterMs : undefined, cause: error },
  );
}

/** Adds the facts that the error does not have. */
function withFacts(error: CallError, facts: CallErrorOptions): CallError {
  const isComplete = (error.capability ?? facts.capability) ===
      error.capability && (error.method ?? facts.method) === error.method;
  if (isComplete) return error;
  return new CallError(error.code, error.message, {
    fault: error.fault,
    cause: error.cause,
    retryAfterMs: error.retryAfterMs,
    capability: error.capability ?? facts.capability,
    method: error.method ?? facts.method,
  });
}

/**
 * Whether a peer wants no more of a stream; it may say why in its answer.
 *
 * @param error What writing failed with.
 */
export function isStopped(error: unknown): boolean {
  return error instanceof TransportError && error.code === "STREAM_STOPPED";
}

/**
 * Whether the time of a call was over, or too little of it was left.
 *
 * @param reason What it was given up with, or refused.
 */
export function isTooLate(reason: unknown): boolean {
  return reason instanceof CallError && reason.code === "DEADLINE_EXCEEDED";
}

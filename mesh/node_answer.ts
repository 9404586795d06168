/**
 * What a node answers: replies and refusals as messages.
 *
 * @module
 */
import {
  type Content,
  ContentType,
  encodeAck,
  encodeError,
  encodeResponse,
  encodeValue,
  type Message,
  MessageType,
  ProtocolError,
} from "../protocol/mod.ts";
import { RegistryError, type RegistryErrorCode } from "../registry/mod.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { limit } from "./failure.ts";
import type { OutgoingMessage } from "./message_channel.ts";
import { NODE_RETRY_AFTER_MS } from "./node_config.ts";
import { StatusCode } from "./status_code.ts";

const REGISTRY_STATUS: Readonly<Record<RegistryErrorCode, CallErrorCode>> = {
  RECORD_INVALID: "INVALID_ARGUMENT",
  QUERY_INVALID: "INVALID_ARGUMENT",
  REGISTRY_FULL: "RESOURCE_EXHAUSTED",
  KEY_LIMIT: "RESOURCE_EXHAUSTED",
  NOT_OWNER: "PERMISSION_DENIED",
  STORE_FAILED: "UNAVAILABLE",
  CLOSED: "UNAVAILABLE",
};

/** The ids that an answer repeats. */
type MessageFacts = Pick<Message, "messageId" | "traceId">;

/** An answer without a value. */
export const NO_CONTENT: Content = {
  contentType: ContentType.BYTES,
  body: new Uint8Array(0),
};

/**
 * Turns a value into content: text, bytes, or JSON.
 *
 * @param value The value.
 */
export function contentOf(value: unknown): Content {
  return encodeValue(value);
}

/**
 * Makes the answer to a request that succeeded.
 *
 * @param request What is answered.
 * @param content The answer.
 */
export function responseTo(
  request: MessageFacts,
  content: Content,
): OutgoingMessage {
  const { messageId, traceId } = request;
  return {
    type: MessageType.RESPONSE,
    messageId,
    traceId,
    payload: encodeResponse({ status: StatusCode.OK, ...content }),
  };
}

/**
 * Makes the confirmation of an event.
 *
 * @param event What is confirmed.
 */
export function ackOf(event: MessageFacts): OutgoingMessage {
  const { messageId, traceId } = event;
  return {
    type: MessageType.ACK,
    messageId,
    traceId,
    payload: encodeAck({ messageId, status: StatusCode.OK }),
  };
}

/**
 * Makes the answer to a request that failed.
 *
 * @param request What is answered.
 * @param error Why.
 */
export function refusalOf(
  request: MessageFacts,
  error: CallError,
): OutgoingMessage {
  const { messageId, traceId } = request;
  return {
    type: MessageType.ERROR,
    messageId,
    traceId,
    payload: encodeError({
      status: error.status,
      retryAfterMs: error.retryAfterMs ?? 0,
      messageId,
      message: limit(error.message),
    }),
  };
}

/**
 * Turns what went wrong with a request into what its sender is told.
 *
 * @param thrown Any value.
 * @returns The error; `INTERNAL`, with no detail, for a fault of our own.
 */
export function toRefusal(thrown: unknown): CallError {
  if (thrown instanceof CallError) return thrown;
  if (thrown instanceof RegistryError) {
    const status = REGISTRY_STATUS[thrown.code];
    const isTemporary = status === "RESOURCE_EXHAUSTED" ||
      status === "UNAVAILABLE";
    return new CallError(status, thrown.message, {
      cause: thrown,
      ...(isTemporary ? { retryAfterMs: NODE_RETRY_AFTER_MS } : {}),
    });
  }
  if (thrown instanceof ProtocolError) {
    return new CallError("INVALID_ARGUMENT", thrown.message, { cause: thrown });
  }
  return new CallError("INTERNAL", "Node: the request failed", {
    fault: "internal",
    cause: thrown,
  });
}

/**
 * Answers of a callee, read at the caller.
 *
 * @module
 */
import {
  decodeError,
  decodeResponse,
  type Message,
  MessageType,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type { BudgetAmounts } from "./budget.ts";
import { readPayload, type SealedValue, unpackValue } from "./content.ts";
import { isCostly, turnToDecode, turnToRead } from "./decoding_turns.ts";
import { CallError } from "./error.ts";
import { decodeReplyFacts } from "./reply_extension.ts";
import { StatusCode } from "./status_code.ts";

/** An error that the callee answered. */
export interface ErrorAnswer {
  /** What the caller gets. */
  readonly error: CallError;
  /** Whether the handler never ran, so that the call can go elsewhere. */
  readonly isNotStarted: boolean;
  /** What was spent all the same. */
  readonly spent: BudgetAmounts | undefined;
}

/** The value that the callee answered. */
export interface ValueAnswer {
  /** The value; a {@linkcode SealedValue} when it is sealed for others. */
  readonly value: Value | SealedValue;
  /** What was spent for it. */
  readonly spent: BudgetAmounts | undefined;
}

/**
 * Reads an Error message.
 *
 * @param message The message.
 * @returns The error; its message is the peer's.
 * @throws {ProtocolError} When the payload cannot be decoded.
 */
export function readError(message: Message): ErrorAnswer {
  const payload = decodeError(readPayload(message));
  const { isNotStarted, spent } = decodeReplyFacts(payload.extensions);
  const error = CallError.fromStatus(payload.status, payload.message, {
    retryAfterMs: payload.retryAfterMs === 0 ? undefined : payload.retryAfterMs,
  });
  return { error, isNotStarted, spent };
}

/** Who receives an answer, and what was called. */
export interface ResponseOptions {
  /** Opens what is sealed for it. */
  readonly keyPair: KeyPair;
  /** The method. */
  readonly method: string;
}

/**
 * Reads the answer of a call.
 *
 * @param message The message that came; nothing when the callee ended without one.
 * @param options Who receives, and what was called.
 * @returns The value; a promise of it when it may take long to decode.
 * @throws {CallError} What the callee answered; `DATA_LOSS` without an answer;
 * `UNIMPLEMENTED` when the method answers with a stream.
 * @throws {ProtocolError} When the message cannot be decoded.
 */
export function readResponse(
  message: Message | undefined,
  options: ResponseOptions,
): ValueAnswer | Promise<ValueAnswer> {
  if (message?.type !== MessageType.RESPONSE) {
    throw noResponse(options.method, message);
  }
  return isCostly(message)
    ? readCostlyResponse(message, options)
    : toValue(message.flags, decodeResponse(message.payload), options);
}

async function readCostlyResponse(
  message: Message,
  options: ResponseOptions,
): Promise<ValueAnswer> {
  await turnToRead(message);
  const response = decodeResponse(readPayload(message));
  await turnToDecode(message.flags, response);
  return toValue(message.flags, response, options);
}

function toValue(
  flags: number,
  response: ReturnType<typeof decodeResponse>,
  { keyPair, method }: ResponseOptions,
): ValueAnswer {
  const { spent } = decodeReplyFacts(response.extensions);
  if (response.status !== StatusCode.OK) {
    throw CallError.fromStatus(
      response.status,
      `Call of ${method}: answered with status ${response.status}`,
    );
  }
  return { value: unpackValue(flags, response, keyPair), spent };
}

function noResponse(method: string, message: Message | undefined): CallError {
  switch (message?.type) {
    case undefined:
      return new CallError(
        "DATA_LOSS",
        `Call of ${method}: ended without answer`,
      );
    case MessageType.STREAM_CHUNK:
    case MessageType.STREAM_CLOSE:
      return new CallError(
        "UNIMPLEMENTED",
        `Method ${method}: it answers with a stream, not with one value`,
      );
    default:
      return unexpected(method, message!);
  }
}

/**
 * A message that has no place where it came.
 *
 * @param method What was called.
 * @param message What came.
 * @returns The error to throw.
 */
export function unexpected(method: string, message: Message): CallError {
  return new CallError(
    "INTERNAL",
    `Call of ${method}: message of type ${message.type} came for an answer`,
  );
}

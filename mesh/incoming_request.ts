/**
 * A Call or StreamOpen message, decoded at the callee.
 *
 * @module
 */
import {
  decodeCall,
  decodeCallData,
  decodeEnvelope,
  decodeStreamOpen,
  type Envelope,
  type Message,
  MessageFlags,
  MessageType,
  StreamKind,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import { readPayload, type ReceivedContent, unpackContent } from "./content.ts";
import { CallError } from "./error.ts";

/** What is asked for. A class for the reason that `CallContext` is one. */
export class IncomingRequest {
  /** Id of the message: the caller's span. */
  readonly messageId: bigint;
  /** Trace of the caller. */
  readonly traceId: bigint;
  /** Who is meant, 16 bytes; nil for whoever gets it. */
  readonly target: Uint8Array;
  /** What is called. */
  readonly method: string;
  /** With what. */
  readonly content: ReceivedContent;
  /** What the caller hands on. */
  readonly envelope: Envelope;
  /** Time for all of it, in milliseconds; none when absent. */
  readonly timeoutMs: number | undefined;
  /** Whether the caller sends more. */
  readonly hasInput: boolean;
  /** Whether the answer is a stream. */
  readonly isStream: boolean;
  /** Whether the answer may be compressed, as the request was. */
  readonly isCompressed: boolean;

  /**
   * Decodes the first message of a stream.
   *
   * @param message The message; the request holds views of it.
   * @param keyPair Opens what is sealed for this agent.
   * @throws {CallError} `INVALID_ARGUMENT` for a message that asks for nothing.
   * @throws {ProtocolError} When it cannot be decoded.
   */
  constructor(message: Message, keyPair: KeyPair) {
    const head = decodeHead(message);
    const data = decodeCallData(head.data);
    this.messageId = message.messageId;
    this.traceId = message.traceId;
    this.target = head.target;
    this.method = data.method;
    this.content = unpackContent(message.flags, data, keyPair);
    this.envelope = decodeEnvelope(data.extensions);
    this.timeoutMs = this.envelope.deadlineMs ??
      (head.timeoutSeconds > 0 ? head.timeoutSeconds * 1000 : undefined);
    this.hasInput = head.hasInput;
    this.isStream = head.isStream;
    this.isCompressed = (message.flags & MessageFlags.COMPRESSED) !== 0;
  }
}

interface Head {
  readonly target: Uint8Array;
  readonly timeoutSeconds: number;
  readonly data: Uint8Array;
  readonly hasInput: boolean;
  readonly isStream: boolean;
}

function decodeHead(message: Message): Head {
  const payload = readPayload(message);
  switch (message.type) {
    case MessageType.CALL:
      return { ...decodeCall(payload), hasInput: false, isStream: false };
    case MessageType.STREAM_OPEN: {
      const { target, timeoutSeconds = 0, data, kind } = decodeStreamOpen(
        payload,
      );
      if (data === undefined) {
        throw new CallError(
          "INVALID_ARGUMENT",
          "Stream: it was opened without saying what is called",
        );
      }
      const isStream = kind === StreamKind.BOTH_WAYS;
      return { target, timeoutSeconds, data, hasInput: true, isStream };
    }
    default:
      throw new CallError(
        "INVALID_ARGUMENT",
        `Request: an agent takes calls and streams, not messages of type ${message.type}`,
      );
  }
}

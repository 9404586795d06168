/**
 * A Call or StreamOpen message, decoded at the callee.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  type Content,
  decodeCallData,
  decodeEnvelope,
  decodeEnvelopedCall,
  decodeStreamOpen,
  encodeCall,
  encodeCallData,
  type Envelope,
  type EnvelopedCall,
  type Message,
  MessageFlags,
  MessageType,
  StreamKind,
  type StreamOpenPayload,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import { type ReceivedContent, unpackContent } from "./content.ts";
import { MAX_TIMEOUT_MS } from "./config.ts";
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
  /** What the caller hands on. */
  readonly envelope: Envelope;
  /** Time that is left for all of it, in milliseconds; none when absent. */
  timeoutMs: number | undefined;
  /** Whether the caller sends more. */
  readonly hasInput: boolean;
  /** Whether the answer is a stream. */
  readonly isStream: boolean;
  /** Whether the answer may be compressed, as the request was. */
  readonly isCompressed: boolean;
  readonly #flags: number;
  /** The value as it came; a literal, so not held for longer than it is needed. */
  #packed: Content | undefined;
  #content: ReceivedContent | undefined;

  /**
   * Decodes the first message of a stream, all but the value: whether the request
   * is taken at all does not depend on that, which may be costly.
   *
   * @param message The message.
   * @param payload Its payload, decompressed; the request holds views of it.
   * @throws {CallError} `UNIMPLEMENTED` for a message of another type,
   * `INVALID_ARGUMENT` for one that asks for nothing.
   * @throws {ProtocolError} When it cannot be decoded.
   */
  constructor(message: Message, payload: Uint8Array) {
    let call: EnvelopedCall;
    switch (message.type) {
      case MessageType.CALL:
        call = decodeEnvelopedCall(payload);
        this.hasInput = this.isStream = false;
        break;
      case MessageType.STREAM_OPEN: {
        const open = decodeStreamOpen(payload);
        call = toCall(open);
        this.hasInput = true;
        this.isStream = open.kind === StreamKind.BOTH_WAYS;
        break;
      }
      default:
        throw new CallError(
          "UNIMPLEMENTED",
          `Request: an agent takes calls and streams, not messages of type 0x${
            message.type.toString(16)
          }`,
        );
    }
    const { target, timeoutSeconds, data } = call;
    this.messageId = message.messageId;
    this.traceId = message.traceId;
    this.target = target;
    this.method = data.method;
    this.#packed = data;
    this.envelope = data.envelope;
    this.timeoutMs = this.envelope.deadlineMs ??
      (timeoutSeconds > 0
        ? Math.min(timeoutSeconds * 1000, MAX_TIMEOUT_MS)
        : undefined);
    this.#flags = message.flags;
    this.isCompressed = (message.flags & MessageFlags.COMPRESSED) !== 0;
  }

  /** With what, as it came; only before {@linkcode IncomingRequest.unpack}. */
  get packed(): Content {
    return this.#packed!;
  }

  /** With what, opened and decoded; only after {@linkcode IncomingRequest.unpack}. */
  get content(): ReceivedContent {
    return this.#content!;
  }

  /**
   * Takes time off what is left for it.
   *
   * @param waitedMs How long it has waited here, in milliseconds.
   */
  spendTime(waitedMs: number): void {
    if (this.timeoutMs === undefined) return;
    this.timeoutMs = Math.max(0, this.timeoutMs - waitedMs);
  }

  /**
   * Decodes the value.
   *
   * @param keyPair Opens what is sealed for this agent.
   * @throws {ProtocolError} As `unpackContent`.
   */
  unpack(keyPair: KeyPair): void {
    this.#content = unpackContent(this.#flags, this.packed, keyPair);
    this.#packed = undefined;
  }
}

const specimenPayload = encodeCall({
  target: new Uint8Array(16),
  timeoutSeconds: 0,
  data: encodeCallData({
    contentType: 0,
    method: "specimen",
    extensions: [],
    body: new Uint8Array(),
  }),
});
const specimen = new IncomingRequest(
  {
    type: MessageType.CALL,
    flags: 0,
    messageId: 0n,
    traceId: 0n,
    payload: specimenPayload,
  },
  specimenPayload,
);
specimen.unpack(undefined as never);
keepHiddenClass(specimen);

/** What the opening of a stream asks for. */
function toCall(open: StreamOpenPayload): EnvelopedCall {
  const { target, timeoutSeconds = 0, data } = open;
  if (data === undefined) {
    throw new CallError(
      "INVALID_ARGUMENT",
      "Stream: it was opened without saying what is called",
    );
  }
  const { contentType, method, extensions, body } = decodeCallData(data);
  const envelope = decodeEnvelope(extensions);
  return {
    target,
    timeoutSeconds,
    data: { contentType, method, envelope, body },
  };
}

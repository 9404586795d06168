/**
 * A request on its way, and its first message.
 *
 * @module
 */
import {
  encodeCallData,
  encodeEnvelope,
  encodeEnvelopedCallInto,
  encodeStreamOpen,
  type Envelope,
  type EnvelopedCall,
  type Extension,
  maxEnvelopedCallLength,
  MessageType,
  StreamKind,
} from "../protocol/mod.ts";
import type { Instant } from "../internal/instant.ts";
import { type OpenStreamOptions, systemRandom } from "../transport/mod.ts";
import type { CallOptions } from "./call_options.ts";
import type { CallScope } from "./call_scope.ts";
import { compressMessage, type OutgoingContent } from "./content.ts";
import type { MessageChannel } from "./message_channel.ts";
import type { AddressTarget, RegistryTarget } from "./target.ts";

/** What is asked for, of whom, and how. */
export interface OutgoingRequest {
  /** Its limits and its span. */
  readonly scope: CallScope;
  /** Whom it is for. */
  readonly target: RegistryTarget | AddressTarget;
  /** What is called. */
  readonly method: string;
  /** With what. Replaced by what lasts, when it cannot leave at once. */
  content: OutgoingContent;
  /** What the caller said. */
  readonly options: CallOptions;
  /** Whether the answer is a stream. */
  readonly isStream: boolean;
}

/**
 * Whether a request may leave before the handshake is done: early data can be
 * repeated by whoever sees it, where its peer's key is that of several nodes.
 *
 * @param request What is asked for.
 */
export function mayTravelEarly({ options }: OutgoingRequest): boolean {
  return options.isIdempotent === true && options.input === undefined;
}

/** Options of a stream that nobody gave any for. */
const PLAIN_STREAM: OpenStreamOptions = {};

/**
 * How the stream of a request is opened.
 *
 * @param request What is asked for.
 * @returns Options of the stream, not to be changed.
 */
export function streamOptions(
  { options }: OutgoingRequest,
): OpenStreamOptions {
  const { priority } = options;
  return priority === undefined ? PLAIN_STREAM : { priority };
}

/** Writes the first messages of the requests of one agent. */
export class RequestEncoder {
  /** Who calls: the same in every request. */
  readonly #caller: Pick<Envelope, "caller" | "callerId">;
  readonly #callerExtensions: readonly Extension[];
  /** A function of its own: every call hands it on. */
  readonly #encodeCallInto = (
    call: EnvelopedCall,
    into: Uint8Array,
    at: number,
  ): number => encodeEnvelopedCallInto(call, this.#callerExtensions, into, at);

  /** @param self Name and id of the agent, for its callees. */
  constructor(self: { readonly name: string; readonly agentId: Uint8Array }) {
    const { name, agentId } = self;
    this.#caller = {
      callerId: agentId,
      ...(name === "" ? {} : { caller: name }),
    };
    this.#callerExtensions = encodeEnvelope(this.#caller);
  }

  /**
   * Sends the first message of a request, and the end of the direction where
   * nothing can follow.
   *
   * @param channel Where.
   * @param request What is asked for.
   * @param peer Who is asked.
   * @param now The time: what is left of it travels.
   * @returns As `MessageChannel.push`.
   * @throws {ProtocolError} For what cannot be encoded.
   */
  push(
    channel: MessageChannel,
    request: OutgoingRequest,
    peer: { readonly agentId: Uint8Array },
    now: Instant,
  ): Promise<void> | undefined {
    const { scope, method, content, options, isStream } = request;
    const { idempotencyKey, compress } = options;
    const envelope = scope.createEnvelope(now);
    if (idempotencyKey !== undefined) envelope.idempotencyKey = idempotencyKey;
    const { contentType, body, flags } = content;
    const { traceId, spanId: messageId } = scope.span;
    const call = {
      target: peer.agentId,
      // The wire's whole seconds are rounded up beside the milliseconds.
      timeoutSeconds: Math.ceil((envelope.deadlineMs ?? 0) / 1000),
      data: { contentType, method, envelope, body },
    };
    if (isStream || options.input !== undefined) {
      const kind = isStream ? StreamKind.BOTH_WAYS : StreamKind.ONE_WAY;
      const payload = this.#encodeStreamOpen(call, kind);
      return channel.push({
        type: MessageType.STREAM_OPEN,
        messageId,
        traceId,
        ...compressMessage(flags, payload, compress),
      });
    }
    const head = { type: MessageType.CALL, flags, messageId, traceId };
    const maxLength = maxEnvelopedCallLength(call, this.#callerExtensions);
    if (compress === undefined || compress === false) {
      return channel.pushEncoded(
        head,
        maxLength,
        this.#encodeCallInto,
        call,
        true,
      );
    }
    const memory = new Uint8Array(maxLength);
    const payload = memory.subarray(0, this.#encodeCallInto(call, memory, 0));
    return channel.push({
      ...head,
      ...compressMessage(flags, payload, compress),
    });
  }

  #encodeStreamOpen(call: EnvelopedCall, kind: StreamKind): Uint8Array {
    const { contentType, method, envelope, body } = call.data;
    return encodeStreamOpen({
      streamId: createStreamId(),
      target: call.target,
      kind,
      timeoutSeconds: call.timeoutSeconds,
      data: encodeCallData({
        contentType,
        method,
        extensions: encodeEnvelope({ ...envelope, ...this.#caller }),
        body,
      }),
    });
  }
}

/** A stream id of its own: 16 random bytes. */
function createStreamId(): Uint8Array {
  const id = new Uint8Array(16);
  systemRandom.fillPublic(id);
  return id;
}

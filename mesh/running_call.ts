/**
 * One call at its callee, from the handler's start to the answer.
 *
 * @module
 */
import {
  encodeError,
  encodeResponse,
  encodeStreamClose,
  MessageType,
  StreamEnding,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import { formatAddress, type TransportConnection } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import type { AnswerStore } from "./answer_store.ts";
import { Budget } from "./budget.ts";
import { CallContext, runInCall } from "./call_context.ts";
import { CallTimer } from "./call_timer.ts";
import { ChunkSender } from "./chunk_sender.ts";
import type { Clock } from "./clock.ts";
import {
  compressMessage,
  type OutgoingContent,
  packContent,
  SealedValue,
  sealValue,
  type Sendable,
} from "./content.ts";
import { CallError } from "./error.ts";
import { limit, toCallFailure, toHandlerFailure } from "./failure.ts";
import {
  type CallHandler,
  CallPeer,
  CallRequest,
  type Method,
  type StreamHandler,
} from "./handler.ts";
import type { IncomingRequest } from "./incoming_request.ts";
import type { MessageChannel } from "./message_channel.ts";
import { clampRetryAfter, encodeReplyFacts } from "./reply_extension.ts";
import { RequestInput } from "./request_input.ts";
import { StatusCode, type StatusName } from "./status_code.ts";
import type { OpenSpan, Tracing } from "./tracing.ts";

/** What a {@linkcode RunningCall} is made from. */
export interface RunningCallOptions {
  /** What is asked for. */
  readonly request: IncomingRequest;
  /** Its stream. */
  readonly channel: MessageChannel;
  /** Where it came from. */
  readonly connection: TransportConnection;
  /** Aborted when the caller gives up or is gone. */
  readonly race: AbortRace;
  /** The clock. */
  readonly clock: Clock;
  /** Opens the span. */
  readonly tracing: Tracing;
  /** Opens the input, seals the answer. */
  readonly keyPair: KeyPair;
  /** Answers to idempotency keys. */
  readonly answers: AnswerStore;
}

/** Whether the caller is still there to be told how the call ended. */
type Audience = "listening" | "gone";

/** Runs one handler. */
export class RunningCall {
  readonly #options: RunningCallOptions;
  readonly #timer: CallTimer;
  readonly #budget: Budget;
  readonly #span: OpenSpan;
  readonly #context: CallContext;
  readonly #caller: CallPeer;
  readonly #input: RequestInput;
  #audience: Audience = "listening";
  #isAbortedHere = false;
  #chunks: ChunkSender | undefined;
  /** What the handler still does; nothing when it did it at once. */
  #handling: Promise<unknown> | undefined;

  /** @param options The call. */
  constructor(options: RunningCallOptions) {
    this.#options = options;
    const { request, race, connection, keyPair } = options;
    const { envelope } = request;
    this.#budget = new Budget(envelope.budget);
    this.#timer = new CallTimer(
      options.clock,
      { totalMs: request.timeoutMs },
      () =>
        this.abort(
          new CallError(
            "DEADLINE_EXCEEDED",
            `Call of ${
              limit(request.method)
            }: the handler was not done in time`,
          ),
        ),
    );
    race.onAbort(() => {
      // Whoever aborted from outside was the caller, or its connection.
      if (!this.#isAbortedHere) this.#audience = "gone";
    });
    this.#span = options.tracing.open({
      name: request.method,
      kind: "server",
      traceId: request.traceId,
      parentSpanId: request.messageId,
    });
    this.#context = new CallContext({
      traceId: request.traceId,
      spanId: this.#span.spanId,
      race,
      timer: this.#timer,
      budget: this.#budget,
    });
    const { callerId, caller } = envelope;
    this.#caller = new CallPeer({
      publicKey: connection.peerPublicKey,
      agentId: callerId,
      name: caller,
      address: formatAddress(connection.remoteAddress),
    });
    this.#input = new RequestInput({
      channel: request.hasInput ? options.channel : undefined,
      race,
      keyPair,
    });
  }

  /**
   * Ends the call from this side: the caller is told why.
   *
   * @param reason What it is told.
   */
  abort(reason: CallError): void {
    if (this.#options.race.isAborted) return;
    this.#isAbortedHere = true;
    this.#options.race.abort(reason);
  }

  /**
   * Runs the handler and answers.
   *
   * @param method The handler.
   * @returns Resolves when the handler has ended, even one that went on after
   * its caller had gone.
   */
  async run(method: Method): Promise<void> {
    const { request, channel, race } = this.#options;
    if (!request.hasInput) channel.finishReceiving();
    let failure: CallError | undefined;
    try {
      if (method.kind === "call") await this.#answer(method.handler);
      else await this.#stream(method.handler);
      channel.finish();
    } catch (thrown) {
      failure = this.#fail(thrown, method);
    }
    this.#timer.stop();
    if (request.hasInput) this.#input.discard();
    this.#span.end({
      status: statusOf(failure),
      peer: this.#caller.name ?? this.#caller.address,
      bytesSent: channel.bytesSent,
      bytesReceived: channel.bytesReceived,
    });
    // What a failed handler left running is for nobody.
    if (failure !== undefined) race.abort(failure);
    await this.#handling?.catch(() => {});
  }

  async #answer(handler: CallHandler): Promise<void> {
    const { request, answers } = this.#options;
    const work = async (): Promise<OutgoingContent> => {
      const value = await this.#wait(() => handler(this.#createRequest()));
      return packContent(this.#seal(value));
    };
    const { idempotencyKey } = request.envelope;
    const content = idempotencyKey === undefined
      ? await work()
      : await this.#options.race.race(
        answers.run(this.#answerKey(idempotencyKey), work),
      );
    await this.#send(
      MessageType.RESPONSE,
      content.flags,
      encodeResponse({
        status: StatusCode.OK,
        contentType: content.contentType,
        extensions: encodeReplyFacts({ spent: this.#budget.spent }),
        body: content.body,
      }),
    );
  }

  async #stream(handler: StreamHandler): Promise<void> {
    const { channel, request, race } = this.#options;
    const source = await this.#wait(() => handler(this.#createRequest()));
    const chunks = new ChunkSender({
      channel,
      request,
      race,
      source,
      seal: (value) => this.#seal(value),
      inCall: (code) => this.#inCall(code),
    });
    this.#chunks = chunks;
    const sending = chunks.sendAll();
    this.#handling = sending;
    try {
      // Raced once, not chunk by chunk: a race costs as much as a token.
      await race.race(sending);
    } catch (error) {
      this.#handling = Promise.all([
        sending.catch(() => {}),
        this.#enter(async () => await chunks.stop()),
      ]);
      throw error;
    }
    await this.#sendClose(StreamEnding.COMPLETED);
  }

  /** Enters the handler and waits for it, or for the end of the call. */
  #wait<Result>(
    code: () => Result | PromiseLike<Result>,
  ): Result | Promise<Result> {
    const { race } = this.#options;
    race.throwIfAborted();
    const result = this.#enter(code);
    if (!isPromiseLike(result)) return result;
    this.#handling = Promise.resolve(result);
    return race.race(this.#handling as Promise<Result>);
  }

  #enter<Result>(code: () => Result): Result {
    return this.#inCall(code)();
  }

  /** Makes of code what runs as a part of the handler, any number of times. */
  #inCall<Result>(code: () => Result): () => Result {
    const context = this.#context;
    const inSpan = () => this.#span.run(code);
    return () => runInCall(context, inSpan);
  }

  #createRequest(): CallRequest {
    const { request, race } = this.#options;
    return new CallRequest({
      method: request.method,
      content: request.content,
      input: this.#input,
      caller: this.#caller,
      race,
      timer: this.#timer,
      budget: this.#budget,
      traceId: request.traceId,
      spanId: this.#span.spanId,
      metadata: request.envelope.metadata ?? {},
      capability: request.envelope.capability,
    });
  }

  /** What came sealed is answered sealed, to whoever sealed it. */
  #seal(value: Sendable): Sendable {
    const { sealedBy } = this.#options.request.content;
    if (sealedBy === undefined || value instanceof SealedValue) return value;
    return sealValue(value as Value, {
      recipients: [sealedBy],
      sender: this.#options.keyPair,
    });
  }

  #answerKey(idempotencyKey: string): string {
    return JSON.stringify([
      this.#caller.fingerprint,
      this.#options.request.method,
      idempotencyKey,
    ]);
  }

  /** Tells the caller, if it is there, why there is no answer. */
  #fail(thrown: unknown, method: Method): CallError {
    const { channel, race } = this.#options;
    const failure = race.isAborted
      ? toCallFailure(race.reason)
      : toHandlerFailure(toCallFailure(thrown));
    const error = failure instanceof CallError
      ? failure
      : toHandlerFailure(failure);
    if (this.#audience === "gone") {
      channel.cancel(error.status);
    } else {
      const telling = method.kind === "stream"
        ? this.#sendClose(
          error.code === "CANCELLED"
            ? StreamEnding.CANCELLED
            : StreamEnding.FAILED,
          error,
        )
        : this.#sendError(error);
      telling.then(() => channel.finish()).catch(() => {
        // The caller has gone meanwhile.
      });
    }
    return error;
  }

  async #sendClose(ending: StreamEnding, error?: CallError): Promise<void> {
    await this.#push(
      MessageType.STREAM_CLOSE,
      encodeStreamClose({
        ending,
        status: error?.status ?? StatusCode.OK,
        chunkCount: this.#chunks?.count ?? 0,
        message: limit(error?.message ?? ""),
        extensions: encodeReplyFacts({
          spent: this.#budget.spent,
          retryAfterMs: error?.retryAfterMs,
        }),
      }),
    );
  }

  async #sendError(error: CallError): Promise<void> {
    await this.#push(
      MessageType.ERROR,
      encodeError({
        status: error.status,
        retryAfterMs: clampRetryAfter(error.retryAfterMs),
        messageId: this.#options.request.messageId,
        message: limit(error.message),
        extensions: encodeReplyFacts({ spent: this.#budget.spent }),
      }),
    );
  }

  /** @returns Nothing when there was room, else resolves when there is. */
  #send(
    type: number,
    flags: number,
    payload: Uint8Array,
  ): Promise<void> | undefined {
    const { request, race } = this.#options;
    const message = compressMessage(
      flags,
      payload,
      request.isCompressed ? "auto" : false,
    );
    const sending = this.#push(type, message.payload, message.flags);
    return sending === undefined ? undefined : race.race(sending);
  }

  /** As `#send`, even when the call is aborted. */
  #push(
    type: number,
    payload: Uint8Array,
    flags = 0,
  ): Promise<void> | undefined {
    const { channel, request } = this.#options;
    return channel.push({
      type,
      flags,
      messageId: request.messageId,
      traceId: request.traceId,
      payload,
    });
  }
}

function isPromiseLike<Result>(
  value: Result | PromiseLike<Result>,
): value is PromiseLike<Result> {
  return typeof (value as { then?: unknown } | null | undefined)?.then ===
    "function";
}

function statusOf(failure: CallError | undefined): StatusName {
  if (failure === undefined) return "OK";
  return failure.code === "CONNECTION_LOST" ? "UNAVAILABLE" : failure.code;
}

/**
 * One call at its callee, from the handler's start to the answer.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import type { TimerQueue } from "../internal/timer_queue.ts";
import {
  encodeError,
  encodeResponse,
  encodeResponseInto,
  encodeStreamClose,
  MessageType,
  responseLength,
  type ResponsePayload,
  StreamEnding,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import {
  scheduleFairTurn,
  type TransportConnection,
  TransportError,
} from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import type { AnswerStore } from "./answer_store.ts";
import type { Budget } from "./budget.ts";
import { CallContext } from "./call_context.ts";
import { CallTimer, type TimedCall } from "./call_timer.ts";
import { ChunkSender, discardSource } from "./chunk_sender.ts";
import {
  compressMessage,
  type OutgoingContent,
  packContent,
  SealedValue,
  sealValue,
  type Sendable,
} from "./content.ts";
import { CallError } from "./error.ts";
import { limit, toHandlerFailure } from "./failure.ts";
import {
  type CallFacts,
  type CallHandler,
  CallPeer,
  CallRequest,
  type ChunkSource,
  type Method,
  type StreamHandler,
} from "./handler.ts";
import type { IncomingRequest } from "./incoming_request.ts";
import type { MessageChannel, MessageHead } from "./message_channel.ts";
import { clampRetryAfter, encodeReplyFacts } from "./reply_extension.ts";
import { RequestInput } from "./request_input.ts";
import { StatusCode, type StatusName } from "./status_code.ts";
import type { OpenSpan, Tracing } from "./tracing.ts";

/** What all calls of a callee share. */
export interface CallServices {
  /** The clock. */
  readonly clock: TimerQueue;
  /** Opens the spans. */
  readonly tracing: Tracing;
  /** Opens the input, seals the answers. */
  readonly keyPair: KeyPair;
  /** Answers to idempotency keys. */
  readonly answers: AnswerStore;
}

/** Whether the caller is still there to be told how the call ended. */
type Audience = "listening" | "gone";

/**
 * Runs one handler. What few calls need is made when it is asked for, and what
 * can be done at once is done without a promise.
 */
export class RunningCall implements CallFacts, TimedCall {
  /** What is asked for. */
  readonly request: IncomingRequest;
  /** Aborted when the caller gives up or is gone. */
  readonly race: AbortRace;
  /** The limits. */
  readonly timer: CallTimer;
  readonly #services: CallServices;
  readonly #channel: MessageChannel;
  readonly #connection: TransportConnection;
  readonly #span: OpenSpan;
  readonly #context: CallContext;
  #caller: CallPeer | undefined;
  #input: RequestInput | undefined;
  #isAbortedHere = false;
  #chunks: ChunkSender | undefined;
  /** What the handler still does; nothing when it did it at once. */
  #handling: Promise<unknown> | undefined;

  /**
   * Starts the limits and the span.
   *
   * @param services What it shares with others.
   * @param request What is asked for.
   * @param channel Its stream.
   * @param connection Where it came from.
   * @param race Aborted when the caller gives up or is gone.
   */
  constructor(
    services: CallServices,
    request: IncomingRequest,
    channel: MessageChannel,
    connection: TransportConnection,
    race: AbortRace,
  ) {
    this.#services = services;
    this.request = request;
    this.#channel = channel;
    this.#connection = connection;
    this.race = race;
    this.timer = new CallTimer(
      services.clock,
      { totalMs: request.timeoutMs },
      this,
    );
    this.#span = services.tracing.open({
      name: request.method,
      kind: "server",
      traceId: request.traceId,
      parentSpanId: request.messageId,
      traceContext: request.envelope.traceContext,
    });
    this.#context = new CallContext(
      request.traceId,
      this.#span.spanId,
      this.#span.traceContext,
      race,
      this.timer,
      request.envelope.budget,
    );
  }

  /** Trace of the whole tree of calls. */
  get traceId(): bigint {
    return this.request.traceId;
  }

  /** Span of the handler. */
  get spanId(): bigint {
    return this.#span.spanId;
  }

  /** What may be spent. */
  get budget(): Budget {
    return this.#context.budget;
  }

  /** Who calls. */
  get caller(): CallPeer {
    return this.#caller ??= new CallPeer(
      this.#connection,
      this.request.envelope,
    );
  }

  /** What follows the request. */
  get input(): RequestInput {
    return this.#input ??= new RequestInput({
      channel: this.request.hasInput ? this.#channel : undefined,
      race: this.race,
      keyPair: this.#services.keyPair,
    });
  }

  /**
   * Ends the call from this side: the caller is told why.
   *
   * @param reason What it is told.
   */
  abort(reason: CallError): void {
    if (this.race.isAborted) return;
    this.#isAbortedHere = true;
    this.race.abort(reason);
  }

  /**
   * Runs the handler and answers.
   *
   * @param method The handler.
   * @returns Nothing when all is done, else resolves when the handler has ended,
   * even one that went on after its caller had gone.
   */
  run(method: Method): Promise<void> | undefined {
    let working: Promise<void> | undefined;
    try {
      if (!this.request.hasInput) this.#channel.finishReceiving();
      working = method.kind === "call"
        ? this.#answer(method.handler)
        : this.#stream(method.handler);
      if (working === undefined) this.#channel.finish();
    } catch (thrown) {
      return this.#end(this.#fail(thrown, method));
    }
    return working === undefined
      ? this.#end(undefined)
      : this.#runOn(working, method);
  }

  async #runOn(working: Promise<void>, method: Method): Promise<void> {
    let failure: CallError | undefined;
    try {
      await working;
      this.#channel.finish();
    } catch (thrown) {
      failure = this.#fail(thrown, method);
    }
    await this.#end(failure);
  }

  /** @returns What the handler still does, if anything. */
  #end(failure: CallError | undefined): Promise<void> | undefined {
    this.timer.stop();
    if (this.request.hasInput) this.input.discard();
    if (this.#span.isObserved) {
      this.#span.end({
        status: statusOf(failure),
        peer: this.caller.name ?? this.caller.address,
        bytesSent: this.#channel.bytesSent,
        bytesReceived: this.#channel.bytesReceived,
      });
    }
    // What a failed handler left running is for nobody.
    if (failure !== undefined) this.race.abort(failure);
    const handling = this.#handling;
    if (handling === undefined) {
      this.#context.end();
      return undefined;
    }
    const end = (): void => this.#context.end();
    return handling.then(end, end);
  }

  /** The time is over: for the timer. */
  handleTimeLimit(): void {
    const method = limit(this.request.method);
    this.abort(
      new CallError(
        "DEADLINE_EXCEEDED",
        `Call of ${method}: the handler was not done in time`,
      ),
    );
  }

  /** Whoever aborted from outside was the caller, or its connection. */
  get #audience(): Audience {
    return this.race.isAborted && !this.#isAbortedHere ? "gone" : "listening";
  }

  /** @returns Nothing when the answer is sent, else resolves when it is. */
  #answer(handler: CallHandler): Promise<void> | undefined {
    const { idempotencyKey } = this.request.envelope;
    if (idempotencyKey !== undefined) {
      return this.#answerOnce(handler, idempotencyKey);
    }
    const value = this.#wait(() => handler(new CallRequest(this)));
    return value instanceof Promise
      ? this.#respondWith(value)
      : this.#respond(packContent(this.#seal(value)));
  }

  async #respondWith(value: Promise<Sendable>): Promise<void> {
    await this.#respond(packContent(this.#seal(await value)));
  }

  async #answerOnce(
    handler: CallHandler,
    idempotencyKey: string,
  ): Promise<void> {
    // Not raced, as every wait for it is: whoever asks again after this caller
    // has given up must not begin what is under way.
    const work = async (): Promise<OutgoingContent | undefined> => {
      if (this.race.isAborted) return undefined;
      try {
        const handling = Promise.resolve(
          this.#enter(() => handler(new CallRequest(this))),
        );
        this.#handling = handling;
        return packContent(this.#seal(await handling));
      } catch (thrown) {
        // A handler that stops because nobody waits says so in its own words.
        if (this.race.isAborted) return undefined;
        throw this.#toFailure(thrown);
      }
    };
    const content = await this.race.race(
      this.#services.answers.run(
        this.caller.fingerprint,
        JSON.stringify([this.request.method, idempotencyKey]),
        work,
      ),
    );
    // It is nothing only where this call was given up, which has lost the race.
    await this.#respond(content!);
  }

  #respond(content: OutgoingContent): Promise<void> | undefined {
    const { spent } = this.#context;
    const response = {
      status: StatusCode.OK,
      contentType: content.contentType,
      extensions: encodeReplyFacts({ spent }),
      body: content.body,
    };
    const sending = this.request.isCompressed
      ? this.#pushCompressed(content.flags, response)
      : this.#channel.pushEncoded(
        this.#head(MessageType.RESPONSE, content.flags),
        responseLength(response),
        encodeResponseInto,
        response,
        true,
      );
    return sending === undefined ? undefined : this.race.race(sending);
  }

  #pushCompressed(
    flags: number,
    response: ResponsePayload,
  ): Promise<void> | undefined {
    const message = compressMessage(flags, encodeResponse(response), "auto");
    return this.#push(MessageType.RESPONSE, message.payload, message.flags);
  }

  async #stream(handler: StreamHandler): Promise<void> {
    const { request, race } = this;
    const source = await this.#findSource(handler);
    const chunks = new ChunkSender({
      channel: this.#channel,
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
      // A write may learn that the reader has left before this call is told of it:
      // the handler is to see why it stops.
      if (error instanceof TransportError && !race.isAborted) {
        await new Promise<void>((resolve) => scheduleFairTurn(resolve));
      }
      this.#handling = Promise.all([
        sending.catch(() => {}),
        this.#enter(async () => await chunks.stop()),
      ]);
      throw error;
    }
    await this.#sendClose(StreamEnding.COMPLETED);
  }

  async #findSource(handler: StreamHandler): Promise<ChunkSource> {
    try {
      return await this.#wait(() => handler(new CallRequest(this)));
    } catch (error) {
      // What it gives now is read by nobody.
      this.#handling = this.#handling?.then((late) =>
        this.#enter(() => discardSource(late as ChunkSource))
      );
      throw error;
    }
  }

  /** Enters the handler and waits for it, or for the end of the call. */
  #wait<Result>(
    code: () => Result | PromiseLike<Result>,
  ): Result | Promise<Result> {
    this.race.throwIfAborted();
    const result = this.#enter(code);
    if (!isPromiseLike(result)) return result;
    this.#handling = Promise.resolve(result);
    return this.race.race(this.#handling as Promise<Result>);
  }

  #enter<Result>(code: () => Result): Result {
    return this.#context.run(
      this.#span.hasContext ? () => this.#span.run(code) : code,
    );
  }

  /** Makes of code what runs as a part of the handler, any number of times. */
  #inCall<Result>(code: () => Result): () => Result {
    return () => this.#enter(code);
  }

  /** What came sealed is answered sealed, to whoever sealed it. */
  #seal(value: Sendable): Sendable {
    const { sealedBy } = this.request.content;
    if (sealedBy === undefined || value instanceof SealedValue) return value;
    return sealValue(value, {
      recipients: [sealedBy],
      sender: this.#services.keyPair,
    });
  }

  /**
   * Errors travel open: what came sealed, by whomever, is not to be told in one by
   * accident.
   */
  #toFailure(thrown: unknown): CallError {
    const isSecret = this.request.content.sealed !== undefined ||
      this.#input?.wasSealed === true;
    return toHandlerFailure(thrown, isSecret);
  }

  /** Tells the caller, if it is there, why there is no answer. */
  #fail(thrown: unknown, method: Method): CallError {
    const { race } = this;
    const channel = this.#channel;
    const error = this.#toFailure(race.isAborted ? race.reason : thrown);
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
        // The caller has gone meanwhile; or it cannot be told, and is not to wait.
        channel.cancel(StatusCode.INTERNAL);
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
          spent: this.#context.spent,
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
        messageId: this.request.messageId,
        message: limit(error.message),
        extensions: encodeReplyFacts({ spent: this.#context.spent }),
      }),
    );
  }

  /** @returns Nothing when there was room, else resolves when there is. */
  #push(
    type: number,
    payload: Uint8Array,
    flags = 0,
  ): Promise<void> | undefined {
    return this.#channel.push({ ...this.#head(type, flags), payload });
  }

  #head(type: number, flags: number): MessageHead {
    const { messageId, traceId } = this.request;
    return { type, flags, messageId, traceId };
  }

  static {
    const specimen = new RunningCall(
      {
        clock: { now: () => 0.5 },
        tracing: { open: () => ({ spanId: 0n }) },
      } as unknown as CallServices,
      { method: "", envelope: {} } as IncomingRequest,
      undefined as never,
      undefined as never,
      undefined as never,
    );
    specimen.#context.end();
    keepHiddenClass(specimen);
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

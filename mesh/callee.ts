/**
 * The answering half of an agent: takes requests, runs handlers, and answers.
 *
 * @module
 */
import { IdTable } from "../internal/id_table.ts";
import type { Instant } from "../internal/instant.ts";
import type { TimerQueue } from "../internal/timer_queue.ts";
import { WaitingLine } from "../internal/waiting_line.ts";
import {
  ContentType,
  encodeError,
  isNilAgentId,
  type Message,
  MessageType,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { AnswerStore } from "./answer_store.ts";
import {
  MAX_BUFFERED_REQUEST_BYTES,
  MAX_HANDLERS_IN_FLIGHT,
  RESERVED_REQUEST_BYTES,
  RETRY_AFTER_MS,
  WAITING_REQUEST_BYTES,
} from "./config.ts";
import { readPayload } from "./content.ts";
import {
  isCostly,
  originalLength,
  turnToDecode,
  turnToRead,
} from "./decoding_turns.ts";
import { CallError } from "./error.ts";
import { isTooLate, limit, messageOf, toCallFailure } from "./failure.ts";
import { checkMethod, type Method } from "./handler.ts";
import { HandlerDurations } from "./handler_durations.ts";
import { HandlerSlots } from "./handler_slots.ts";
import { ignoreDatagram } from "./ignore_datagram.ts";
import { type CallingKey, IncomingCall } from "./incoming_call.ts";
import { IncomingRequest } from "./incoming_request.ts";
import { estimateParsedBytes } from "./json_size.ts";
import { KeyTable } from "./key_table.ts";
import { MemoryLimit, type MessageChannel } from "./message_channel.ts";
import { stopOneWay } from "./one_way_stream.ts";
import { clampRetryAfter, encodeReplyFacts } from "./reply_extension.ts";
import { type CallServices, RunningCall } from "./running_call.ts";
import { StatusCode } from "./status_code.ts";
import type { Tracing } from "./tracing.ts";

/** What a {@linkcode Callee} is made from. */
export interface CalleeOptions {
  /** Id of this agent, 16 bytes. */
  readonly agentId: Uint8Array;
  /** Opens what is sealed for this agent, and seals the answers. */
  readonly keyPair: KeyPair;
  /** The clock. */
  readonly clock: TimerQueue;
  /** Opens spans. */
  readonly tracing: Tracing;
  /** @default {MAX_HANDLERS_IN_FLIGHT} */
  readonly maxHandlersInFlight?: number | undefined;
}

/** Serves the requests of every connection of an agent. */
export class Callee {
  readonly #options: CalleeOptions;
  readonly #methods = new Map<string, Method>();
  /** One for each call from when it is taken until its handler is done. */
  readonly #slots: HandlerSlots;
  readonly #durations = new HandlerDurations();
  readonly #running = new IdTable<RunningCall>();
  readonly #connections = new Set<TransportConnection>();
  /** Numbers calls, for the tables that hold them. */
  #nextNumber = 0;
  readonly #services: CallServices;
  readonly #memory = new MemoryLimit(MAX_BUFFERED_REQUEST_BYTES);
  readonly #keys = new KeyTable<CallingKey>((keyText) => ({
    keyText,
    memory: this.#memory.share(RESERVED_REQUEST_BYTES),
    decoded: this.#memory.share(RESERVED_REQUEST_BYTES),
    slotCount: 0,
    waiting: new WaitingLine(),
    holderCount: 0,
  }));
  #isDraining = false;
  #isAborted = false;
  #onIdle: (() => void)[] = [];

  /** @param options The agent's parts. */
  constructor(options: CalleeOptions) {
    this.#options = options;
    const { clock, tracing, keyPair, maxHandlersInFlight } = options;
    this.#slots = new HandlerSlots(
      maxHandlersInFlight ?? MAX_HANDLERS_IN_FLIGHT,
    );
    const answers = new AnswerStore({ clock });
    this.#services = { clock, tracing, keyPair, answers };
  }

  /** How many handlers run. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Whether it takes no new calls. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** How busy the agent is, from 0 to 1. */
  get load(): number {
    return this.#slots.load;
  }

  /**
   * Sets the handler of a method.
   *
   * @param name The method.
   * @param method Its handler.
   * @throws {CallError} `ALREADY_EXISTS` when it has one; `INVALID_ARGUMENT` as
   * {@linkcode checkMethod}.
   */
  setMethod(name: string, method: Method): void {
    checkMethod(name, method);
    if (this.#methods.has(name)) {
      throw new CallError("ALREADY_EXISTS", `Method ${name}: it has a handler`);
    }
    this.#methods.set(name, method);
  }

  /**
   * Serves the streams that the peer opens.
   *
   * @param connection The connection, incoming or outgoing.
   */
  serve(connection: TransportConnection): void {
    const calls = new IdTable<AbortRace>();
    const key = this.#keys.take(connection.peerPublicKey);
    const onStream = (stream: TransportStream): void => {
      if (stopOneWay(stream)) return;
      const incoming = new IncomingCall(stream, connection, key);
      const handling = this.#handle(incoming);
      if (handling === undefined) return;
      const number = this.#nextNumber++;
      calls.set(number, incoming.race);
      handling.finally(() => calls.delete(number));
    };
    connection.onStream = onStream;
    connection.onDatagram = ignoreDatagram;
    this.#connections.add(connection);
    connection.closed.then(() => {
      this.#connections.delete(connection);
      const gone = new CallError("CONNECTION_LOST", "Call: the caller is gone");
      for (const race of calls.values()) race.abort(gone);
      this.#keys.release(key);
    });
  }

  /**
   * Takes no new calls; resolves when those that were taken are done, whether they
   * run, wait for others, or have yet to be decoded.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#slots.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Resolves when the callers have what was answered until now, or are gone. */
  async delivered(): Promise<void> {
    await Promise.all(
      [...this.#connections].map((connection) => connection.answersDelivered()),
    );
  }

  /** Gives up the calls that were taken: their callers get `UNAVAILABLE`. */
  abort(): void {
    this.#isDraining = true;
    this.#isAborted = true;
    const reason = new CallError("UNAVAILABLE", "Agent: it is closing");
    this.#slots.refuseWaiting(reason);
    for (const call of this.#running.values()) call.abort(reason);
  }

  /** @returns Nothing when the call is over, else resolves when it is. */
  #handle(incoming: IncomingCall): Promise<void> | undefined {
    let message: Message | undefined;
    try {
      message = incoming.channel.tryReceive();
    } catch (error) {
      return this.#handleBroken(incoming, error);
    }
    return message === undefined
      ? this.#handleLater(incoming)
      : this.#handleMessage(incoming, message);
  }

  /** As `#handle`, when the request has not arrived yet. */
  async #handleLater(incoming: IncomingCall): Promise<void> {
    let message: Message | undefined;
    const unwatch = incoming.watch(this.#options.clock);
    try {
      message = await incoming.channel.receive(incoming.race);
    } catch (error) {
      return this.#handleBroken(incoming, error);
    } finally {
      unwatch();
    }
    if (message === undefined) return incoming.channel.finish();
    await this.#handleMessage(incoming, message);
  }

  /** Answers what is no request. */
  #handleBroken({ channel, race }: IncomingCall, error: unknown): undefined {
    // What is no message was cancelled by the channel; a caller that is
    // gone needs no answer. What remains is a limit of ours.
    const failure = toCallFailure(error);
    if (failure instanceof CallError && !race.isAborted) {
      this.#refuse(channel, undefined, failure);
    } else channel.cancel(StatusCode.CANCELLED);
    return undefined;
  }

  #handleMessage(
    incoming: IncomingCall,
    message: Message,
  ): Promise<void> | undefined {
    if (isCostly(message)) return this.#handleCostly(incoming, message);
    const { key } = incoming;
    let request: IncomingRequest;
    let method: Method;
    let isTaken: boolean;
    try {
      this.#checkTaking();
      request = new IncomingRequest(message, message.payload);
      method = this.#methodFor(request);
      isTaken = this.#tryTakeSlot(key);
      if (!isTaken) this.#checkTime(request, method);
    } catch (error) {
      return this.#handleRefused(incoming, message, error);
    }
    return isTaken
      ? this.#start(incoming, message, request, method)
      : this.#startInTurn(incoming, message, request, method);
  }

  /** As `#start`, once its caller has a slot for it. */
  async #startInTurn(
    incoming: IncomingCall,
    message: Message,
    request: IncomingRequest,
    method: Method,
  ): Promise<void> {
    const since = this.#options.clock.now();
    try {
      await this.#waitForSlot(incoming, message);
    } catch (error) {
      return this.#handleRefused(incoming, message, error);
    }
    await this.#start(incoming, message, request, method, since);
  }

  /** @returns Whether there was one; if not, the call has to wait. */
  #tryTakeSlot(key: CallingKey): boolean {
    if (!this.#slots.tryTake(key)) return false;
    this.#keys.hold(key);
    return true;
  }

  async #waitForSlot(
    { key, race }: IncomingCall,
    { payload }: Message,
  ): Promise<void> {
    const heldBytes = payload.length + WAITING_REQUEST_BYTES;
    key.memory.take(heldBytes);
    this.#keys.hold(key);
    try {
      await this.#slots.wait(key, race);
    } catch (error) {
      this.#keys.release(key);
      this.#handleIdle();
      throw error;
    } finally {
      key.memory.release(heldBytes);
    }
  }

  /** @returns Nothing when the call is over, else resolves when it is. */
  #start(
    incoming: IncomingCall,
    message: Message,
    request: IncomingRequest,
    method: Method,
    since?: Instant,
  ): Promise<void> | undefined {
    let call: RunningCall;
    try {
      if (since !== undefined) {
        request.spendTime(this.#options.clock.now() - since);
        this.#checkTime(request, method);
      }
      call = this.#createCall(incoming, request);
    } catch (error) {
      return this.#refuseTaken(incoming, message, error);
    }
    return this.#run(call, method, incoming.key);
  }

  /**
   * As `#handleMessage`, where a few bytes may stand for many, or for much work:
   * nothing is done for them before it is known to be wanted and to have room.
   */
  async #handleCostly(
    incoming: IncomingCall,
    message: Message,
  ): Promise<void> {
    const { key, race } = incoming;
    const { clock } = this.#options;
    const since = clock.now();
    let hasWaited = false;
    try {
      this.#checkTaking();
      if (!this.#tryTakeSlot(key)) {
        hasWaited = true;
        await this.#waitForSlot(incoming, message);
      }
    } catch (error) {
      return this.#handleRefused(incoming, message, error);
    }
    let heldBytes = 0;
    const hold = (byteCount: number): void => {
      key.decoded.take(byteCount);
      heldBytes += byteCount;
    };
    try {
      let method: Method;
      let call: RunningCall;
      try {
        await turnToRead(message);
        race.throwIfAborted();
        hold(originalLength(message));
        const request = new IncomingRequest(message, readPayload(message));
        method = this.#methodFor(request);
        await turnToDecode(message.flags, request.packed);
        race.throwIfAborted();
        const { contentType, body } = request.packed;
        if (request.isCompressed && contentType === ContentType.JSON) {
          hold(estimateParsedBytes(body));
        }
        request.spendTime(clock.now() - since);
        if (hasWaited) this.#checkTime(request, method);
        call = this.#createCall(incoming, request);
      } catch (error) {
        return this.#refuseTaken(incoming, message, error);
      }
      await this.#run(call, method, key);
    } finally {
      key.decoded.release(heldBytes);
    }
  }

  /**
   * Refuses a call that comes too late for its handler. Only one that waits for others
   * of its caller: nobody is kept out by what somebody else asks for.
   */
  #checkTime(request: IncomingRequest, method: Method): void {
    const { timeoutMs = Infinity } = request;
    const now = this.#options.clock.now();
    if (timeoutMs > this.#durations.neededMs(method, now)) return;
    throw new CallError(
      "DEADLINE_EXCEEDED",
      "Agent: too little time is left for it, after others were served",
    );
  }

  #createCall(
    { channel, connection, race }: IncomingCall,
    request: IncomingRequest,
  ): RunningCall {
    if (this.#isAborted) throw unavailable("it is closing");
    request.unpack(this.#options.keyPair);
    race.throwIfAborted();
    return new RunningCall(this.#services, request, channel, connection, race);
  }

  #handleRefused(
    { channel, race }: IncomingCall,
    message: Message,
    error: unknown,
  ): undefined {
    if (race.isAborted) channel.cancel(StatusCode.CANCELLED);
    else {
      const failure = error instanceof CallError
        ? error
        : new CallError("INVALID_ARGUMENT", messageOf(error));
      this.#refuse(channel, message, failure);
    }
    return undefined;
  }

  /** As `#handleRefused`, for one that has a slot. */
  #refuseTaken(
    incoming: IncomingCall,
    message: Message,
    error: unknown,
  ): undefined {
    const { key } = incoming;
    // Those behind it have waited for nearly as long.
    if (isTooLate(error)) key.waiting.preferNewest();
    this.#leave(key);
    return this.#handleRefused(incoming, message, error);
  }

  /** @returns Nothing when the call is over, else resolves when it is. */
  #run(
    call: RunningCall,
    method: Method,
    key: CallingKey,
  ): Promise<void> | undefined {
    const number = this.#nextNumber++;
    this.#running.set(number, call);
    const startedAt = this.#slots.isBusy
      ? this.#options.clock.now()
      : undefined;
    let running: Promise<void> | undefined;
    try {
      running = call.run(method);
    } finally {
      if (running === undefined) {
        if (startedAt !== undefined) this.#noteEnd(call, method, startedAt);
        this.#forget(number, key);
      }
    }
    return running?.finally(() => {
      if (startedAt !== undefined) this.#noteEnd(call, method, startedAt);
      this.#forget(number, key);
    });
  }

  #noteEnd({ race }: RunningCall, method: Method, startedAt: Instant): void {
    if (race.isAborted) return;
    this.#durations.note(method, startedAt, this.#options.clock.now());
  }

  #forget(number: number, key: CallingKey): void {
    this.#running.delete(number);
    // Not before, or handlers that go on without their caller would not count.
    this.#leave(key);
  }

  /** Gives back what a call was taken with. */
  #leave(key: CallingKey): void {
    this.#slots.release(key);
    this.#keys.release(key);
    this.#handleIdle();
  }

  /** Tells those who wait for it when no call is left. */
  #handleIdle(): void {
    if (this.#slots.size > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Refuses what comes too late; what was taken before is not asked again. */
  #checkTaking(): void {
    if (this.#isDraining) throw unavailable("it takes no new calls");
  }

  /** Finds what a request is for. */
  #methodFor(
    { target, method: name, isStream, hasInput }: IncomingRequest,
  ): Method {
    if (!isNilAgentId(target) && !isEqual(target, this.#options.agentId)) {
      throw new CallError("UNAVAILABLE", "Agent: the one meant is not here");
    }
    const method = this.#methods.get(name);
    if (method === undefined || (method.kind === "stream") !== isStream) {
      throw noSuchMethod(name, hasInput, method);
    }
    return method;
  }

  #refuse(
    channel: MessageChannel,
    message: Message | undefined,
    error: CallError,
  ): void {
    channel.send({
      type: MessageType.ERROR,
      messageId: message?.messageId ?? 0n,
      traceId: message?.traceId ?? 0n,
      payload: encodeError({
        status: error.status,
        retryAfterMs: clampRetryAfter(error.retryAfterMs),
        messageId: message?.messageId ?? 0n,
        message: limit(error.message),
        extensions: encodeReplyFacts({ isNotStarted: true }),
      }),
    }).then(() => channel.finish()).catch(() => {
      // Nobody is left to be told.
    });
    channel.stopReceiving();
  }
}

function unavailable(detail: string): CallError {
  return new CallError("UNAVAILABLE", `Agent: ${detail}`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function noSuchMethod(
  name: string,
  hasInput: boolean,
  method: Method | undefined,
): CallError {
  if (method === undefined) {
    return new CallError("UNIMPLEMENTED", `Method ${limit(name)}: unknown`);
  }
  return new CallError(
    "UNIMPLEMENTED",
    method.kind === "call"
      ? `Method ${name}: it answers with one value, not with a stream`
      : `Method ${name}: it answers with a stream, not with one value` +
        (hasInput ? "" : ": use stream()"),
  );
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

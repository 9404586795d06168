/**
 * The calling half of an agent: finds a callee, sends the request, and gives
 * the answer to whoever waits for it.
 *
 * @module
 */
import {
  encodeCallData,
  encodeEnvelope,
  encodeEnvelopedCallInto,
  encodeStreamOpen,
  type EnvelopedCall,
  type Extension,
  maxEnvelopedCallLength,
  type Message,
  MessageType,
  StreamKind,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type { Instant } from "../internal/instant.ts";
import {
  type OpenStreamOptions,
  systemRandom,
  type TransportConnection,
  TransportError,
  type TransportStream,
} from "../transport/mod.ts";
import { peersAt } from "./address_peers.ts";
import { readError, readResponse } from "./answer.ts";
import { Attempt } from "./attempt.ts";
import {
  type CallOptions,
  checkOptions,
  type RequestOptions,
  type StreamOptions,
} from "./call_options.ts";
import { CallScope } from "./call_scope.ts";
import { CallStream, type OpenCall } from "./call_stream.ts";
import type { Clock } from "./clock.ts";
import {
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_STREAM_IDLE_TIMEOUT_MS,
  MAX_CALL_CANDIDATES,
} from "./config.ts";
import {
  compressMessage,
  type OutgoingContent,
  packContent,
  SealedValue,
  sealValue,
  type Sendable,
} from "./content.ts";
import type { Directory } from "./directory.ts";
import { CallError } from "./error.ts";
import { InputPump } from "./input_pump.ts";
import { MessageChannel } from "./message_channel.ts";
import { OpenWaiter } from "./open_waiter.ts";
import type { Peer, PeerConnections, PeerLease } from "./peer_connections.ts";
import {
  type AddressTarget,
  describeTarget,
  parseTarget,
  type RegistryTarget,
  type Target,
} from "./target.ts";
import type { Tracing } from "./tracing.ts";

/** What a {@linkcode Caller} is made from. */
export interface CallerOptions {
  /** Name and id of this agent, for its callees. */
  readonly self: { readonly name: string; readonly agentId: Uint8Array };
  /** Opens what is sealed for this agent. */
  readonly keyPair: KeyPair;
  /** The clock. */
  readonly clock: Clock;
  /** Opens spans. */
  readonly tracing: Tracing;
  /** Finds callees. */
  readonly directory: Directory;
  /** Connects to callees. */
  readonly peers: PeerConnections;
}

/** A request on its way. */
interface Request {
  readonly scope: CallScope;
  readonly target: RegistryTarget | AddressTarget;
  readonly method: string;
  readonly content: OutgoingContent;
  readonly options: CallOptions;
  readonly isStream: boolean;
}

/** How an attempt failed. */
interface FailedAttempt {
  readonly failure: unknown;
  /** Whether it does no harm to try another callee. */
  readonly canGoElsewhere: boolean;
}

/** A request that left before its connection stood. */
interface EarlyRequest {
  readonly channel: MessageChannel;
  /** Settles when the stream has taken all of it; `undefined` when it has. */
  readonly sending: Promise<void> | undefined;
}

/** Makes calls. */
export class Caller {
  readonly #options: CallerOptions;
  /** Who calls: the same in every request. */
  readonly #ownExtensions: readonly Extension[];
  /** Made once: every call hands it on. */
  readonly #encodeCallInto = (
    call: EnvelopedCall,
    into: Uint8Array,
    at: number,
  ): number => encodeEnvelopedCallInto(call, this.#ownExtensions, into, at);

  /** @param options The agent's parts. */
  constructor(options: CallerOptions) {
    this.#options = options;
    const { name, agentId } = options.self;
    this.#ownExtensions = encodeEnvelope({
      callerId: agentId,
      ...(name === "" ? {} : { caller: name }),
    });
  }

  /** As `Agent.call`. */
  async call(
    target: Target,
    method: string,
    value: Sendable,
    options: CallOptions,
  ): Promise<Value | SealedValue> {
    const request = this.#createRequest({
      target,
      method,
      value,
      options,
      isStream: false,
    });
    const { scope } = request;
    try {
      scope.race.throwIfAborted();
      // To a callee that is known and connected a call waits once, for its answer.
      const peers = this.#findRemembered(request.target, scope.startedAt);
      let begun: Attempt | FailedAttempt | undefined;
      if (peers !== undefined && peers.length > 0) {
        const attempt = begun = new Attempt();
        try {
          const peer = peers[0]!;
          let isSent = this.#sendNow(request, peer, attempt, scope.startedAt);
          if (!isSent && attempt.lease !== undefined && !attempt.isSent) {
            // Here and not where every other wait is: whatever holds calls up,
            // thousands then wait for a stream, and each has a place in memory.
            const { connection } = attempt.lease;
            const stream = await this.#openStream(connection, request);
            isSent = this.#sendOn(stream, request, peer, attempt);
          }
          if (isSent) {
            const first = await attempt.channel.receive(scope.race);
            begun = this.#judge(request, attempt, first);
          }
        } catch (failure) {
          begun = this.#fail(request, attempt, failure);
        }
      }
      const open = begun instanceof Attempt && begun.isAnswered
        ? begun
        : await this.#open(request, peers, begun);
      try {
        const { keyPair } = this.#options;
        const answer = readResponse(open.first, { keyPair, method });
        open.channel.finishReceiving();
        scope.settle(answer.spent);
        scope.end();
        return answer.value;
      } catch (error) {
        open.channel.cancel(0);
        throw error;
      } finally {
        open.close();
      }
    } catch (error) {
      throw scope.end(error);
    }
  }

  /** As `Agent.stream`. */
  stream(
    target: Target,
    method: string,
    value: Sendable,
    options: StreamOptions,
  ): CallStream {
    const request = this.#createRequest({
      target,
      method,
      value,
      options,
      isStream: true,
    });
    return new CallStream({
      scope: request.scope,
      method,
      keyPair: this.#options.keyPair,
      opening: this.#open(request),
    });
  }

  /**
   * Takes the connection to one agent that the target names.
   *
   * @param target Whom.
   * @param signal Gives up.
   * @returns The lease.
   * @throws {CallError} `NOT_FOUND` when there is no such agent.
   */
  async connect(target: Target, signal?: AbortSignal): Promise<PeerLease> {
    const parsed = parseTarget(target);
    let failure: unknown = notFound(parsed);
    for (const peer of await this.#findCandidates(parsed)) {
      signal?.throwIfAborted();
      try {
        return await this.#options.peers.acquire(peer);
      } catch (error) {
        failure = error;
        this.#forget(parsed);
      }
    }
    throw failure;
  }

  #createRequest(given: {
    target: Target;
    method: string;
    value: Sendable;
    options: CallOptions;
    isStream: boolean;
  }): Request {
    const { method, options, isStream, value } = given;
    checkOptions(options);
    const target = parseTarget(given.target);
    const content = packContent(this.#seal(value, options));
    const scope = new CallScope({
      clock: this.#options.clock,
      tracing: this.#options.tracing,
      method,
      capability: target.kind === "capability" ? target.term : undefined,
      options,
      ...(isStream
        ? { defaultIdleTimeoutMs: DEFAULT_STREAM_IDLE_TIMEOUT_MS }
        : { defaultTimeoutMs: DEFAULT_CALL_TIMEOUT_MS }),
    });
    return { scope, target, method, content, options, isStream };
  }

  #seal<Given extends Sendable>(
    value: Given,
    { sealFor }: RequestOptions,
  ): Given | SealedValue {
    if (sealFor === undefined || value instanceof SealedValue) return value;
    return sealValue(value as Value, {
      recipients: sealFor,
      sender: this.#options.keyPair,
    });
  }

  /**
   * Goes from candidate to candidate until one takes the request.
   *
   * @param remembered The candidates, where no look into the registry is needed.
   * @param begun What came of the first of them so far.
   */
  async #open(
    request: Request,
    remembered = this.#findRemembered(request.target),
    begun?: Attempt | FailedAttempt,
  ): Promise<OpenCall> {
    const { scope, target } = request;
    const tried = new Set<string>();
    let failure: unknown;
    scope.race.throwIfAborted();
    // A second look at the registry: what was remembered may be out of date.
    for (let round = 0; round < 2; round++) {
      const peers = (round === 0 ? remembered : this.#findRemembered(target)) ??
        await scope.race.race(this.#findCandidates(target));
      for (const peer of peers) {
        if (tried.size >= MAX_CALL_CANDIDATES) break;
        if (tried.size > 0 && tried.has(describePeer(peer))) continue;
        const outcome = begun === undefined || begun instanceof Attempt
          ? await this.#attempt(request, peer, begun)
          : begun;
        begun = undefined;
        if (outcome instanceof Attempt) return outcome;
        tried.add(describePeer(peer));
        failure = outcome.failure;
        if (scope.isAborted || !outcome.canGoElsewhere) throw failure;
        this.#forget(target);
      }
      if (failure === undefined) throw notFound(target);
    }
    throw failure;
  }

  async #attempt(
    request: Request,
    peer: Peer,
    attempt = new Attempt(),
  ): Promise<Attempt | FailedAttempt> {
    try {
      if (attempt.isSent || !this.#sendNow(request, peer, attempt)) {
        await this.#sendLater(request, peer, attempt);
      }
      const first = await attempt.channel.receive(request.scope.race);
      return this.#judge(request, attempt, first);
    } catch (failure) {
      return this.#fail(request, attempt, failure);
    }
  }

  /** @returns Whether all of the request was sent: nothing had to be waited for. */
  #sendNow(
    request: Request,
    peer: Peer,
    attempt: Attempt,
    now = this.#options.clock.now(),
  ): boolean {
    attempt.lease ??= this.#options.peers.tryAcquire(peer);
    const stream = attempt.lease?.connection
      .tryOpenStream(streamOptions(request));
    return stream !== undefined &&
      this.#sendOn(stream, request, peer, attempt, now);
  }

  /** @returns Whether all of the request was sent. */
  #sendOn(
    stream: TransportStream,
    request: Request,
    peer: Peer,
    attempt: Attempt,
    now?: Instant,
  ): boolean {
    this.#send(request, peer, attempt, stream, now);
    if (attempt.sending !== undefined) return false;
    this.#sendRest(request, attempt);
    return true;
  }

  /** Does what is left of it, waiting for what is missing. */
  async #sendLater(
    request: Request,
    peer: Peer,
    attempt: Attempt,
  ): Promise<void> {
    const { race } = request.scope;
    if (attempt.lease === undefined) {
      const { lease, early } = await this.#acquire(request, peer);
      attempt.lease = lease;
      if (early !== undefined) attempt.setSent(early.channel, early.sending);
    }
    if (!attempt.isSent) {
      const { connection } = attempt.lease;
      const stream = await this.#openStream(connection, request);
      this.#send(request, peer, attempt, stream);
    }
    if (attempt.sending !== undefined) await race.race(attempt.sending);
    this.#sendRest(request, attempt);
  }

  #send(
    request: Request,
    peer: Peer,
    attempt: Attempt,
    stream: TransportStream,
    now: Instant = this.#options.clock.now(),
  ): void {
    const { scope } = request;
    const channel = new MessageChannel(stream);
    attempt.setSent(channel, undefined);
    scope.attach(channel, peer.name);
    scope.race.throwIfAborted();
    scope.timer.wait();
    attempt.setSent(channel, this.#push(channel, request, peer, now));
  }

  /** The input, or the end of the direction. */
  #sendRest(request: Request, attempt: Attempt): void {
    if (request.isStream || request.options.input !== undefined) {
      attempt.pump = this.#startPump(request, attempt.channel);
    } else attempt.channel.finish();
  }

  /** Looks at the first message of the answer. */
  #judge(
    request: Request,
    attempt: Attempt,
    first: Message | undefined,
  ): Attempt | FailedAttempt {
    const { scope, options } = request;
    scope.timer.progress();
    if (first?.type !== MessageType.ERROR) {
      attempt.setAnswered(first);
      return attempt;
    }
    attempt.channel.finishReceiving();
    attempt.close();
    const { error, isNotStarted, spent } = readError(first);
    scope.settle(spent);
    return {
      failure: error,
      canGoElsewhere: isNotStarted && options.input === undefined,
    };
  }

  #fail(
    { options }: Request,
    attempt: Attempt,
    failure: unknown,
  ): FailedAttempt {
    if (attempt.isSent) attempt.channel.cancel(0);
    attempt.close();
    const isLost = failure instanceof TransportError;
    const mayRepeat = !attempt.isSent ||
      options.isIdempotent === true && options.input === undefined;
    return { failure, canGoElsewhere: isLost && mayRepeat };
  }

  async #acquire(
    request: Request,
    peer: Peer,
  ): Promise<{ lease: PeerLease; early: EarlyRequest | undefined }> {
    const { scope } = request;
    let early: EarlyRequest | undefined;
    const acquiring = this.#options.peers.acquire(
      peer,
      mayTravelEarly(request)
        ? (connection) => early = this.#sendEarly(connection, request, peer)
        : undefined,
    );
    // What comes after the call was given up is used by nobody.
    acquiring.then((late) => scope.isAborted && late.release(), () => {});
    try {
      return { lease: await scope.race.race(acquiring), early };
    } catch (error) {
      early?.channel.cancel(0);
      throw error;
    }
  }

  /** Sends the request with the first datagram of a connection. */
  #sendEarly(
    connection: TransportConnection,
    request: Request,
    peer: Peer,
  ): EarlyRequest | undefined {
    const { scope } = request;
    if (scope.isAborted) return undefined;
    const stream = connection
      .tryOpenStream({ ...streamOptions(request), isEarly: true });
    if (stream === undefined) return undefined;
    const channel = new MessageChannel(stream);
    scope.attach(channel, peer.name);
    scope.timer.wait();
    const now = this.#options.clock.now();
    const sending = this.#push(channel, request, peer, now);
    // Whoever waits for the connection hears of its end.
    sending?.catch(() => {});
    if (!request.isStream && sending === undefined) channel.finish();
    return { channel, sending };
  }

  #openStream(
    connection: TransportConnection,
    request: Request,
  ): TransportStream | Promise<TransportStream> {
    const opening = streamOptions(request);
    const { race } = request.scope;
    return connection.tryOpenStream(opening) ??
      new Promise((resolve, reject) => {
        new OpenWaiter(connection, race, resolve, reject).wait(opening);
      });
  }

  #startPump(request: Request, channel: MessageChannel): InputPump {
    const { scope, options } = request;
    return new InputPump({
      scope,
      channel,
      input: options.input,
      seal: (value) => this.#seal(value, options),
      compress: options.compress,
    });
  }

  /** Sends the request's first message; gives what `MessageChannel.push` does. */
  #push(
    channel: MessageChannel,
    request: Request,
    peer: Peer,
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
    const length = maxEnvelopedCallLength(call, this.#ownExtensions);
    if (compress === undefined || compress === false) {
      return channel.pushEncoded(head, length, this.#encodeCallInto, call);
    }
    const memory = new Uint8Array(length);
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
        extensions: [...encodeEnvelope(envelope), ...this.#ownExtensions],
        body,
      }),
    });
  }

  #findCandidates(target: RegistryTarget | AddressTarget): Promise<Peer[]> {
    return target.kind === "url"
      ? Promise.resolve(peersAt(target))
      : this.#options.directory.find(target);
  }

  #findRemembered(
    target: RegistryTarget | AddressTarget,
    now?: Instant,
  ): Peer[] | undefined {
    return target.kind === "url"
      ? peersAt(target)
      : this.#options.directory.findRemembered(target, now);
  }

  #forget(target: RegistryTarget | AddressTarget): void {
    if (target.kind !== "url") this.#options.directory.forget(target);
  }
}

/**
 * Whether a request may leave before the handshake is done: early data can be
 * repeated by whoever sees it, where its peer's key is that of several nodes.
 */
function mayTravelEarly({ options }: Request): boolean {
  return options.isIdempotent === true && options.input === undefined;
}

/** Options of a stream that nobody gave any for. */
const PLAIN_STREAM: OpenStreamOptions = {};

function streamOptions({ options }: Request): OpenStreamOptions {
  const { priority } = options;
  return priority === undefined ? PLAIN_STREAM : { priority };
}

function describePeer(peer: Peer): string {
  return `${peer.hostname}:${peer.port} ${peer.agentId}`;
}

/** A stream id of its own: 16 random bytes. */
function createStreamId(): Uint8Array {
  const id = new Uint8Array(16);
  systemRandom.fillPublic(id);
  return id;
}

function notFound(target: RegistryTarget | AddressTarget): CallError {
  return new CallError(
    "NOT_FOUND",
    `Call: no agent with ${describeTarget(target)} is registered`,
    { capability: target.kind === "capability" ? target.term : undefined },
  );
}

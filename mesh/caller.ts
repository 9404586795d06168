/**
 * The calling half of an agent: finds a callee, sends the request, and gives
 * the answer to whoever waits for it.
 *
 * @module
 */
import {
  encodeCall,
  encodeCallData,
  encodeEnvelope,
  encodeStreamOpen,
  isNilAgentId,
  MessageType,
  StreamKind,
  type Value,
} from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import {
  systemRandom,
  type TransportConnection,
  TransportError,
  type TransportStream,
} from "../transport/mod.ts";
import { readError, readResponse } from "./answer.ts";
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

  /** @param options The agent's parts. */
  constructor(options: CallerOptions) {
    this.#options = options;
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
      const open = await this.#open(request);
      try {
        const { keyPair } = this.#options;
        const answer = readResponse(open.first, { keyPair, method });
        open.channel.finishReceiving();
        scope.settle(answer.spent);
        scope.end();
        return answer.content.value;
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

  /** Goes from candidate to candidate until one takes the request. */
  async #open(request: Request): Promise<OpenCall> {
    const { scope, target } = request;
    const tried = new Set<string>();
    let failure: unknown;
    scope.race.throwIfAborted();
    // A second look at the registry: what was remembered may be out of date.
    for (let round = 0; round < 2; round++) {
      const peers = this.#findRemembered(target) ??
        await scope.race.race(this.#findCandidates(target));
      for (const peer of peers) {
        if (tried.size >= MAX_CALL_CANDIDATES) break;
        if (tried.size > 0 && tried.has(describePeer(peer))) continue;
        const attempt = await this.#attempt(request, peer);
        if ("channel" in attempt) return attempt;
        tried.add(describePeer(peer));
        failure = attempt.failure;
        if (scope.isAborted || !attempt.canGoElsewhere) throw failure;
        this.#forget(target);
      }
      if (failure === undefined) throw notFound(target);
    }
    throw failure;
  }

  async #attempt(
    request: Request,
    peer: Peer,
  ): Promise<OpenCall | FailedAttempt> {
    const { scope, options } = request;
    let lease: PeerLease | undefined;
    let channel: MessageChannel | undefined;
    let pump: InputPump | undefined;
    let isSent = false;
    const close = (): void => {
      pump?.stop();
      lease?.release();
    };
    try {
      let sending: Promise<void> | undefined;
      lease = this.#options.peers.tryAcquire(peer);
      if (lease === undefined) {
        const acquired = await this.#acquire(request, peer);
        lease = acquired.lease;
        channel = acquired.early?.channel;
        sending = acquired.early?.sending;
      }
      isSent = channel !== undefined;
      if (channel === undefined) {
        const opening = this.#openStream(lease.connection, request);
        const stream = opening instanceof Promise ? await opening : opening;
        channel = new MessageChannel(stream);
        scope.attach(channel, peer.name);
        scope.race.throwIfAborted();
        scope.timer.wait();
        isSent = true;
        sending = channel.push(this.#encode(request, peer));
      }
      if (sending !== undefined) await scope.race.race(sending);
      if (request.isStream || options.input !== undefined) {
        pump = this.#startPump(request, channel);
      } else channel.finish();
      const first = await channel.receive(scope.race);
      scope.timer.progress();
      if (first?.type !== MessageType.ERROR) return { channel, first, close };
      channel.finishReceiving();
      close();
      const { error, isNotStarted, spent } = readError(first);
      scope.settle(spent);
      return {
        failure: error,
        canGoElsewhere: isNotStarted && options.input === undefined,
      };
    } catch (failure) {
      channel?.cancel(0);
      close();
      const isLost = failure instanceof TransportError;
      const mayRepeat = !isSent ||
        options.isIdempotent === true && options.input === undefined;
      return { failure, canGoElsewhere: isLost && mayRepeat };
    }
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
    const { scope, options } = request;
    if (scope.isAborted) return undefined;
    const stream = connection.tryOpenStream({
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      isEarly: true,
    });
    if (stream === undefined) return undefined;
    const channel = new MessageChannel(stream);
    scope.attach(channel, peer.name);
    scope.timer.wait();
    const sending = channel.push(this.#encode(request, peer));
    // Whoever waits for the connection hears of its end.
    sending?.catch(() => {});
    if (!request.isStream && sending === undefined) channel.finish();
    return { channel, sending };
  }

  #openStream(
    connection: TransportConnection,
    { scope, options }: Request,
  ): TransportStream | Promise<TransportStream> {
    const { priority } = options;
    const opening = priority === undefined ? {} : { priority };
    return connection.tryOpenStream(opening) ??
      new Promise((resolve, reject) => {
        let release = (): void => {};
        // Without a signal, which costs as much as the rest of the call: it is
        // when there are more calls than streams that time is short.
        const cancel = connection.openStreamWith(opening, {
          resolve: (stream) => {
            release();
            resolve(stream);
          },
          reject: (reason) => {
            release();
            reject(reason);
          },
        });
        release = scope.race.onAbort((reason) => {
          cancel();
          reject(reason);
        });
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

  #encode(request: Request, peer: Peer): {
    type: number;
    flags: number;
    messageId: bigint;
    traceId: bigint;
    payload: Uint8Array;
  } {
    const { scope, method, content, options, isStream } = request;
    const { self } = this.#options;
    const { idempotencyKey } = options;
    const { envelope } = scope;
    if (idempotencyKey !== undefined) envelope.idempotencyKey = idempotencyKey;
    if (self.name !== "") envelope.caller = self.name;
    envelope.callerId = self.agentId;
    const data = encodeCallData({
      contentType: content.contentType,
      method,
      extensions: encodeEnvelope(envelope),
      body: content.body,
    });
    // The wire's whole seconds are rounded up beside the milliseconds.
    const timeoutSeconds = Math.ceil((envelope.deadlineMs ?? 0) / 1000);
    const target = peer.agentId;
    const isCall = !isStream && options.input === undefined;
    const payload = isCall
      ? encodeCall({ target, timeoutSeconds, data })
      : encodeStreamOpen({
        streamId: createStreamId(),
        target,
        kind: isStream ? StreamKind.BOTH_WAYS : StreamKind.ONE_WAY,
        timeoutSeconds,
        data,
      });
    return {
      type: isCall ? MessageType.CALL : MessageType.STREAM_OPEN,
      messageId: scope.span.spanId,
      traceId: scope.span.traceId,
      ...compressMessage(content.flags, payload, options.compress),
    };
  }

  async #findCandidates(
    target: RegistryTarget | AddressTarget,
  ): Promise<Peer[]> {
    if (target.kind !== "url") {
      return await this.#options.directory.find(target);
    }
    const { url, agentId } = target;
    return [{
      agentId,
      name: isNilAgentId(agentId)
        ? `${url.hostname}:${url.port}`
        : url.agentId ?? "",
      hostname: url.hostname,
      port: url.port,
      publicKey: url.publicKey,
    }];
  }

  #findRemembered(
    target: RegistryTarget | AddressTarget,
  ): Peer[] | undefined {
    return target.kind === "url"
      ? undefined
      : this.#options.directory.findRemembered(target);
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

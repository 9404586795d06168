/**
 * The calling half of an agent: finds a callee, sends the request, and gives
 * the answer to whoever waits for it.
 *
 * @module
 */
import type { TimerQueue } from "../internal/timer_queue.ts";
import { type Message, MessageType, type Value } from "../protocol/mod.ts";
import type { KeyPair } from "../crypto/mod.ts";
import type { Instant } from "../internal/instant.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { readError } from "./answer.ts";
import { endWithAnswer } from "./answered_call.ts";
import { type AnswerTaker, AnswerWaiter } from "./answer_waiter.ts";
import { Attempt, type FailedAttempt } from "./attempt.ts";
import {
  type CallOptions,
  checkOptions,
  type RequestOptions,
  type StreamOptions,
} from "./call_options.ts";
import { CallScope } from "./call_scope.ts";
import { CallStream, type OpenCall } from "./call_stream.ts";
import { Candidates } from "./candidates.ts";
import {
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_STREAM_IDLE_TIMEOUT_MS,
} from "./config.ts";
import {
  keepContent,
  packContent,
  SealedValue,
  sealValue,
  type Sendable,
} from "./content.ts";
import type { Directory } from "./directory.ts";
import { CallError } from "./error.ts";
import { isStopped, isTooLate } from "./failure.ts";
import { InputPump } from "./input_pump.ts";
import { MessageChannel } from "./message_channel.ts";
import { leaseWhileNamed } from "./named_lease.ts";
import {
  mayTravelEarly,
  type OutgoingRequest,
  RequestEncoder,
  streamOptions,
} from "./outgoing_request.ts";
import {
  isOutOfConnections,
  type Peer,
  type PeerConnections,
  type PeerLease,
  type PeerPlace,
} from "./peer_connections.ts";
import { PeerFinder } from "./peer_finder.ts";
import { OpenWaiter, type StreamTaker } from "./open_waiter.ts";
import { SentCall } from "./sent_call.ts";
import { notFound, parseTarget, type Target } from "./target.ts";
import type { Tracing } from "./tracing.ts";
import { isLarge, openStream, UploadTurns } from "./upload_turns.ts";

/** What a {@linkcode Caller} is made from. */
export interface CallerOptions {
  /** Name and id of this agent, for its callees. */
  readonly self: { readonly name: string; readonly agentId: Uint8Array };
  /** Opens what is sealed for this agent. */
  readonly keyPair: KeyPair;
  /** The clock. */
  readonly clock: TimerQueue;
  /** Opens spans. */
  readonly tracing: Tracing;
  /** Finds callees. */
  readonly directory: Directory;
  /** Connects to callees. */
  readonly peers: PeerConnections;
}

/** What a call gives. */
type Answer = Value | SealedValue;

type WaitingCall = AnswerWaiter<SentCall, Answer>;

/** A request that left before its connection stood. */
interface EarlyRequest {
  readonly channel: MessageChannel;
  /** Settles when the stream has taken all of it; `undefined` when it has. */
  readonly sending: Promise<void> | undefined;
}

/** Makes calls. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #encoder: RequestEncoder;
  readonly #finder: PeerFinder;
  readonly #uploads: UploadTurns;
  /** Of the streams that have not ended. */
  readonly #streamScopes = new Set<CallScope>();
  /** What becomes of the calls that wait. */
  readonly #answers: AnswerTaker<SentCall, Answer> = {
    take: (call, first) => this.#takeAnswer(call, first),
    fail: (call, reason) => this.#callAfter(call, reason),
  };

  /** What becomes of those that have waited for a stream. */
  readonly #streams: StreamTaker<WaitingCall> = {
    take: (call, stream) => this.#takeStream(call, stream),
    fail: (call, reason) => call.reject(reason),
  };

  /** @param options The agent's parts. */
  constructor(options: CallerOptions) {
    this.#options = options;
    this.#encoder = new RequestEncoder(options.self);
    this.#finder = new PeerFinder(options.directory);
    this.#uploads = new UploadTurns(options.clock);
  }

  /** As `Agent.call`. */
  call(
    target: Target,
    method: string,
    value: Sendable,
    options: CallOptions,
  ): Promise<Answer> {
    let request: OutgoingRequest;
    try {
      request = this.#createRequest(target, method, value, options, false);
    } catch (error) {
      return Promise.reject(error);
    }
    const answer = this.#call(request);
    if (!request.scope.isSent) request.content = keepContent(request.content);
    return answer;
  }

  #call(request: OutgoingRequest): Promise<Answer> {
    const { scope } = request;
    if (scope.isAborted) return this.#callOn(request);
    const peers = this.#finder.findRemembered(request.target, scope.startedAt);
    if (peers === undefined || peers.length === 0) {
      return this.#callOn(request, peers);
    }
    // To a callee that is known and connected a call waits once, for its answer.
    const attempt = new Attempt();
    const call = new SentCall(request, peers, attempt);
    try {
      if (this.#sendNow(request, peers[0]!, attempt, scope.startedAt)) {
        return this.#receiveAnswer(call);
      }
    } catch (failure) {
      return this.#callAfter(call, failure);
    }
    // Without a function that waits: whatever holds calls up, thousands then wait
    // for a stream, and each has a place in memory that collections go through. But
    // input is asked for inside the handler that calls, which only a function knows.
    return attempt.lease !== undefined && !attempt.isSent &&
        !isLarge(request) && request.options.input === undefined
      ? this.#callWhenOpen(call, attempt.lease)
      : this.#callOn(request, peers, attempt);
  }

  /** Goes on when the connection has a stream to give. */
  #callWhenOpen(
    call: SentCall,
    { connection }: PeerLease,
  ): Promise<Answer> {
    const { request } = call;
    return new Promise((resolve, reject) => {
      new OpenWaiter(
        connection,
        request.scope.race,
        this.#streams,
        new AnswerWaiter(this.#answers, call, resolve, reject),
      ).wait(streamOptions(request));
    });
  }

  /** Takes the stream that a call has waited for. */
  #takeStream(waiter: WaitingCall, stream: TransportStream): void {
    const { request, peers, attempt } = waiter.call;
    try {
      if (!this.#sendOn(stream, request, peers[0]!, attempt)) {
        return waiter.settle(this.#callOn(request, peers, attempt));
      }
    } catch (failure) {
      return waiter.reject(failure);
    }
    attempt.channel.receiveWith(waiter, request.scope.race);
  }

  #receiveAnswer(call: SentCall): Promise<Answer> {
    return new Promise((resolve, reject) => {
      call.attempt.channel.receiveWith(
        new AnswerWaiter(this.#answers, call, resolve, reject),
        call.request.scope.race,
      );
    });
  }

  /** Takes the first message of an answer. */
  #takeAnswer(
    { request, peers, attempt }: SentCall,
    first: Message | undefined,
  ): Answer | Promise<Answer> {
    let outcome: Attempt | FailedAttempt;
    try {
      outcome = this.#judge(request, attempt, first);
    } catch (failure) {
      outcome = attempt.fail(request.options, failure);
    }
    if (!(outcome instanceof Attempt)) {
      return this.#callOn(request, peers, outcome);
    }
    return this.#readAnswer(request, outcome);
  }

  /** Goes on after a failed attempt. */
  #callAfter(call: SentCall, failure: unknown): Promise<Answer> {
    const { request, peers, attempt } = call;
    return this.#callOn(request, peers, attempt.fail(request.options, failure));
  }

  /** Goes on with whatever is left to be done, and to be tried. */
  async #callOn(
    request: OutgoingRequest,
    peers?: Peer[],
    begun?: Attempt | FailedAttempt,
  ): Promise<Answer> {
    let open: OpenCall;
    try {
      open = await this.#open(request, peers, begun);
    } catch (error) {
      throw request.scope.end(error);
    }
    return this.#readAnswer(request, open);
  }

  #readAnswer(
    { scope, method }: OutgoingRequest,
    open: OpenCall,
  ): Answer | Promise<Answer> {
    const { keyPair } = this.#options;
    return endWithAnswer(scope, open, { keyPair, method });
  }

  /** As `Agent.stream`. */
  stream(
    target: Target,
    method: string,
    value: Sendable,
    options: StreamOptions,
  ): CallStream {
    const request = this.#createRequest(target, method, value, options, true);
    const opening = this.#open(request);
    if (!request.scope.isSent) request.content = keepContent(request.content);
    const { scope } = request;
    const stream = new CallStream({
      scope,
      method,
      keyPair: this.#options.keyPair,
      opening,
    });
    this.#streamScopes.add(scope);
    stream.ending.then(() => this.#streamScopes.delete(scope));
    return stream;
  }

  /** Gives up the streams: one that nobody reads hears of nothing else. */
  close(): void {
    const reason = new CallError("CANCELLED", "Agent: it is closed");
    for (const scope of this.#streamScopes) scope.abort(reason);
  }

  /**
   * Takes the connection to one agent that the target names.
   *
   * @param target Whom.
   * @param race Gives up.
   * @returns The lease.
   * @throws {CallError} `NOT_FOUND` when there is no such agent.
   */
  async connect(target: Target, race: AbortRace): Promise<PeerLease> {
    const { peers } = this.#options;
    return await this.#finder.lease(parseTarget(target), peers, race);
  }

  #createRequest(
    givenTarget: Target,
    method: string,
    value: Sendable,
    options: CallOptions,
    isStream: boolean,
  ): OutgoingRequest {
    checkOptions(options);
    if (typeof method !== "string") {
      throw new CallError("INVALID_ARGUMENT", "Call: the method must be text");
    }
    const target = parseTarget(givenTarget);
    const content = packContent(this.#seal(value, options));
    const { clock, tracing } = this.#options;
    const scope = new CallScope({
      clock,
      tracing,
      method,
      capability: target.kind === "capability" ? target.term : undefined,
      options,
      defaultTimeoutMs: isStream ? undefined : DEFAULT_CALL_TIMEOUT_MS,
      defaultIdleTimeoutMs: isStream
        ? DEFAULT_STREAM_IDLE_TIMEOUT_MS
        : undefined,
    });
    return { scope, target, method, content, options, isStream };
  }

  #seal(value: Sendable, { sealFor }: RequestOptions): Sendable {
    if (sealFor === undefined || value instanceof SealedValue) return value;
    return sealValue(value, {
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
    request: OutgoingRequest,
    remembered: Peer[] | undefined = this.#finder.findRemembered(
      request.target,
    ),
    begun?: Attempt | FailedAttempt,
  ): Promise<OpenCall> {
    const { scope, target } = request;
    scope.race.throwIfAborted();
    const candidates = new Candidates(
      remembered ?? await scope.race.race(this.#finder.find(target)),
      (peer) => this.#options.peers.isSilent(peer),
    );
    let failure: unknown;
    for (;;) {
      let peer = candidates.next();
      if (peer === undefined && candidates.mayAsk) {
        // By now others may have left as well, or come.
        candidates.goOn(await scope.race.race(this.#finder.find(target)));
        peer = candidates.next();
      }
      let place: PeerPlace | undefined;
      if (peer === undefined) {
        const passedOver = candidates.takePassedOver();
        if (passedOver === undefined) throw failure ?? notFound(target);
        place = await this.#waitForPlace(scope, passedOver);
        peer = place.peer;
      }
      const outcome = begun === undefined || begun instanceof Attempt
        ? await this.#attempt(request, peer, begun)
        : begun;
      place?.release();
      begun = undefined;
      if (outcome instanceof Attempt) return outcome;
      if (outcome === undefined) {
        candidates.setOutdated();
        continue;
      }
      failure = outcome.failure;
      // Not lost: this agent is closed.
      if (outcome.isGone) this.#options.peers.throwIfClosed();
      // Nobody was asked; one that is connected already may come next.
      if (isOutOfConnections(failure) && !scope.isAborted) {
        candidates.passOver(peer);
        continue;
      }
      // Given up with an error of another connection, it says nothing of this one.
      scope.race.throwIfAborted();
      if (!outcome.canGoElsewhere) throw failure;
      this.#finder.forget(target, peer, failure);
      candidates.setTried(peer, outcome.isSent);
      // Who refuses is there, and so may be the others.
      if (outcome.isGone) candidates.setOutdated();
    }
  }

  #waitForPlace(
    scope: CallScope,
    passedOver: readonly Peer[],
  ): Promise<PeerPlace> {
    const { peers } = this.#options;
    return scope.waitFor(
      peers.waitForPlace(passedOver, scope.race),
      peers.obstacle,
    );
  }

  /** @returns Nothing when the peer was not asked: its connection has just ended. */
  async #attempt(
    request: OutgoingRequest,
    peer: Peer,
    attempt = new Attempt(),
  ): Promise<Attempt | FailedAttempt | undefined> {
    try {
      if (attempt.isSent || !this.#sendNow(request, peer, attempt)) {
        const ending = this.#options.peers.findEnding(peer);
        if (ending !== undefined && attempt.lease === undefined) {
          await request.scope.race.race(ending);
          return undefined;
        }
        await this.#sendLater(request, peer, attempt);
      }
      const first = await attempt.channel.receive(request.scope.race);
      return this.#judge(request, attempt, first);
    } catch (failure) {
      return attempt.fail(request.options, failure);
    }
  }

  /** @returns Whether all of the request was sent: nothing had to be waited for. */
  #sendNow(
    request: OutgoingRequest,
    peer: Peer,
    attempt: Attempt,
    now = this.#options.clock.now(),
  ): boolean {
    const lease = attempt.lease ??= this.#options.peers.tryAcquire(peer);
    const stream = lease && this.#tryOpenStream(lease.connection, request);
    return stream !== undefined &&
      this.#sendOn(stream, request, peer, attempt, now);
  }

  /** @returns Whether all of the request was sent. */
  #sendOn(
    stream: TransportStream,
    request: OutgoingRequest,
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
    request: OutgoingRequest,
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
    try {
      if (attempt.sending !== undefined) await race.race(attempt.sending);
    } catch (error) {
      // A callee that wants no more of it says why in its answer.
      if (isStopped(error)) return;
      throw error;
    }
    this.#sendRest(request, attempt);
  }

  #send(
    request: OutgoingRequest,
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
    attempt.setSent(channel, this.#encoder.push(channel, request, peer, now));
  }

  /** The input, or the end of the direction. */
  #sendRest(request: OutgoingRequest, attempt: Attempt): void {
    if (request.isStream || request.options.input !== undefined) {
      attempt.pump = this.#startPump(request, attempt);
    } else attempt.channel.finish();
  }

  /** Looks at the first message of the answer. */
  #judge(
    request: OutgoingRequest,
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
    if (isNotStarted && isTooLate(error)) attempt.preferNewest();
    return {
      failure: error,
      canGoElsewhere: isNotStarted && options.input === undefined,
      isSent: true,
      isGone: false,
    };
  }

  async #acquire(
    request: OutgoingRequest,
    peer: Peer,
  ): Promise<{ lease: PeerLease; early: EarlyRequest | undefined }> {
    const { scope, target } = request;
    const { directory, clock } = this.#options;
    let early: EarlyRequest | undefined;
    let isWanted = true;
    const acquiring = this.#options.peers.acquire(peer, {
      onEarly: mayTravelEarly(request) && !isLarge(request)
        ? (connection) => early = this.#sendEarly(connection, request, peer)
        : undefined,
      isWanted: () => isWanted,
    });
    // What comes after the call was given up is used by nobody.
    acquiring.then((late) => scope.isAborted && late.release(), () => {});
    const leasing = target.kind === "url"
      ? acquiring
      : leaseWhileNamed(acquiring, { directory, peer, clock });
    try {
      return { lease: await scope.race.race(leasing), early };
    } catch (error) {
      isWanted = false;
      early?.channel.cancel(0);
      throw error;
    }
  }

  /** Sends the request with the first datagram of a connection. */
  #sendEarly(
    connection: TransportConnection,
    request: OutgoingRequest,
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
    const sending = this.#encoder.push(channel, request, peer, now);
    // Whoever waits for the connection hears of its end.
    sending?.catch(() => {});
    if (!request.isStream && sending === undefined) channel.finish();
    return { channel, sending };
  }

  #tryOpenStream(
    connection: TransportConnection,
    request: OutgoingRequest,
  ): TransportStream | undefined {
    return isLarge(request)
      ? this.#uploads.tryOpenStream(connection, request)
      : connection.tryOpenStream(streamOptions(request));
  }

  #openStream(
    connection: TransportConnection,
    request: OutgoingRequest,
  ): TransportStream | Promise<TransportStream> {
    return isLarge(request)
      ? this.#uploads.tryOpenStream(connection, request) ??
        this.#uploads.openStream(connection, request)
      : openStream(connection, request);
  }

  #startPump(request: OutgoingRequest, attempt: Attempt): InputPump {
    const { scope, options } = request;
    return new InputPump({
      scope,
      channel: attempt.channel,
      connection: attempt.lease!.connection,
      uploads: this.#uploads,
      options,
      seal: (value) => this.#seal(value, options),
    });
  }
}

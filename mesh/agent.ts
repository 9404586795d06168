/**
 * An agent: what most programs on the mesh are made of.
 *
 * @module
 */
import { TimerQueue } from "../internal/timer_queue.ts";
import {
  createAgentId,
  formatAgentId,
  type MxpUrl,
  parseAgentId,
  parseMxpUrl,
  type Value,
} from "../protocol/mod.ts";
import { fingerprint, generateKeyPair, type KeyPair } from "../crypto/mod.ts";
import type { AgentEntry } from "../registry/mod.ts";
import {
  type Address,
  SYSTEM_CLOCK,
  systemRandom,
  Transport,
  TransportError,
} from "../transport/mod.ts";
import { LimitedRace } from "./abort.ts";
import {
  type AgentOptions,
  checkAgentOptions,
  defaultBind,
  parseAddressOption,
  shieldWarnings,
} from "./agent_options.ts";
import { untakenError } from "./attempt.ts";
import type { CallOptions, StreamOptions } from "./call_options.ts";
import type { CallStream } from "./call_stream.ts";
import { Callee } from "./callee.ts";
import { Caller } from "./caller.ts";
import {
  CLOSE_CODE_LEFT,
  DRAIN_TIMEOUT_MS,
  MAX_DISCOVERY_CACHE,
  MAX_PEER_CONNECTIONS,
  NODE_CONNECT_TIMEOUT_MS,
  PEER_CONNECT_TIMEOUT_MS,
} from "./config.ts";
import { type SealedValue, sealValue, type Sendable } from "./content.ts";
import { Dialer } from "./dialer.ts";
import { Directory } from "./directory.ts";
import { type DiscoverQuery, parseDiscoverQuery } from "./discover_query.ts";
import { CallError } from "./error.ts";
import type {
  EventSubscription,
  SubscribeOptions,
} from "./event_subscription.ts";
import { toCallFailure } from "./failure.ts";
import type { CallHandler, StreamHandler } from "./handler.ts";
import { KnownPeers } from "./known_peers.ts";
import { MessageIds } from "./message_ids.ts";
import { Membership } from "./membership.ts";
import { checkSignal, checkTime } from "./option_checks.ts";
import { PeerConnections } from "./peer_connections.ts";
import { sleep } from "./sleep.ts";
import type { SpanListener } from "./span.ts";
import type { Target } from "./target.ts";
import { Tracing } from "./tracing.ts";

/** The parts of an agent, for its constructor. */
interface AgentParts {
  readonly url: MxpUrl;
  readonly options: AgentOptions;
  readonly agentId: Uint8Array;
  readonly keyPair: KeyPair;
  readonly clock: TimerQueue;
  readonly transport: Transport;
}

/** Of whoever gives none: one for all, not one for each call. */
const NO_OPTIONS: CallOptions & StreamOptions = {};

/**
 * A member of the mesh. It registers with a node, which tells it where others
 * are, and talks to them directly: one connection to each, shared by all calls.
 *
 * @example Answer and call
 * ```ts
 * import { Agent, Node } from "@mxp/core";
 * import assert from "node:assert/strict";
 *
 * const node = await Node.start({ bind: "127.0.0.1:0" });
 * const writer = await Agent.connect(node.url, {
 *   name: "writer",
 *   capabilities: ["greet"],
 * });
 * writer.onCall("greet", (request) => `Hello, ${request.text()}`);
 *
 * const reader = await Agent.connect(node.url);
 * const reply = await reader.call({ capability: "greet" }, "greet", "Ada");
 * assert.equal(reply, "Hello, Ada");
 *
 * await reader.close();
 * await writer.close();
 * await node.close();
 * ```
 */
export class Agent {
  /** Its id, a UUID. */
  readonly id: string;
  /** Its name; empty when it has none. */
  readonly name: string;
  readonly #keyPair: KeyPair;
  readonly #clock: TimerQueue;
  readonly #transport: Transport;
  readonly #tracing: Tracing;
  readonly #callee: Callee;
  readonly #caller: Caller;
  readonly #peers: PeerConnections;
  readonly #membership: Membership;
  #closing: Promise<void> | undefined;

  private constructor(parts: AgentParts) {
    const { options, agentId, keyPair, clock, transport, url } = parts;
    const { limits = {}, onWarning = () => {} } = options;
    this.id = formatAgentId(agentId);
    this.name = options.name ?? "";
    this.#keyPair = keyPair;
    this.#clock = clock;
    this.#transport = transport;
    const ids = new MessageIds(systemRandom);
    this.#tracing = new Tracing(this.name, ids);
    this.#callee = new Callee({
      agentId,
      keyPair,
      clock,
      tracing: this.#tracing,
      maxHandlersInFlight: limits.maxHandlersInFlight,
    });
    const dialer = new Dialer({
      transport,
      ownPublicKey: keyPair.publicKey,
      knownPeers: options.knownPeersPath === undefined
        ? undefined
        : new KnownPeers(options.knownPeersPath),
      onWarning,
    });
    this.#membership = new Membership({
      url,
      options,
      agentId,
      keyPair,
      clock,
      dialer,
      ids,
      port: transport.localAddress.port,
      hostname: transport.localAddress.hostname,
      onWarning,
      presence: () => ({
        isDraining: this.#callee.isDraining,
        load: this.#callee.load,
      }),
    });
    const directory = new Directory({
      discover: (target) => this.#membership.discover(target),
      isNodeAway: () => !this.#membership.isConnected,
      isSilent: (peer) => this.#peers.isSilent(peer),
      clock,
      ownId: this.id,
      lifetimeMs: limits.discoveryCacheMs,
      maxEntries: Math.max(
        MAX_DISCOVERY_CACHE,
        limits.maxPeerConnections ?? MAX_PEER_CONNECTIONS,
      ),
    });
    this.#peers = new PeerConnections({
      clock,
      maxConnections: limits.maxPeerConnections,
      idleTimeoutMs: limits.peerIdleTimeoutMs,
      dial: async (peer, signal, onEarly) => {
        const connection = await dialer.dial({
          ...peer,
          timeoutMs: PEER_CONNECT_TIMEOUT_MS,
          signal,
          onEarly,
        });
        this.#callee.serve(connection);
        return connection;
      },
      onClosedByPeer: (peer) => directory.dismiss(peer),
    });
    this.#caller = new Caller({
      self: { name: this.name, agentId },
      keyPair,
      clock,
      tracing: this.#tracing,
      directory,
      peers: this.#peers,
    });
    transport.onConnection = (connection) => this.#callee.serve(connection);
  }

  /**
   * Connects to a node and, with a name, registers there. From then on the
   * agent keeps itself registered: it sends heartbeats, and when the node is
   * lost it connects, registers and subscribes again.
   *
   * @param url `mxp://host:port`, port 9000 when absent; `?pk=` pins the
   * node's key.
   * @param options Who it is and what it can do.
   * @returns The agent; close it when done, it keeps the process alive.
   * @throws {ProtocolError} `INVALID_URL`, `INVALID_AGENT_ID` for `id`, or
   * `INVALID_VALUE` for what is too long to be sent.
   * @throws {TransportError} `HANDSHAKE_TIMEOUT` when nobody answers,
   * `PEER_KEY_MISMATCH` when somebody else does, `ADDRESS_IN_USE`,
   * `INVALID_CONFIG` for `transport`, …
   * @throws {CallError} When the node refuses the registration; `UNAVAILABLE`
   * when it does not answer it within `connectTimeoutMs`; `INVALID_ARGUMENT` for
   * an option; `FAILED_PRECONDITION` when the file of `knownPeersPath` cannot be
   * read or written. An aborted signal rejects with its reason.
   */
  static async connect(
    url: string,
    options: AgentOptions = {},
  ): Promise<Agent> {
    const node = parseMxpUrl(url);
    checkAgentOptions(options);
    options.signal?.throwIfAborted();
    const shielded = shieldWarnings(options);
    const { signal, onWarning } = shielded;
    const bind = options.bind === undefined
      ? defaultBind(node.hostname)
      : parseAddressOption(options.bind, "bind");
    const keyPair = options.keyPair ?? options.identity?.keyPair ??
      generateKeyPair(systemRandom);
    const agentId = options.id === undefined
      ? createAgentId(systemRandom)
      : parseAgentId(options.id);
    const transport = await Transport.bind({
      ...bind,
      keyPair,
      ...(options.carrier === undefined ? {} : { carrier: options.carrier }),
      ...(options.transport === undefined ? {} : { config: options.transport }),
      ...(onWarning === undefined ? {} : { onWarning }),
      ...(options.observe === undefined ? {} : { observe: options.observe }),
    });
    let agent: Agent | undefined;
    try {
      agent = new Agent({
        url: node,
        options: shielded,
        agentId,
        keyPair,
        clock: new TimerQueue(options.clock ?? SYSTEM_CLOCK),
        transport,
      });
      await agent.#membership.start(signal);
      return agent;
    } catch (error) {
      await (agent === undefined ? transport.close() : agent.#stop());
      throw error;
    }
  }

  /** Its static public key, 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#keyPair.publicKey;
  }

  /** Fingerprint of its public key. */
  get fingerprint(): string {
    return fingerprint(this.#keyPair.publicKey);
  }

  /** Where it is bound. */
  get localAddress(): Address {
    return this.#transport.localAddress;
  }

  /** Whether the node is connected just now. */
  get isConnected(): boolean {
    return this.#membership.isConnected;
  }

  /**
   * Answers calls of a method with one value.
   *
   * @param method Its name.
   * @param handler Called with each request; what it returns is the answer. Of
   * a `CallError` that it throws the caller gets the code (`UNAVAILABLE` for
   * `CONNECTION_LOST`), the first line of its message, at most 500 characters,
   * and `retryAfterMs`; of a `TransportError` the code that a call gets for it;
   * of anything else `INTERNAL`.
   * @returns This agent.
   * @throws {CallError} `ALREADY_EXISTS` when the method has a handler,
   * `INVALID_ARGUMENT` for an empty name and a handler that is no function.
   */
  onCall(method: string, handler: CallHandler): this {
    this.#callee.setMethod(method, { kind: "call", handler });
    return this;
  }

  /**
   * Answers calls of a method with a stream.
   *
   * @param method Its name.
   * @param handler An async generator, as a rule. It is asked for the next
   * chunk only when there is room for it on the way to the reader. What it
   * throws ends the stream, as of {@linkcode Agent.onCall}.
   * @returns This agent.
   * @throws {CallError} `ALREADY_EXISTS` when the method has a handler,
   * `INVALID_ARGUMENT` for an empty name and a handler that is no function.
   */
  onStream(method: string, handler: StreamHandler): this {
    this.#callee.setMethod(method, { kind: "stream", handler });
    return this;
  }

  /**
   * Calls a method that answers with one value; with `options.input` the
   * caller sends a stream of values beside the first one.
   *
   * @typeParam Reply What the answer is taken for; not checked. Nothing but the
   * default says that it may be sealed for somebody else.
   * @param target Whom: see `Target`. Among several agents calls go round; one
   * that cannot be reached, or refuses before it began, is passed over.
   * @param method What to call.
   * @param value With what: bytes, text, or what JSON can say. The array of bytes
   * may be used again at once where the target is a URL; otherwise when the call has
   * settled, since one that goes elsewhere after all is read again.
   * @param options Limits, cancellation and the rest.
   * @returns The answer.
   * @throws {CallError} `NOT_FOUND` when there is no such agent, what the
   * callee answered, `DEADLINE_EXCEEDED`, `UNAVAILABLE`, `CONNECTION_LOST`, …;
   * `CANCELLED` when this agent is closed. An aborted signal rejects with its
   * reason.
   * @throws {ProtocolError} `INVALID_VALUE` for a value that cannot be sent,
   * `PAYLOAD_TOO_LARGE` for one that does not fit into a message, and for JSON above
   * five million units; `INVALID_URL` or `INVALID_AGENT_ID` for the target.
   * @throws {CryptoError} `INVALID_LENGTH`, `INVALID_KEY` or `WEAK_PUBLIC_KEY`
   * for `sealFor`.
   */
  call<Reply = Value | SealedValue>(
    target: Target,
    method: string,
    value?: Sendable,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Reply> {
    return this.#caller.call(target, method, value, options) as Promise<Reply>;
  }

  /**
   * Calls a method that answers with a stream; with `options.input` values go
   * both ways.
   *
   * @typeParam Chunk What the chunks are taken for; as of {@linkcode Agent.call}.
   * @param target Whom: see `Target`.
   * @param method What to call.
   * @param value With what, as of {@linkcode Agent.call}.
   * @param options Limits, cancellation and the rest.
   * @returns The stream; its call is under way.
   * @throws {CallError} `INVALID_ARGUMENT` at once for an option, the method or
   * the target; everything else comes out of the loop over the stream.
   * @throws {ProtocolError} At once: `INVALID_VALUE` for a value that cannot be
   * sent, `PAYLOAD_TOO_LARGE` for JSON above five million units; `INVALID_URL` or
   * `INVALID_AGENT_ID` for the target.
   * @throws {CryptoError} At once, for `sealFor`, as of {@linkcode Agent.call}.
   */
  stream<Chunk = Value | SealedValue>(
    target: Target,
    method: string,
    value?: Sendable,
    options: StreamOptions = NO_OPTIONS,
  ): CallStream<Chunk> {
    return this.#caller.stream(target, method, value, options) as CallStream<
      Chunk
    >;
  }

  /**
   * Looks for agents.
   *
   * @param query By what; at most one of capability, name, tag and id.
   * @returns Those that the node knows, the least loaded first: at most as many
   * as `limit` says, and none after the first 1 MiB of records.
   * @throws {CallError} `INVALID_ARGUMENT` for several terms, and for what it does not
   * know; `UNAVAILABLE` when the node does not answer, `CONNECTION_LOST` when it was
   * asked twice and each connection ended, `UNAUTHENTICATED` when another one is in
   * its place; `CANCELLED` when this agent is closed.
   * @throws {ProtocolError} `INVALID_AGENT_ID` for `id`.
   */
  async discover(query: DiscoverQuery = {}): Promise<AgentEntry[]> {
    return await this.#membership.discover(parseDiscoverQuery(query));
  }

  /**
   * Publishes an event to everyone who subscribed to its topic.
   *
   * @param topic What it is about: 1 to 255 bytes of UTF-8 without `*`.
   * @param value The event, at most 1 MiB. The array of bytes may be used again
   * at once.
   * @returns Resolves when it is in the subscribers' queues at the node.
   * @throws {CallError} `INVALID_ARGUMENT`, `PERMISSION_DENIED`; `UNAVAILABLE`
   * or `UNAUTHENTICATED` when it was not sent; `DEADLINE_EXCEEDED` when the node
   * does not answer and `CONNECTION_LOST`: it may be published all the same;
   * `CANCELLED` when the agent is closed.
   * @throws {ProtocolError} `INVALID_VALUE` for a value that cannot be sent.
   */
  publish(topic: string, value?: Sendable): Promise<void> {
    return this.#membership.publish(topic, value);
  }

  /**
   * Publishes many events about one topic: they leave together, in order, and are
   * acknowledged once.
   *
   * @param topic As of {@linkcode Agent.publish}.
   * @param values The events, asked for as there is room to send them, however
   * long all of it takes. When asking for one throws, that is thrown after those
   * before it are published.
   * @returns Resolves when all of them are in the subscribers' queues at the node.
   * A subscriber that is more than 1,024 events or 4 MiB behind misses the oldest.
   * @throws {CallError} As `publish`, for the first event that was refused: those
   * before it are published, those after it may be. `DEADLINE_EXCEEDED` when the
   * node takes nothing for ten seconds. `INVALID_ARGUMENT` for text or bytes in place
   * of the events.
   * @throws {ProtocolError} `INVALID_VALUE` for a value that cannot be sent.
   */
  publishAll(
    topic: string,
    // Text is iterable, and so are bytes: by letter.
    values: Iterable<Sendable> & object & {
      readonly BYTES_PER_ELEMENT?: never;
    },
  ): Promise<void> {
    return this.#membership.publishAll(topic, values);
  }

  /**
   * Subscribes to events.
   *
   * @param pattern A topic, or a prefix and `*`.
   * @param options A callback instead of the loop, and how many events may wait
   * for it.
   * @returns The subscription, once the node has it: what is published from
   * now on arrives.
   * @throws {CallError} `INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`, `UNAVAILABLE`,
   * `CONNECTION_LOST`, `UNAUTHENTICATED`; `CANCELLED` when the agent is closed.
   */
  subscribe(
    pattern: string,
    options: SubscribeOptions = {},
  ): Promise<EventSubscription> {
    return this.#membership.subscribe(pattern, options);
  }

  /**
   * Measures a round trip.
   *
   * @param target To one agent; to the node when absent.
   * @param options How long it may take, and a signal.
   * @returns The round trip in milliseconds.
   * @throws {CallError} `NOT_FOUND`, `DEADLINE_EXCEEDED`, `UNAVAILABLE`, …;
   * `INVALID_ARGUMENT` for an option; `CANCELLED` when the agent is closed.
   * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID` for the target.
   */
  async ping(
    target?: Target,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } =
      {},
  ): Promise<number> {
    const { timeoutMs = NODE_CONNECT_TIMEOUT_MS, signal } = options;
    checkTime("Agent: timeoutMs", timeoutMs);
    checkSignal("Agent: signal", signal);
    if (target === undefined) {
      return await this.#membership.ping({ timeoutMs, signal });
    }
    const race = new LimitedRace({
      clock: this.#clock,
      timeoutMs,
      late: () =>
        new CallError(
          "DEADLINE_EXCEEDED",
          `Ping: no answer within ${timeoutMs} ms`,
        ),
      signal,
    });
    try {
      const acquiring = this.#caller.connect(target, race);
      acquiring.then((late) => race.isAborted && late.release(), () => {});
      const lease = await race.race(acquiring);
      try {
        return await race.race(lease.connection.ping());
      } finally {
        lease.release();
      }
    } catch (error) {
      if (error instanceof TransportError) this.#peers.throwIfClosed();
      // Given up with an error of another connection, it says nothing of this one.
      const untaken = race.isAborted ? undefined : untakenError(error);
      throw toCallFailure(untaken ?? error);
    } finally {
      race.end();
    }
  }

  /**
   * Seals a value end to end, to be given to `call`, returned by a handler or
   * published.
   *
   * @param value What to seal.
   * @param recipients Static public keys of those who may read it, 1 to 64.
   * @returns The sealed value; recipients see that this agent sealed it.
   * @throws {CryptoError} `INVALID_LENGTH` for a number of recipients that is
   * not from 1 to 64, `INVALID_KEY` or `WEAK_PUBLIC_KEY` for one of them.
   * @throws {ProtocolError} `INVALID_VALUE` for a value that cannot be sent.
   */
  seal(
    value: Exclude<Sendable, SealedValue>,
    recipients: readonly Uint8Array[],
  ): SealedValue {
    return sealValue(value, { recipients, sender: this.#keyPair });
  }

  /**
   * Observes the calls at both their ends.
   *
   * @param listener Called with every span of this agent that ends.
   * @returns Stops it.
   * @throws {CallError} `INVALID_ARGUMENT` for a listener that is no function.
   */
  onSpan(listener: SpanListener): () => void {
    return this.#tracing.onSpan(listener);
  }

  /**
   * Takes no new calls and waits for those that it has taken: other callers get
   * `UNAVAILABLE`, and discovery does not name the agent any more. A node that
   * cannot be told hears of it with the next heartbeat.
   *
   * @returns Resolves when the last handler is done.
   */
  async drain(): Promise<void> {
    const drained = this.#callee.drain();
    await this.#membership.announce();
    await drained;
  }

  /**
   * Leaves the mesh: tells the node, drains for up to `drainMs`, in which the
   * running handlers end and their callers get the answers, gives up what is left,
   * and closes every connection and the socket: that takes a round trip, and a second
   * at most where a peer does not say that it knows. A second call waits for the
   * first. Calls without `input` that were sent too late for it go to other agents,
   * where there are any.
   *
   * @param options How long the handlers and the way of their answers may take.
   * @throws {CallError} `INVALID_ARGUMENT` for an option: the agent stays.
   */
  async close(options: { readonly drainMs?: number } = {}): Promise<void> {
    const { drainMs = DRAIN_TIMEOUT_MS } = options;
    checkTime("Agent: drainMs", drainMs);
    this.#closing ??= this.#close(drainMs);
    await this.#closing;
  }

  /** As {@linkcode Agent.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(drainMs: number): Promise<void> {
    await this.#membership.leave();
    const done = new AbortController();
    // An answer that has not arrived is lost with its connection.
    this.#callee.drain().then(() => this.#callee.delivered()).then(() =>
      done.abort()
    );
    await sleep(this.#clock, drainMs, done.signal);
    this.#callee.abort();
    await this.#stop(done.signal.aborted ? CLOSE_CODE_LEFT : 0);
  }

  /** @param closeCode For whoever is connected to it. */
  async #stop(closeCode = 0): Promise<void> {
    try {
      await this.#membership.close();
    } finally {
      this.#caller.close();
      this.#peers.close("the agent is closed");
      await this.#transport.close(closeCode, "the agent is closed");
    }
  }
}

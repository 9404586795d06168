/**
 * A socket with connections: the transport as its user sees it.
 *
 * @module
 */
import { cipherLibraryProblem, type KeyPair } from "../crypto/mod.ts";
import type { MonotonicClock } from "../internal/instant.ts";
import type { RandomSource } from "../internal/random_source.ts";
import type { Carrier, CarrierStats } from "./carrier/carrier.ts";
import { createUdpCarrier } from "./carrier/udp.ts";
import { type Address, formatAddress, isSameAddress } from "./core/address.ts";
import { checkClose } from "./core/application_side.ts";
import type { EndpointOptions } from "./core/endpoint_options.ts";
import type { Connection } from "./core/connection.ts";
import { Endpoint } from "./core/endpoint.ts";
import type { EndpointEvent } from "./core/endpoint_event.ts";
import { CloseCode, TransportError } from "./core/error.ts";
import type { EndpointObserver } from "./core/observer.ts";
import type { EndpointStats } from "./core/stats.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { Driver } from "./driver.ts";
import { guardObserver } from "./guarded_observer.ts";
import { HandlerQueue } from "./handler_queue.ts";
import {
  movableAddress,
  reachableAddress,
  resolveHostname,
} from "./name_resolver.ts";
import { checkBindOptions, checkConnectOptions } from "./option_checks.ts";
import { sharedReceivingTurns } from "./receiving_turns.ts";
import { sharedSocketTurns } from "./socket_turns.ts";
import { systemClock, systemTimers } from "./system_clock.ts";
import { systemRandom } from "./system_random.ts";
import {
  type ConnectionHost,
  type ConnectionInput,
  TransportConnection,
} from "./transport_connection.ts";
import { throwUncaught } from "./uncaught.ts";

/** Whether it was said that the cipher library cannot be used: once for the process. */
let hasWarnedOfCiphers = false;

/** Connections of peers that wait while `onConnection` is not set. */
export const MAX_WAITING_CONNECTIONS = 256;

/** Limits and timing of a transport. */
export type TransportConfig = Omit<EndpointOptions, "keyPair" | "accept">;

/** Options of {@linkcode Transport.bind}. */
export interface TransportOptions {
  /** The static key pair that proves who this side is. */
  readonly keyPair: KeyPair;
  /**
   * Where to bind: a numeric address or a name. IPv4 reaches IPv4 only, IPv6
   * reaches IPv6, and `::` usually both. Not used with a `carrier`.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string;
  /**
   * The port; 0 lets the system choose. Not used with a `carrier`.
   *
   * @default {0}
   */
  readonly port?: number;
  /**
   * Whether peers may connect.
   *
   * @default {true}
   */
  readonly accept?: boolean;
  /** Limits and timing. */
  readonly config?: TransportConfig;
  /** What moves the datagrams; a UDP socket when absent. It is closed with the transport. */
  readonly carrier?: Carrier;
  /**
   * The clock; the system's monotonic one when absent. With another one the socket
   * takes no part in what keeps those of a process fair and awake. What closing waits
   * at most goes by the system's all the same.
   */
  readonly clock?: MonotonicClock;
  /** Where random bytes come from; the system's generator when absent. */
  readonly random?: RandomSource;
  /** Called with each connection of a peer. */
  readonly onConnection?: (connection: TransportConnection) => void;
  /**
   * Who watches: called once with the address that was bound, such as the
   * `observe` of a packet log. One that throws is reported as an exception of
   * the application is, and not called any more.
   */
  readonly observe?: (local: Address) => EndpointObserver;
  /**
   * Called with one line for a person, and with what was thrown if a callback
   * of the application threw. Without it such an exception is rethrown in a
   * microtask, where the runtime reports it as uncaught; so is what it throws
   * itself.
   */
  readonly onWarning?: (message: string, cause?: unknown) => void;
}

/** Options of {@linkcode Transport.connect}. */
export interface TransportConnectOptions {
  /**
   * The peer's static public key, 32 bytes; with it the peer is proven to be
   * the one that was meant. Without it its key is learned: compare
   * `peerPublicKey`.
   */
  readonly remoteStaticPublicKey?: Uint8Array;
  /** How long name and handshake may take; the configuration's `handshakeTimeoutMs` when absent. */
  readonly timeoutMs?: number;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /**
   * Called at once with the connection, before its hello leaves, when there is
   * a session ticket of the peer. What is written then to streams that are
   * opened with `isEarly` leaves with the hello, as far as it fits; the rest,
   * and all of it when the peer refuses the ticket, follows as soon as the
   * connection stands. Never called without `remoteStaticPublicKey`.
   *
   * Early data is for what does no harm if it is done twice: the peer takes
   * each hello once, but several processes with one key cannot know of each
   * other, and a recording of it can be read by whoever gets both the peer's
   * static key and its ticket key.
   */
  readonly onEarly?: (connection: TransportConnection) => void;
}

/** Options of {@linkcode Transport.rebind}. */
export interface RebindOptions {
  /**
   * Where to bind: a numeric address or a name, of the family of the one before.
   *
   * @default {the hostname before}
   */
  readonly hostname?: string;
  /**
   * The port; 0 lets the system choose.
   *
   * @default {0}
   */
  readonly port?: number;
  /**
   * What moves the datagrams from now on, in place of a UDP socket: at an address of
   * the family of the one before.
   */
  readonly carrier?: Carrier;
}

/** Counters of a transport. */
export interface TransportStats extends EndpointStats {
  /** Counters of the carrier. */
  readonly carrier: Readonly<CarrierStats>;
}

/** A connection attempt that is under way. */
interface Attempt {
  readonly outcome: Deferred<TransportConnection>;
  readonly target: Address;
  readonly key: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly onEarly: TransportConnectOptions["onEarly"];
  core: Connection | undefined;
  /** The last one of its datagrams that did not leave. */
  refusal: Refusal | undefined;
}

/** A datagram that did not leave. */
interface Refusal {
  /** Why. */
  readonly error: unknown;
  /** What its connection had sent by then: when that is more, others have left since. */
  readonly bytesSent: number;
}

/** One socket and the connections over it, those of peers and our own. */
export class Transport {
  #carrier: Carrier;
  readonly #endpoint: Endpoint;
  readonly #driver: Driver;
  readonly #host: ConnectionHost;
  readonly #onWarning: TransportOptions["onWarning"];
  readonly #observer: EndpointObserver | undefined;
  readonly #inputs = new Map<Connection, ConnectionInput>();
  readonly #attempts = new Set<Attempt>();
  readonly #incoming: HandlerQueue<TransportConnection>;
  #hasWarnedOfSending = false;
  #closing: Promise<void> | undefined;

  private constructor(
    options: TransportOptions,
    carrier: Carrier,
    onWarning: TransportOptions["onWarning"],
  ) {
    const { config = {} } = options;
    this.#carrier = carrier;
    this.#onWarning = onWarning;
    const onHandlerError = (error: unknown): void => this.#report(error);
    this.#observer = options.observe &&
      guardObserver(options.observe(carrier.localAddress), onHandlerError);
    this.#endpoint = new Endpoint(
      {
        ...config,
        // What is no number is for the endpoint to refuse.
        ...(typeof config.maxDatagramBytes !== "number" ? {} : {
          maxDatagramBytes: Math.min(
            config.maxDatagramBytes,
            carrier.maxDatagramBytes,
          ),
        }),
        ...(config.receiveBufferBytes === undefined &&
            carrier.receiveBufferBytes !== undefined
          ? { receiveBufferBytes: carrier.receiveBufferBytes }
          : {}),
        keyPair: options.keyPair,
        accept: options.accept ?? true,
      },
      options.random ?? systemRandom,
      this.#observer,
    );
    this.#incoming = new HandlerQueue({ onHandlerError }, {
      maxLength: MAX_WAITING_CONNECTIONS,
      onRefused: (connection) => connection.close(CloseCode.CONNECTION_REFUSED),
    });
    this.#incoming.handler = options.onConnection;
    this.#driver = new Driver({
      endpoint: this.#endpoint,
      carrier,
      clock: options.clock ?? systemClock,
      // What the process shares goes by the system's clock.
      ...(options.clock === undefined && { timers: systemTimers }),
      ...(options.clock === undefined && options.carrier === undefined && {
        turns: sharedSocketTurns(),
        receiving: sharedReceivingTurns(),
      }),
      onEvent: (event) => this.#handleEvent(event),
      onSendFailed: (to, error) => this.#handleSendFailed(to, error),
      onSendRefused: (to, error) => {
        for (const attempt of this.#attemptsTo(to)) {
          const { bytesSent } = attempt.core!.stats;
          attempt.refusal = { error, bytesSent };
        }
      },
      onError: onHandlerError,
    });
    const driver = this.#driver;
    this.#host = {
      now: () => driver.now(),
      wake: (isComplete) => driver.wake(isComplete),
      settleLater: (task) => driver.settleLater(task),
      onHandlerError,
    };
  }

  /**
   * Binds a socket, or takes a carrier, and starts.
   *
   * The socket keeps the process alive until {@linkcode Transport.close}.
   *
   * @param options Key pair, address, limits.
   * @returns The running transport.
   * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`, `INVALID_CONFIG` for an
   * option of another type, or a port or a limit out of range, `CARRIER_FAILED` when the name to bind to cannot be
   * resolved.
   */
  static async bind(options: TransportOptions): Promise<Transport> {
    checkBindOptions(options);
    const onWarning = options.onWarning && guardWarning(options.onWarning);
    const carrier = options.carrier ?? await bindUdp(options, onWarning);
    warnOfCiphers(onWarning);
    try {
      return new Transport(options, carrier, onWarning);
    } catch (error) {
      if (options.carrier === undefined) await carrier.close();
      throw error;
    }
  }

  /** Where it is bound. */
  get localAddress(): Address {
    return this.#carrier.localAddress;
  }

  /** Counters over all connections; those of the carrier since it was bound. */
  get stats(): TransportStats {
    return { ...this.#endpoint.stats, carrier: { ...this.#carrier.stats } };
  }

  /** Called with each connection of a peer. */
  get onConnection(): ((connection: TransportConnection) => void) | undefined {
    return this.#incoming.handler;
  }

  /** Connections that came before it was set follow in a microtask. */
  set onConnection(
    handler: ((connection: TransportConnection) => void) | undefined,
  ) {
    this.#incoming.handler = handler;
  }

  /**
   * Connects to a peer.
   *
   * @param target A numeric address or a name, and a port; copied.
   * @param options The peer's key, which is copied, a time limit and a signal.
   * @returns The established connection.
   * @throws {TransportError} As a rejection: `HANDSHAKE_TIMEOUT`,
   * `HANDSHAKE_FAILED`, `PEER_KEY_MISMATCH`, `VERSION_UNSUPPORTED`,
   * `CARRIER_FAILED` when the name or the address family cannot be used,
   * `INVALID_CONFIG` for a port, key or time limit out of range, `LIMIT`, `CLOSED`. An
   * aborted signal rejects with its reason. Nothing is left behind then.
   */
  async connect(
    target: Address,
    options: TransportConnectOptions = {},
  ): Promise<TransportConnection> {
    checkConnectOptions(options);
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#closing !== undefined) throw closedError();
    const attempt = this.#createAttempt(target, options);
    const { outcome, target: { hostname } } = attempt;
    this.#attempts.add(attempt);
    const cancelDeadline = this.#driver.schedule(
      this.#driver.now() + attempt.timeoutMs,
      () => outcome.reject(timeoutError(attempt)),
    );
    const onAbort = (): void => outcome.reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const hostnames = await Promise.race([
        resolveHostname(hostname),
        // Never fulfilled before there is a connection: only its rejection matters.
        outcome.promise.then((): string[] => []),
      ]);
      this.#start(attempt, hostnames);
      return await outcome.promise;
    } catch (error) {
      this.#abandon(attempt);
      throw error;
    } finally {
      this.#attempts.delete(attempt);
      cancelDeadline();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Moves to another local address; every connection goes on from there, to where
   * its peer is. Peers follow as soon as they have received something from the new
   * address. What is on its way to the old one is still received for a second.
   *
   * Peers that look for this transport at its old address do not find it: a
   * transport that others connect to has to tell them.
   *
   * @param options Where to bind, or a carrier. Without a hostname the present one,
   * without a port any.
   * @returns The new address.
   * @throws {TransportError} As a rejection: `ADDRESS_IN_USE`, `BIND_FAILED`,
   * `INVALID_CONFIG` for a port out of range, `CARRIER_FAILED` for a name that cannot
   * be resolved or an address of another family, `CLOSED`; the transport stays where
   * it is then, and a given carrier is the caller's.
   */
  async rebind(options: RebindOptions = {}): Promise<Address> {
    if (this.#closing !== undefined) throw closedError();
    const { localAddress: before } = this;
    const { hostname = before.hostname, port = 0 } = options;
    const carrier = options.carrier ??
      await bindUdp({ hostname, port }, this.#onWarning, before);
    const { hostname: after } = carrier.localAddress;
    // A given one may be anywhere.
    movableAddress(after, [after], before);
    if (this.#closing !== undefined) {
      await carrier.close();
      throw closedError();
    }
    try {
      this.#driver.replaceCarrier(carrier, after !== before.hostname);
    } catch (error) {
      if (options.carrier === undefined) await carrier.close();
      throw error;
    }
    this.#carrier = carrier;
    this.#observer?.onRebound?.(this.localAddress);
    return this.localAddress;
  }

  /**
   * Closes every connection, tells the peers, and gives the socket back. A
   * second call waits for the first.
   *
   * What a peer is told may get lost: it is repeated until the peer has said that it
   * knows, which takes a round trip, or for three probe timeouts where it does not,
   * and for a second at most.
   *
   * @param code Close code for them; applications use 0 and from 0x100 on, of which
   * 0x100 is the mesh's: left.
   * @param reason For a person; 256 bytes of it travel.
   * @returns Fulfilled when the socket is closed.
   * @throws What a given carrier throws; {@linkcode TransportError} `CARRIER_FAILED`
   * when it has not closed within 3 seconds; {@linkcode ProtocolError}
   * `INVALID_VALUE` for a code that has no encoding, or a reason that is no text: the
   * transport stays.
   */
  close(code = 0, reason = ""): Promise<void> {
    if (this.#closing === undefined) {
      try {
        checkClose(code, reason);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#closing = this.#driver.close(code, reason)
        .finally(() => this.#observer?.onClosed?.());
      for (const { outcome } of this.#attempts) outcome.reject(closedError());
      this.#incoming.clear();
    }
    return this.#closing;
  }

  // ── Connection attempts ───────────────────────────────────────────────────

  /** Everything is copied: it is used when the name has been looked up. */
  #createAttempt(
    { hostname, port }: Address,
    options: TransportConnectOptions,
  ): Attempt {
    const { onEarly, remoteStaticPublicKey: key } = options;
    const target = { hostname, port };
    checkPort(target);
    const timeoutMs = options.timeoutMs ??
      this.#endpoint.config.handshakeTimeoutMs;
    checkTimeout(target, timeoutMs);
    return {
      outcome: createDeferred(),
      target,
      key: key && Uint8Array.from(key),
      timeoutMs,
      onEarly,
      core: undefined,
      refusal: undefined,
    };
  }

  #start(attempt: Attempt, hostnames: readonly string[]): void {
    if (this.#closing !== undefined) throw closedError();
    const { target, key, timeoutMs, onEarly } = attempt;
    const remote = reachableAddress(target, hostnames, this.localAddress);
    const core = this.#endpoint.connect(this.#driver.now(), remote, {
      handshakeTimeoutMs: timeoutMs,
      isEarlyWanted: onEarly !== undefined,
      ...(key === undefined ? {} : { remoteStaticPublicKey: key }),
    });
    attempt.core = core;
    const connection = this.#adopt(core, (input) => (event) => {
      if (event.type === "established") attempt.outcome.resolve(connection);
      if (event.type === "closed") attempt.outcome.reject(event.error);
      input(event);
    });
    if (core.canOpenEarly) this.#callEarly(connection, onEarly);
    this.#driver.wake();
  }

  #callEarly(
    connection: TransportConnection,
    onEarly: TransportConnectOptions["onEarly"],
  ): void {
    try {
      onEarly?.(connection);
    } catch (error) {
      this.#report(error);
    }
  }

  #abandon(attempt: Attempt): void {
    attempt.core?.close(this.#driver.now());
    this.#driver.wake();
  }

  #attemptsTo(to: Address): Attempt[] {
    return [...this.#attempts].filter(({ core }) =>
      core !== undefined && isSameAddress(core.remoteAddress, to)
    );
  }

  #handleSendFailed(to: Address, error: TransportError): void {
    const attempts = this.#attemptsTo(to);
    for (const { outcome } of attempts) outcome.reject(error);
    if (attempts.length > 0 || this.#hasWarnedOfSending) return;
    // Once: it would be repeated with every datagram.
    this.#hasWarnedOfSending = true;
    this.#onWarning?.(error.message, error);
  }

  // ── Events ────────────────────────────────────────────────────────────────

  #adopt(
    core: Connection,
    wrap: (input: ConnectionInput) => ConnectionInput = (input) => input,
  ): TransportConnection {
    return new TransportConnection(core, this.#host, (input) => {
      this.#inputs.set(core, wrap(input));
    });
  }

  #handleEvent(event: EndpointEvent): void {
    const { connection: core } = event;
    if (event.type === "connection-incoming") {
      this.#incoming.push(this.#adopt(core));
      return;
    }
    const input = this.#inputs.get(core);
    if (event.event.type === "closed") this.#inputs.delete(core);
    input?.(event.event);
  }

  #report(error: unknown): void {
    if (this.#onWarning === undefined) return throwUncaught(error);
    this.#onWarning(`Transport: ${textOf(error)}`, error);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whoever warns is in the middle of receiving, and must go on. */
function guardWarning(
  onWarning: NonNullable<TransportOptions["onWarning"]>,
): NonNullable<TransportOptions["onWarning"]> {
  return (message, cause) => {
    try {
      onWarning(message, cause);
    } catch (error) {
      throwUncaught(error);
    }
  };
}

function warnOfCiphers(onWarning: TransportOptions["onWarning"]): void {
  if (hasWarnedOfCiphers || onWarning === undefined) return;
  const reason = cipherLibraryProblem();
  if (reason === undefined) return;
  hasWarnedOfCiphers = true;
  onWarning(`Ciphers: the system's library cannot be used (${reason})`);
}

async function bindUdp(
  options: Pick<TransportOptions, "hostname" | "port">,
  onWarning: TransportOptions["onWarning"],
  before?: Address,
): Promise<Carrier> {
  const { hostname = "0.0.0.0", port = 0 } = options;
  const found = await resolveHostname(hostname);
  const numeric = before === undefined
    ? found[0]!
    : movableAddress(hostname, found, before);
  return await createUdpCarrier(
    { hostname: numeric, port },
    onWarning === undefined ? {} : { onWarning },
  );
}

function checkPort({ hostname, port }: Address): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return;
  throw new TransportError(
    "INVALID_CONFIG",
    `Connect: port of ${hostname} must be 1 to 65535, got ${port}`,
  );
}

function checkTimeout({ hostname }: Address, timeoutMs: number): void {
  if (typeof timeoutMs === "number" && timeoutMs >= 0) return;
  throw new TransportError(
    "INVALID_CONFIG",
    `Connect: timeoutMs to ${hostname} must be 0 or more, got ${timeoutMs}`,
  );
}

function closedError(): TransportError {
  return new TransportError("CLOSED", "Transport: it is closed");
}

function timeoutError(attempt: Attempt): TransportError {
  const { target, timeoutMs, core, refusal } = attempt;
  const hasSentSince = core?.stats.bytesSent !== refusal?.bytesSent;
  const sendError = hasSentSince ? undefined : refusal?.error;
  const foreign = core?.foreignAnswerAddress;
  let text = `Connect: ${formatAddress(target)} did not answer within ` +
    `${timeoutMs} ms`;
  if (sendError !== undefined) {
    text += `; to send there has failed (${textOf(sendError)})`;
  }
  if (foreign !== undefined) {
    const place = formatAddress(foreign);
    text += `; a refusal came from ${place}, where it does not count`;
  }
  return new TransportError("HANDSHAKE_TIMEOUT", text, { cause: sendError });
}

/**
 * One connection: its states, its timers and its end. The handshake is
 * `pending_handshake.ts`, what travels once the keys exist `packet_space.ts`.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import type { CloseFrame } from "../../protocol/frame/mod.ts";
import {
  isHandshakeHeader,
  PACKET_OVERHEAD_LENGTH,
  PATH_FRAME_LENGTH,
} from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import { ApplicationSide, checkCode } from "./application_side.ts";
import type { EndpointConfig } from "./config.ts";
import {
  closedByPeer,
  CloseRepetition,
  type Ending,
  exhaustedEnding,
  localEnding,
  versionUnsupported,
  violationEnding,
} from "./connection_end.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import { TransportError } from "./error.ts";
import { EventQueue } from "./event_queue.ts";
import type {
  HandshakeResult,
  InitiatorHandshake,
  ResponderHandshake,
} from "./handshake.ts";
import { IdleTimers } from "./idle_timers.ts";
import { Migration } from "./migration.ts";
import { PacketSpace } from "./packet_space.ts";
import { Paths } from "./path.ts";
import { PendingHandshake } from "./pending_handshake.ts";
import { NO_CONNECTION_STATS } from "./stats.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";
import type { Suite } from "./suite.ts";
import { TimerTable } from "./timer_table.ts";
import type { TransportParameters } from "./transport_parameters.ts";

/** How far a connection has come. */
export type ConnectionState =
  | "handshaking"
  | "established"
  | "closing"
  | "draining"
  | "closed";

/** What a connection is made from. */
export interface ConnectionOptions {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** The endpoint's configuration. */
  readonly config: EndpointConfig;
  /** Our half of the handshake. */
  readonly handshake: InitiatorHandshake | ResponderHandshake;
  /** What we announced. */
  readonly parameters: TransportParameters;
  /** Where the peer is. */
  readonly remoteAddress: Address;
  /** Where path challenges come from. */
  readonly random: RandomSource;
  /** Scratch for plaintext, shared by the connections of an endpoint; 64 KiB. */
  readonly scratch: Uint8Array;
  /** Tells the endpoint that there may be something to send, or a new deadline. */
  readonly wake: (connection: Connection) => void;
}

/** Names of the timers that are not derived from another machine. */
const TIMERS = ["idle", "keep-alive", "close"] as const;

/** Room for a packet with a path challenge: less is not worth a datagram. */
const MIN_PATH_ALLOWANCE_BYTES: number = PACKET_OVERHEAD_LENGTH +
  PATH_FRAME_LENGTH;

/** One connection to a peer: datagrams in, datagrams, deadlines and events out. */
export class Connection extends ApplicationSide {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;

  readonly #options: ConnectionOptions;
  readonly #handshake: PendingHandshake;
  readonly #wake: (connection: Connection) => void;
  readonly #events = new EventQueue();
  readonly #timers = new TimerTable(TIMERS);
  readonly #idle: IdleTimers;
  readonly #paths: Paths;

  #state: ConnectionState = "handshaking";
  #suite: Suite | undefined;
  #peerStaticPublicKey: Uint8Array | undefined;
  #peerResetToken: Uint8Array | undefined;
  #space: PacketSpace | undefined;
  #migration: Migration | undefined;
  #closes: CloseRepetition | undefined;
  #bytesSent = 0;

  /**
   * Starts the handshake; for the endpoint.
   *
   * @param now The time.
   * @param options Configuration, handshake and address.
   */
  constructor(now: Instant, options: ConnectionOptions) {
    super();
    const { config } = options;
    this.id = options.id;
    this.#paths = new Paths(options.remoteAddress);
    this.#options = options;
    this.#handshake = new PendingHandshake(now, options.handshake, config);
    this.isInitiator = this.#handshake.isInitiator;
    this.#wake = options.wake;
    this.#idle = new IdleTimers(this.#timers, config);
  }

  /** How far the connection has come. */
  override get state(): ConnectionState {
    return this.#state;
  }

  /** Where the peer is. */
  get remoteAddress(): Address {
    return this.#paths.address;
  }

  /** What the two ends settled on, once the handshake is done. */
  get suite(): Suite | undefined {
    return this.#suite;
  }

  /** The peer's static public key, once it is proven. */
  get peerStaticPublicKey(): Uint8Array | undefined {
    return this.#peerStaticPublicKey;
  }

  /** What ends the peer's reset of this connection; once the handshake is done. */
  get peerResetToken(): Uint8Array | undefined {
    return this.#peerResetToken;
  }

  /** Counters and estimates. */
  get stats(): ConnectionStats {
    return {
      ...(this.#space?.stats ?? NO_CONNECTION_STATS),
      bytesSent: this.#bytesSent,
    };
  }

  // ── Input from the network ────────────────────────────────────────────────

  /**
   * Counts a datagram from the peer's address toward what may be sent before
   * that address is proven (RFC 9000 §8.1).
   *
   * @param byteCount Its size.
   * @param from Where it came from.
   */
  handleDatagramReceived(byteCount: number, from: Address): void {
    if (!this.#paths.isElsewhere(from)) this.#paths.onReceived(byteCount);
  }

  /** Takes the repetition of a hello that was answered: the answer is repeated. */
  handleRepeatedHello(): void {
    if (this.#state !== "handshaking") return;
    this.#handshake.handleRepeatedHello();
    this.#wake(this);
  }

  /**
   * Takes the demand to repeat our hello with a cookie.
   *
   * @param packet A whole Retry; only who saw the hello can make it.
   * @returns Why it was dropped, or `undefined`.
   */
  handleRetry(packet: Uint8Array): DropReason | undefined {
    if (this.#state !== "handshaking") return "duplicate-handshake";
    const reason = this.#handshake.handleRetry(packet);
    this.#wake(this);
    return reason;
  }

  /**
   * Takes the word that another suite is wanted.
   *
   * @param packet A whole refusal; only who saw the hello can make it.
   * @returns Why it was dropped, or `undefined`.
   */
  handleSuiteRefusal(packet: Uint8Array): DropReason | undefined {
    if (this.#state !== "handshaking") return "duplicate-handshake";
    const reason = this.#handshake.handleSuiteRefusal(packet);
    this.#wake(this);
    return reason;
  }

  /** Takes the word, not authenticated, that our hello was meant for another key. */
  handleRefusal(): void {
    if (this.isInitiator) this.#handshake.handleRefusal();
  }

  /**
   * Takes the word, not authenticated, that the peer does not speak our version.
   *
   * @param versions What it speaks.
   */
  handleVersionNegotiation(versions: readonly number[]): void {
    if (this.#state !== "handshaking" || !this.isInitiator) return;
    this.#end(versionUnsupported(versions));
  }

  /** The peer, by its reset token, says that it knows nothing of this connection (RFC 9000 §10.3). */
  handleStatelessReset(): void {
    if (this.#state !== "established") return;
    const error = new TransportError(
      "CONNECTION_LOST",
      "Connection: the peer has no memory of it",
    );
    this.#end(error);
  }

  /**
   * Takes a packet that was routed here by its connection id.
   *
   * @param now The time.
   * @param packet The whole packet; borrowed, not changed.
   * @param from Where it came from.
   * @returns Why it was dropped, or `undefined`.
   */
  handlePacket(
    now: Instant,
    packet: Uint8Array,
    from: Address,
  ): DropReason | undefined {
    if (this.#state === "closed" || this.#state === "draining") {
      return undefined;
    }
    const isHandshake = isHandshakeHeader(packet, 0);
    const space = this.#space;
    const isElsewhere = this.#paths.isElsewhere(from);
    if (space === undefined) {
      if (isElsewhere) return "address-mismatch";
      // A packet that overtook the handshake: its sender repeats what is in it.
      if (!isHandshake) return "undecryptable";
      const outcome = this.#handshake.handlePacket(packet);
      if (!outcome.ok) return outcome.reason;
      this.#establish(now, outcome.result);
    } else {
      if (isHandshake) return "duplicate-handshake";
      const reason = space.open(now, packet);
      if (reason !== undefined) {
        this.#endIfExhausted(now, space);
        return reason;
      }
      // RFC 9000 §9.3: only the newest packet tells where the peer is.
      if (isElsewhere && space.isOpenedNewest) {
        this.#migration!.handleMove(now, from, packet.length);
      }
      if (this.#state === "closing") this.#closes!.handlePacket();
      else this.#handleFrames(now, space);
    }
    this.#wake(this);
    return undefined;
  }

  /**
   * Does what is due.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    if (this.#state === "handshaking") {
      const error = this.#handshake.handleTimeout(now);
      if (error !== undefined) this.#end(error);
    }
    for (
      let name = this.#timers.popExpired(now);
      name;
      name = this.#timers.popExpired(now)
    ) {
      if (name === "idle") this.#handleIdleTimeout();
      else if (name === "keep-alive") this.#space?.requestPing(false);
      else this.#forget();
    }
    if (this.#state === "established") {
      this.#migration!.handleTimeout(now);
      this.#space!.handleTimeout(now);
    }
    this.#wake(this);
  }

  // ── Output ────────────────────────────────────────────────────────────────

  /**
   * Writes the next datagram.
   *
   * @param now The time.
   * @param into Where to write: as large as the largest datagram, at least 1,200 bytes.
   * @returns Its length, or 0 when there is nothing to send now.
   */
  pollTransmit(now: Instant, into: Uint8Array): number {
    let length = 0;
    const { allowedBytes } = this.#paths;
    if (this.#state === "handshaking") {
      length = this.#handshake.poll(now, into, allowedBytes);
    } else if (allowedBytes < MIN_PATH_ALLOWANCE_BYTES) {
      return 0;
    } else if (this.#state === "established") {
      length = this.#pollPacket(
        now,
        allowedBytes < into.length ? into.subarray(0, allowedBytes) : into,
      );
    } else if (this.#state === "closing") {
      const closing = this.#closes!.take();
      if (closing !== undefined) {
        length = this.#space!.writeClose(into, closing);
      }
    }
    this.#bytesSent += length;
    this.#paths.onSent(length);
    return length;
  }

  /** When {@linkcode Connection.handleTimeout} has to be called next. */
  pollTimeout(): Instant | undefined {
    let earliest = this.#timers.next() ?? Infinity;
    if (this.#state === "handshaking") {
      earliest = Math.min(earliest, this.#handshake.pollTimeout());
    } else if (this.#state === "established") {
      earliest = Math.min(earliest, this.#migration!.deadline);
      // While nothing may be sent, nothing that would be sent is due.
      if (this.#paths.allowedBytes >= MIN_PATH_ALLOWANCE_BYTES) {
        earliest = Math.min(earliest, this.#space!.pollTimeout());
      }
    }
    return earliest === Infinity ? undefined : earliest;
  }

  /** The next event, if any. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#events.shift() ?? this.#space?.streams.pollEvent();
  }

  // ── The end, as the application wants it ──────────────────────────────────

  /**
   * Ends the connection and tells the peer.
   *
   * @param now The time.
   * @param code Close code.
   * @param reason For a person; at most 256 bytes travel.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  close(now: Instant, code = 0, reason = ""): void {
    checkCode(code);
    if (
      this.#state === "closing" || this.#state === "draining" ||
      this.#state === "closed"
    ) return;
    this.#closeWith(now, localEnding({ code, reason }));
  }

  // ── While it stands ───────────────────────────────────────────────────────

  #establish(now: Instant, result: HandshakeResult): void {
    const { config, parameters, scratch } = this.#options;
    this.#state = "established";
    this.#suite = result.suite;
    this.#peerStaticPublicKey = result.peerStaticPublicKey;
    this.#peerResetToken = result.peerParameters.resetToken;
    this.#space = new PacketSpace(now, {
      isInitiator: this.isInitiator,
      config,
      parameters,
      result,
      finish: this.#handshake.finish,
      handshakeRttMs: this.#handshake.rttMs(now),
      remoteAddress: this.remoteAddress,
      scratch,
      onPathResponse: (data) => this.#paths.handleResponse(data),
      emit: (event) => this.#events.push(event),
    });
    this.#migration = new Migration(
      this.#paths,
      this.#space,
      this.#options.random,
    );
    this.#idle.limit(result.peerParameters.idleTimeoutMs);
    this.#idle.onReceived(now, this.#space.endMarginMs);
    this.#paths.onHandshakeDone();
    this.#events.push({ type: "established" });
  }

  #handleFrames(now: Instant, space: PacketSpace): void {
    this.#idle.onReceived(now, space.endMarginMs);
    try {
      const close = space.handleFrames(now);
      if (close !== undefined) this.#handleClose(now, close);
    } catch (thrown) {
      this.#closeWith(now, violationEnding(thrown));
    }
    this.#endIfExhausted(now, space);
  }

  /** RFC 9001 §6.6: a key that has reached a limit of its use ends the connection. */
  #endIfExhausted(now: Instant, space: PacketSpace): void {
    if (this.#state !== "established" || !space.isExhausted) return;
    this.#closeWith(now, exhaustedEnding());
  }

  #pollPacket(now: Instant, into: Uint8Array): number {
    const space = this.#space!;
    this.#endIfExhausted(now, space);
    if (this.#state !== "established") return 0;
    const sent = space.poll(now, into);
    if (sent === undefined) return 0;
    if (sent.isAckEliciting) {
      this.#idle.onAckElicitingSent(now, space.endMarginMs);
    }
    return sent.length;
  }

  // ── The end ───────────────────────────────────────────────────────────────

  #handleIdleTimeout(): void {
    if (this.#state !== "established") return;
    const error = new TransportError(
      "CONNECTION_LOST",
      `Connection: the peer has been silent for ${this.#idle.idleTimeoutMs} ms`,
    );
    this.#end(error);
  }

  #handleClose(now: Instant, close: CloseFrame): void {
    this.#linger(now, "draining");
    this.#finishEvents(closedByPeer(close));
  }

  #closeWith(now: Instant, { closing, error }: Ending): void {
    if (this.#state === "handshaking") {
      this.#end(error);
      return;
    }
    this.#closes = new CloseRepetition(closing);
    this.#linger(now, "closing");
    this.#finishEvents(error);
    this.#wake(this);
  }

  #linger(now: Instant, state: "closing" | "draining"): void {
    this.#state = state;
    this.#timers.cancelAll();
    this.#timers.set("close", now + this.#space!.endMarginMs);
  }

  /** Ends at once, without a word to the peer. */
  #end(error: TransportError): void {
    this.#finishEvents(error);
    this.#forget();
    this.#wake(this);
  }

  #forget(): void {
    this.#state = "closed";
    this.#timers.cancelAll();
  }

  #finishEvents(error: TransportError): void {
    // What the streams had to tell comes before the end.
    for (
      let event = this.#space?.streams.pollEvent();
      event;
      event = this.#space?.streams.pollEvent()
    ) {
      this.#events.push(event);
    }
    this.#events.push({ type: "closed", error });
  }

  /** @ignore */
  protected override get space(): PacketSpace | undefined {
    return this.#space;
  }

  /** @ignore */
  protected override wake(): void {
    this.#wake(this);
  }
}

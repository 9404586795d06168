/**
 * One connection: its states, its timers and its end. The handshake is
 * `pending_handshake.ts`, what travels once the keys exist `packet_space.ts`.
 *
 * What has a state of its own is elsewhere. The rest is one file, however long:
 * each of its methods depends on how far the connection has come, or takes it
 * further ("Connection" in `docs/spec/states.md`), and that has to be seen at once.
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import type { CloseFrame, TicketFrame } from "../../protocol/frame/mod.ts";
import { isHandshakeHeader } from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import {
  closeAllowanceBytes,
  packetAllowanceBytes,
} from "./amplification_limit.ts";
import { ApplicationSide, checkClose } from "./application_side.ts";
import {
  CLOSE_ANSWER,
  closedByPeer,
  CloseRepetition,
  END_PTO_COUNT,
  type Ending,
  exhaustedEnding,
  localEnding,
  versionUnsupported,
  violationEnding,
} from "./connection_end.ts";
import { createConnectionIds } from "./connection_ids.ts";
import type { ConnectionOptions } from "./connection_options.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import { handleEarlyFrames } from "./early_data.ts";
import { TransportError } from "./error.ts";
import { EventQueue } from "./event_queue.ts";
import type { HandshakeResult } from "./handshake.ts";
import { IdleTimers } from "./idle_timers.ts";
import { Migration } from "./migration.ts";
import { PacketSpace } from "./packet_space.ts";
import { Paths } from "./path.ts";
import { PendingHandshake } from "./pending_handshake.ts";
import { NO_CONNECTION_STATS } from "./stats.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";
import type { StreamManager } from "./stream/manager.ts";
import type { Suite } from "./suite.ts";
import { TicketReceiver } from "./ticket_receiver.ts";
import { TimerTable } from "./timer_table.ts";
import { trafficSecrets } from "./traffic_secrets.ts";

/** How far a connection has come. */
export type ConnectionState =
  | "handshaking"
  | "established"
  | "closing"
  | "draining"
  | "closed";

/** Names of the timers that are not derived from another machine. */
const TIMERS = ["idle", "keep-alive", "close"] as const;

/** What is asked of a handshake's result later: not its secrets. */
class Settled {
  readonly suite: Suite;
  readonly peerStaticPublicKey: Uint8Array;
  readonly resetToken: Uint8Array | undefined;

  constructor({ suite, peerStaticPublicKey, peerParameters }: HandshakeResult) {
    this.suite = suite;
    this.peerStaticPublicKey = peerStaticPublicKey;
    this.resetToken = peerParameters.resetToken;
  }
}

/** One connection to a peer: datagrams in, datagrams, deadlines and events out. */
export class Connection extends ApplicationSide {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;

  readonly #options: Omit<ConnectionOptions<Connection>, "handshake">;
  /** Until it is confirmed: its messages and its Noise state are let go of then. */
  #unconfirmed: PendingHandshake | undefined;
  readonly #wake: (connection: Connection) => void;
  readonly #trace: ConnectionTrace | undefined;
  readonly #events: EventQueue;
  readonly #timers = new TimerTable(TIMERS);
  readonly #idle: IdleTimers;
  readonly #paths: Paths;

  #state: ConnectionState = "handshaking";
  /** Whether the peer has proven that it holds the keys, and its address. */
  #isConfirmed = false;
  #settled: Settled | undefined;
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
  constructor(now: Instant, options: ConnectionOptions<Connection>) {
    super();
    const { config } = options;
    this.id = options.id;
    this.#paths = new Paths(options.remoteAddress);
    const { handshake, ...rest } = options;
    this.#options = rest;
    this.#unconfirmed = new PendingHandshake(now, handshake, config);
    this.isInitiator = this.#unconfirmed.isInitiator;
    this.#wake = options.wake;
    this.#events = new EventQueue(config.maxDatagramEvents, options.onLimit);
    this.#idle = new IdleTimers(
      this.#timers,
      config,
      options.connectionId[0]! / 255,
    );
    this.#trace = options.trace;
    this.#trace?.watchEarly(options.early);
    this.#trace?.state("handshaking");
  }

  /** How far the connection has come. */
  override get state(): ConnectionState {
    return this.#state;
  }

  /** Where the peer is. */
  get remoteAddress(): Address {
    return this.#paths.address;
  }

  /**
   * Where somebody said that our hello could not be taken, who was not asked
   * there; as long as the handshake goes on.
   */
  get foreignAnswerAddress(): Address | undefined {
    return this.#unconfirmed?.foreignAnswerAddress;
  }

  /**
   * Whether the handshake is complete. With a ticket a responder is established
   * before: the peer's finish, which proves that its hello is no copy and where
   * it is, has still to come.
   */
  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  /** Whether early streams can be opened now, though the handshake is not done. */
  get canOpenEarly(): boolean {
    return this.#state === "handshaking" && this.#options.early !== undefined;
  }

  /** What the two ends settled on, once the handshake is done. */
  get suite(): Suite | undefined {
    return this.#settled?.suite;
  }

  /** The peer's static public key, once it is proven. */
  get peerStaticPublicKey(): Uint8Array | undefined {
    return this.#settled?.peerStaticPublicKey;
  }

  /** What ends the peer's reset of this connection; once the handshake is done. */
  get peerResetToken(): Uint8Array | undefined {
    return this.#settled?.resetToken;
  }

  /** Counters and estimates. */
  get stats(): ConnectionStats {
    return {
      ...(this.#space?.stats ?? NO_CONNECTION_STATS),
      bytesSent: this.#bytesSent,
      moves: this.#migration?.moveCount ?? 0,
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
    if (this.#state === "handshaking") this.#handshake.handleRepeatedHello();
    else if (!this.#isConfirmed && this.#state === "established") {
      // The answer goes before every packet.
      this.#space!.requestPing(false);
    } else if (!this.#isConfirmed) this.#closes?.repeat();
    this.#wake(this);
  }

  /**
   * Begins without waiting for the peer's finish: its hello had a ticket that
   * was not used before.
   *
   * @param now The time.
   * @param frames What came with the hello; borrowed.
   * @param isHostProven Whether the ticket was made for the IP address that the
   * hello came from.
   */
  acceptEarly(now: Instant, frames: Uint8Array, isHostProven: boolean): void {
    this.#begin(now, this.#handshake.result);
    if (isHostProven) this.#paths.onHandshakeDone();
    this.#trace?.earlyData("early-data-received", frames);
    try {
      handleEarlyFrames(frames, this.#space!.streams);
    } catch (thrown) {
      this.#closeWith(now, violationEnding(thrown));
    }
    this.#wake(this);
  }

  /**
   * Takes the copy of a hello with a ticket that came from another address: who
   * is where, the finish will tell. Until then the last one is answered.
   *
   * @param from Where it came from.
   * @param isHostProven Whether the ticket was made for that IP address.
   */
  handleHelloFrom(from: Address, isHostProven: boolean): void {
    if (this.#isConfirmed || !this.#paths.isElsewhere(from)) return;
    this.#restartPath(from);
    if (isHostProven) this.#paths.onHandshakeDone();
  }

  /**
   * Takes the word that our hello has to be another one: with a cookie, for another
   * suite, without its ticket.
   *
   * @param kind What is wanted.
   * @param packet A whole packet; only who saw the hello can make it.
   * @returns Why it was dropped, or `undefined`.
   */
  handleHelloAnswer(
    kind: "retry" | "suite-refusal" | "ticket-refusal",
    packet: Uint8Array,
  ): DropReason | undefined {
    if (this.#state !== "handshaking") return "duplicate-handshake";
    const reason = this.#handshake.handleHelloAnswer(kind, packet);
    this.#wake(this);
    return reason;
  }

  /** Takes the word, not authenticated, that our hello was meant for another key. */
  handleRefusal(): void {
    if (this.isInitiator) this.#unconfirmed?.handleRefusal();
  }

  /**
   * Takes the word, not authenticated, that the peer does not speak our version.
   *
   * @param versions What it speaks.
   */
  handleVersionNegotiation(versions: readonly number[]): void {
    if (this.#state !== "handshaking" || !this.isInitiator) return;
    this.#handshake.handleVersionNegotiation(versionUnsupported(versions));
  }

  /**
   * Somebody says from elsewhere what counts only from where our hello went.
   *
   * @param from Where it came from.
   */
  handleForeignAnswer(from: Address): void {
    this.#handshake.handleForeignAnswer(from);
  }

  /** The peer, by its reset token, says that it knows nothing of this connection (RFC 9000 §10.3). */
  handleStatelessReset(): void {
    // Nor is there anybody left to be told of the end.
    if (this.#state === "closing") return this.forget();
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
   * @param datagramBytes Size of its datagram, if that counts for this connection:
   * 0 where the first packet is another one's.
   * @returns Why it was dropped, or `undefined`.
   */
  handlePacket(
    now: Instant,
    packet: Uint8Array,
    from: Address,
    datagramBytes: number,
  ): DropReason | undefined {
    if (this.#state === "closed" || this.#state === "draining") {
      return undefined;
    }
    const isHandshake = isHandshakeHeader(packet, 0);
    const space = this.#space;
    const isElsewhere = this.#paths.isElsewhere(from);
    if (space === undefined) {
      // An answer proves who made it; a finish is to prove where it is from.
      if (isElsewhere && !this.isInitiator) return "address-mismatch";
      // A packet that overtook the handshake: its sender repeats what is in it.
      if (!isHandshake) return "undecryptable";
      const outcome = this.#handshake.handlePacket(packet);
      if (outcome.ok || outcome.reason === undefined) {
        this.#trace?.handshakeReceived(packet);
      }
      if (!outcome.ok) return outcome.reason;
      this.#begin(now, outcome.result);
      this.#confirm(now, from, datagramBytes);
    } else if (isHandshake) {
      if (this.#isConfirmed) return "duplicate-handshake";
      const outcome = this.#handshake.handlePacket(packet);
      if (!outcome.ok) return outcome.reason;
      this.#trace?.handshakeReceived(packet);
      this.#confirm(now, from, datagramBytes);
    } else {
      const reason = space.open(now, packet);
      if (reason !== undefined) {
        this.#endIfExhausted(now, space);
        return reason;
      }
      // Whoever seals a packet holds the keys, as the finish would show.
      if (!this.#isConfirmed) this.#confirm(now, from, datagramBytes);
      // RFC 9000 §9.3: only the newest packet tells where the peer is.
      else if (isElsewhere && space.isOpenedNewest) {
        this.#migration!.handleMove(now, from, datagramBytes);
      } else if (!isElsewhere) this.#migration!.handleHeard(now);
      if (this.#state === "closing") this.#handleWhileClosing(now, space);
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
    if (this.#isHandshakePending) {
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
      else this.#handleCloseTimeout(now);
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
      this.#trace?.handshakeSent(into.subarray(0, length));
    } else if (this.#state === "established") {
      const room = this.#packetAllowanceBytes;
      if (room === 0) return 0;
      length = this.#pollPacket(
        now,
        room < into.length ? into.subarray(0, room) : into,
      );
    } else if (this.#state !== "closed") {
      const space = this.#space!;
      const room = closeAllowanceBytes(allowedBytes, space.prefixBytes);
      if (room === 0) return 0;
      const closing = this.#closes!.take();
      if (closing !== undefined) {
        length = space.writeClose(
          into.subarray(0, Math.min(room, into.length)),
          closing,
        );
      }
    }
    this.#bytesSent += length;
    this.#paths.onSent(length);
    return length;
  }

  /**
   * Whether a datagram that is written now may not leave in one message with others;
   * one of a handshake never does.
   *
   * @param now The time.
   */
  isSendingSeparately(now: Instant): boolean {
    return this.#space?.isSendingSeparately(now) ?? true;
  }

  /** When {@linkcode Connection.handleTimeout} has to be called next. */
  pollTimeout(): Instant | undefined {
    let earliest = this.#timers.next() ?? Infinity;
    if (this.#isHandshakePending) {
      earliest = Math.min(earliest, this.#handshake.pollTimeout());
    }
    if (this.#state === "established") {
      earliest = Math.min(earliest, this.#migration!.deadline);
      // While nothing may be sent, nothing that would be sent is due.
      if (this.#packetAllowanceBytes > 0) {
        earliest = Math.min(earliest, this.#space!.pollTimeout());
      }
    }
    return earliest === Infinity ? undefined : earliest;
  }

  /** The next event, if any. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#events.shift() ?? this.streams?.pollEvent();
  }

  /**
   * How many datagrams of the peer may wait for the application.
   *
   * @ignore For the transport, where they wait as well.
   */
  get maxDatagramEvents(): number {
    return this.#options.config.maxDatagramEvents;
  }

  /**
   * Counts a datagram of the peer that did not find room with the application.
   *
   * @ignore For the transport, where they wait as well.
   */
  handleDatagramRefused(): void {
    this.#options.onLimit("maxDatagramEvents");
  }

  // ── The end, as the application wants it ──────────────────────────────────

  /**
   * This side is at another address now: the peer is told, by another one of its
   * connection ids as long as there is a spare one, so that nobody who sees both
   * paths can tell that they belong together.
   *
   * @param now The time.
   * @param isOtherHost Whether more than the port has changed: what was learned of
   * the path is forgotten then.
   */
  handleLocalMove(now: Instant, isOtherHost: boolean): void {
    if (this.#state !== "established") return;
    this.#trace?.setTime(now);
    this.#migration!.handleLocalMove(now, isOtherHost);
    this.#space!.requestPing(false);
    this.#wake(this);
  }

  /**
   * Ends the connection and tells the peer.
   *
   * @param now The time.
   * @param code Close code.
   * @param reason For a person; at most 256 bytes travel.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding, or a
   * reason that is no text: the connection stays.
   */
  close(now: Instant, code = 0, reason = ""): void {
    checkClose(code, reason);
    if (
      this.#state === "closing" || this.#state === "draining" ||
      this.#state === "closed"
    ) return;
    this.#trace?.setTime(now);
    this.#closeWith(now, localEnding({ code, reason }));
  }

  /** Nothing of a connection that is over is kept any longer; for the endpoint. */
  forget(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#trace?.state("closed");
    this.#timers.cancelAll();
    this.#unconfirmed?.wipe();
    this.#wake(this);
  }

  // ── While it stands ───────────────────────────────────────────────────────

  /**
   * Sends a session ticket.
   *
   * @param ticket What to send; kept.
   */
  sendTicket(ticket: Omit<TicketFrame, "type">): void {
    if (this.#state !== "established") return;
    this.#space!.sendTicket(ticket);
    this.#wake(this);
  }

  get #handshake(): PendingHandshake {
    assert(this.#unconfirmed !== undefined, "A handshake that is over is gone");
    return this.#unconfirmed;
  }

  get #isHandshakePending(): boolean {
    return this.#state === "handshaking" ||
      this.#state === "established" && !this.#isConfirmed;
  }

  /** What the next datagram may take; 0 while none may be sent. */
  get #packetAllowanceBytes(): number {
    const { allowedBytes } = this.#paths;
    if (allowedBytes === Infinity) return Infinity;
    const { prefixBytes, hasPathFrames } = this.#space!;
    return packetAllowanceBytes(allowedBytes, prefixBytes, hasPathFrames);
  }

  /** From here on packets are opened and sealed. */
  #begin(now: Instant, result: HandshakeResult): void {
    const { early } = this.#options;
    this.#state = "established";
    this.#settled = new Settled(result);
    this.#traceBegin(result);
    const space = this.#createSpace(now, result, this.#handshake.prefix);
    this.#idle.limit(result.peerParameters.idleTimeoutMs);
    this.#idle.onReceived(now, space.endMarginMs);
    this.#events.push({ type: "established" });
    try {
      early?.settle(result.isResumed, result.peerParameters);
    } catch (thrown) {
      this.#closeWith(now, violationEnding(thrown));
    }
  }

  #handshakeRttMs(now: Instant, result: HandshakeResult): number | undefined {
    // Closed before the finish, or resumed: nothing has come back of what was sent.
    const isUnknown = this.#state === "handshaking" ||
      !this.isInitiator && result.isResumed;
    return isUnknown ? undefined : this.#handshake.rttMs(now);
  }

  #createSpace(
    now: Instant,
    result: HandshakeResult,
    prefix: Uint8Array | undefined,
  ): PacketSpace {
    const { config, parameters, scratch, early } = this.#options;
    // Tickets are for those who come back: nobody else keeps the secret for them.
    const ticketReceiver = !this.isInitiator ? undefined : new TicketReceiver(
      parameters.maxTickets,
      result,
      this.#options.onTicket,
    );
    const ids = createConnectionIds(this, this.#options, result);
    this.#paths.useConnectionIds(ids.peer);
    const space = new PacketSpace(now, {
      isInitiator: this.isInitiator,
      config,
      parameters,
      result,
      prefix,
      streams: early?.streams,
      handshakeRttMs: this.#handshakeRttMs(now, result),
      remoteAddress: this.remoteAddress,
      random: this.#options.random,
      scratch,
      ids,
      onLimit: this.#options.onLimit,
      path: this.#paths,
      onPathResponse: (data) => this.#migration!.handleResponse(data),
      ticketReceiver,
      events: this.#events,
      trace: this.#trace,
    });
    this.#space = space;
    this.#trace?.watch(space.streams);
    this.#migration = new Migration(this.#paths, {
      user: space,
      random: this.#options.random,
      onHostChanged: () => ids.local.renew(),
      trace: this.#trace,
    });
    return space;
  }

  /** Before the packets are: they wipe the secrets. */
  #traceBegin(result: HandshakeResult): void {
    const { parameters, connectionId, onSecret } = this.#options;
    this.#trace?.handshakeComplete(result, parameters, connectionId);
    this.#trace?.state("established");
    if (onSecret === undefined) return;
    const whose = { isInitiator: this.isInitiator, connectionId };
    for (const secret of trafficSecrets(result, whose)) onSecret(secret);
  }

  /** The peer's hello has come from elsewhere before, and was a copy there. */
  #restartPath(from: Address): void {
    const { hostname } = this.#paths.address;
    this.#paths.restart(from);
    if (hostname !== from.hostname) this.#space?.handlePathChange(from);
  }

  /** The peer has proven that it holds the keys, and where it is. */
  #confirm(now: Instant, from: Address, datagramBytes: number): void {
    this.#isConfirmed = true;
    this.#unconfirmed = undefined;
    // What it proves is that the address before received: this one has to show it.
    // Where an initiator dialled it goes on, until a packet says where the peer is.
    if (!this.isInitiator && this.#paths.isElsewhere(from)) {
      this.#migration!.handleMove(now, from, datagramBytes);
    } else this.#paths.onHandshakeDone();
    if (!this.isInitiator) this.#space!.handleConfirmation();
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
    this.#trace?.flush();
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
    this.#closes = new CloseRepetition(CLOSE_ANSWER);
    this.#linger(now, "draining");
    this.#finishEvents(closedByPeer(close));
  }

  #closeWith(now: Instant, { closing, error }: Ending): void {
    if (error.limit !== undefined) this.#options.onLimit(error.limit);
    if (this.#state === "handshaking") {
      const answered = this.#handshake.answered;
      if (answered === undefined) return this.#end(error);
      // The answer goes before the close: whoever gets this has the keys.
      this.#createSpace(now, answered.result, answered.response);
    }
    this.#closes = new CloseRepetition(closing);
    this.#linger(now, "closing");
    this.#finishEvents(error);
    this.#wake(this);
  }

  #linger(now: Instant, state: "closing" | "draining"): void {
    this.#state = state;
    this.#trace?.state(state);
    this.#timers.cancelAll();
    this.#setCloseTimer(now);
    this.#options.onLinger(this);
  }

  #handleWhileClosing(now: Instant, space: PacketSpace): void {
    // RFC 9000 §10.2: the peer knows, and says nothing more either.
    if (space.hasClose) this.#linger(now, "draining");
    else this.#closes!.handlePacket();
  }

  /** Three probe timeouts: one by one where each has something to be done. */
  #setCloseTimer(now: Instant): void {
    const { endMarginMs } = this.#space!;
    const isRepeated = this.#state === "closing";
    const waitMs = isRepeated ? endMarginMs / END_PTO_COUNT : endMarginMs;
    this.#timers.set("close", now + waitMs);
  }

  #handleCloseTimeout(now: Instant): void {
    // From now on, not from when it was due: a busy process has said it just once.
    const isOver = this.#state !== "closing" || !this.#closes!.handleTimeout();
    if (isOver) this.forget();
    else this.#setCloseTimer(now);
  }

  /** Ends at once, without a word to the peer. */
  #end(error: TransportError): void {
    this.#finishEvents(error);
    this.forget();
  }

  #finishEvents(error: TransportError): void {
    // What the streams had to tell comes before the end.
    for (
      let event = this.streams?.pollEvent();
      event;
      event = this.streams?.pollEvent()
    ) {
      this.#events.push(event);
    }
    this.#events.push({ type: "closed", error });
    this.#trace?.closed(error);
  }

  /** @ignore */
  protected override get space(): PacketSpace | undefined {
    return this.#space;
  }

  /** @ignore */
  protected override get streams(): StreamManager | undefined {
    return this.#space?.streams ?? this.#options.early?.streams;
  }

  /** @ignore */
  protected override wake(): void {
    this.#wake(this);
  }
}

/**
 * One connection: its states, its timers and its end. The handshake is
 * `pending_handshake.ts`, what travels once the keys exist `packet_space.ts`.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { MxpError } from "../../internal/error.ts";
import {
  isHandshakeHeader,
  PACKET_OVERHEAD_LENGTH,
  PATH_DATA_LENGTH,
  PATH_FRAME_LENGTH,
  ProtocolError,
} from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import { type EndpointConfig, MAX_DATAGRAM_EVENTS } from "./config.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import { CloseCode, closeCodeOf, TransportError } from "./error.ts";
import type {
  HandshakeResult,
  InitiatorHandshake,
  ResponderHandshake,
} from "./handshake.ts";
import { PacketSpace } from "./packet_space.ts";
import { Paths } from "./path.ts";
import { PendingHandshake } from "./pending_handshake.ts";
import { NO_CONNECTION_STATS } from "./stats.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";
import type { StreamState } from "./stream/manager.ts";
import { TimerTable } from "./timer_table.ts";
import type { TransportParameters } from "./transport_parameters.ts";

/** How far a connection has come. */
export type ConnectionState =
  | "handshaking"
  | "established"
  | "closing"
  | "draining"
  | "closed";

/** Priority class of a stream: 0 control, 1 interactive, 2 bulk. */
export type PriorityClass = 0 | 1 | 2;

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
export class Connection {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;

  readonly #options: ConnectionOptions;
  readonly #handshake: PendingHandshake;
  readonly #wake: (connection: Connection) => void;
  readonly #events = new Fifo<ConnectionEvent>();
  /** How many of the events are datagrams. */
  #datagramEventCount = 0;
  readonly #timers = new TimerTable(TIMERS);
  readonly #paths: Paths;

  #state: ConnectionState = "handshaking";
  #peerStaticPublicKey: Uint8Array | undefined;
  #peerResetToken: Uint8Array | undefined;
  #space: PacketSpace | undefined;
  #idleTimeoutMs: number;
  #isAckElicitingSentSinceReceipt = false;
  #isCloseDue = false;
  #closeFrame: { code: number; reason: string } = { code: 0, reason: "" };
  #packetsWhileClosing = 0;
  #bytesSent = 0;

  /**
   * Starts the handshake; for the endpoint.
   *
   * @param now The time.
   * @param options Configuration, handshake and address.
   */
  constructor(now: Instant, options: ConnectionOptions) {
    const { config } = options;
    this.id = options.id;
    this.#paths = new Paths(options.remoteAddress);
    this.#options = options;
    this.#handshake = new PendingHandshake(now, options.handshake, config);
    this.isInitiator = this.#handshake.isInitiator;
    this.#wake = options.wake;
    this.#idleTimeoutMs = config.idleTimeoutMs;
  }

  /** How far the connection has come. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Where the peer is. */
  get remoteAddress(): Address {
    return this.#paths.address;
  }

  /** The peer's static public key, once it is proven. */
  get peerStaticPublicKey(): Uint8Array | undefined {
    return this.#peerStaticPublicKey;
  }

  /** What ends the peer's reset of this connection; once the handshake is done. */
  get peerResetToken(): Uint8Array | undefined {
    return this.#peerResetToken;
  }

  /** Largest payload of {@linkcode Connection.sendDatagram}, in bytes; 0 before the handshake is done. */
  get maxDatagramPayloadBytes(): number {
    return this.#space?.maxDatagramPayloadBytes ?? 0;
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
    const error = new TransportError(
      "VERSION_UNSUPPORTED",
      `Handshake: the peer speaks transport version ${
        versions.join(", ")
      }, this side 1`,
    );
    this.#end(error);
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
      if (reason !== undefined) return reason;
      // RFC 9000 §9.3: only the newest packet tells where the peer is.
      if (isElsewhere && space.isOpenedNewest) {
        this.#move(now, from, packet.length);
      }
      if (this.#state === "closing") this.#handlePacketWhileClosing();
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
      if (this.#paths.deadline <= now) this.#handlePathTimeout(now);
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
    } else if (this.#state === "closing" && this.#isCloseDue) {
      this.#isCloseDue = false;
      length = this.#space!.writeClose(into, this.#closeFrame);
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
      earliest = Math.min(earliest, this.#paths.deadline);
      // While nothing may be sent, nothing that would be sent is due.
      if (this.#paths.allowedBytes >= MIN_PATH_ALLOWANCE_BYTES) {
        earliest = Math.min(earliest, this.#space!.pollTimeout());
      }
    }
    return earliest === Infinity ? undefined : earliest;
  }

  /** The next event, if any. */
  pollEvent(): ConnectionEvent | undefined {
    const event = this.#events.shift() ?? this.#space?.streams.pollEvent();
    if (event?.type === "datagram-received") this.#datagramEventCount--;
    return event;
  }

  // ── What the application does ─────────────────────────────────────────────

  /**
   * Opens a stream.
   *
   * @param options Priority class, and whether only this side sends.
   * @returns Its id, or `undefined` when the peer's limit is reached; the event
   * `streams-available` then says when to try again.
   * @throws {TransportError} `CLOSED` when the connection is not established.
   */
  openStream(
    options: { priority: PriorityClass; isUnidirectional?: boolean },
  ): number | undefined {
    return this.#established().streams.open(options);
  }

  /**
   * Hands bytes to a stream. They are copied.
   *
   * @param streamId The stream.
   * @param bytes What to send.
   * @returns How many bytes were taken; the event `stream-writable` says when
   * there is room for more.
   * @throws {TransportError} `STREAM_STATE`, `STREAM_STOPPED`, `CLOSED`.
   */
  writeStream(streamId: number, bytes: Uint8Array): number {
    const accepted = this.#established().streams.write(streamId, bytes);
    this.#wake(this);
    return accepted;
  }

  /**
   * Ends our side of a stream after what was written.
   *
   * @param streamId The stream.
   */
  finishStream(streamId: number): void {
    if (this.#state !== "established") return;
    this.#established().streams.finish(streamId);
    this.#wake(this);
  }

  /**
   * Ends our side of a stream at once; what was not delivered is dropped.
   *
   * @param streamId The stream.
   * @param code Application code for the peer.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  resetStream(streamId: number, code: number): void {
    checkCode(code);
    if (this.#state !== "established") return;
    this.#established().streams.reset(streamId, code);
    this.#wake(this);
  }

  /**
   * Asks the peer to stop sending on a stream.
   *
   * @param streamId The stream.
   * @param code Application code for the peer.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  stopSending(streamId: number, code: number): void {
    checkCode(code);
    if (this.#state !== "established") return;
    this.#established().streams.stopSending(streamId, code);
    this.#wake(this);
  }

  /**
   * Takes the next bytes of a stream, in order.
   *
   * @param streamId The stream.
   * @returns Bytes that the caller owns, or `undefined` when none are there.
   */
  readStream(streamId: number): Uint8Array | undefined {
    const bytes = this.#space?.streams.read(streamId);
    if (bytes !== undefined) this.#wake(this);
    return bytes;
  }

  /**
   * What is known of a stream.
   *
   * @param streamId The stream.
   * @returns Its state, or `undefined` when it is over or was never there.
   */
  streamState(streamId: number): StreamState | undefined {
    return this.#space?.streams.streamState(streamId);
  }

  /**
   * Sends bytes that may be lost.
   *
   * @param data Up to {@linkcode Connection.maxDatagramPayloadBytes}; copied.
   * @returns Whether it was queued without pushing out an older one.
   * @throws {TransportError} `DATAGRAM_TOO_LARGE`, `CLOSED`.
   */
  sendDatagram(data: Uint8Array): boolean {
    const space = this.#established();
    if (data.length > this.maxDatagramPayloadBytes) {
      throw new TransportError(
        "DATAGRAM_TOO_LARGE",
        `Datagram: ${data.length} bytes, at most ${this.maxDatagramPayloadBytes} fit`,
      );
    }
    const isWithoutLoss = space.sendDatagram(data.slice());
    this.#wake(this);
    return isWithoutLoss;
  }

  /** Asks the peer to acknowledge at once; the event `pong` follows. */
  ping(): void {
    this.#established().requestPing(true);
    this.#wake(this);
  }

  /** Replaces the keys with the next packet, as soon as the protocol allows it. */
  updateKeys(): void {
    this.#established().requestKeyUpdate();
  }

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
    const error = new TransportError(
      "CLOSED",
      "Connection: closed by this side",
      {
        closeCode: code,
      },
    );
    this.#closeWith(now, { code, reason }, error);
  }

  // ── While it stands ───────────────────────────────────────────────────────

  #establish(now: Instant, result: HandshakeResult): void {
    const { config, parameters, scratch } = this.#options;
    this.#state = "established";
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
      emit: (event) => this.#emit(event),
    });
    this.#idleTimeoutMs = Math.min(
      this.#idleTimeoutMs,
      result.peerParameters.idleTimeoutMs,
    );
    this.#restartIdleTimer(now);
    this.#paths.onHandshakeDone();
    this.#events.push({ type: "established" });
  }

  /** RFC 9000 §9.3: go on at the new address, and ask for proof. */
  #move(now: Instant, from: Address, byteCount: number): void {
    const { hostname } = this.#paths.address;
    if (this.#paths.move(from, byteCount)) this.#challengePath(now);
    // RFC 9000 §9.4: another port is most likely the same path.
    if (hostname !== from.hostname) this.#space!.handlePathChange(from);
  }

  #challengePath(now: Instant): void {
    const data = new Uint8Array(PATH_DATA_LENGTH);
    this.#options.random.fillPublic(data);
    this.#paths.onChallenge(data, now + this.#space!.ptoMs);
    this.#space!.challengePath(data);
  }

  #handlePathTimeout(now: Instant): void {
    const { hostname } = this.#paths.address;
    if (this.#paths.handleTimeout()) this.#challengePath(now);
    else if (hostname !== this.#paths.address.hostname) {
      this.#space!.handlePathChange(this.#paths.address);
    }
  }

  #emit(event: ConnectionEvent): void {
    if (event.type === "datagram-received") {
      // A datagram may be lost: one that nobody takes in time is.
      if (this.#datagramEventCount >= MAX_DATAGRAM_EVENTS) return;
      this.#datagramEventCount++;
    }
    this.#events.push(event);
  }

  #handleFrames(now: Instant, space: PacketSpace): void {
    this.#restartIdleTimer(now);
    try {
      const close = space.handleFrames(now);
      if (close !== undefined) this.#handleClose(now, close.code, close.reason);
    } catch (thrown) {
      this.#closeForPeerViolation(now, thrown);
    }
    if (this.#state === "established" && space.isExhausted) {
      const error = new TransportError(
        "LIMIT",
        "Packet protection: limit of use reached",
      );
      const reason = error.message;
      this.#closeWith(now, { code: CloseCode.LIMIT_ERROR, reason }, error);
    }
  }

  #pollPacket(now: Instant, into: Uint8Array): number {
    const sent = this.#space!.poll(now, into);
    if (sent === undefined) return 0;
    // RFC 9000 §10.1: the first one since something arrived counts as activity.
    if (sent.isAckEliciting && !this.#isAckElicitingSentSinceReceipt) {
      this.#restartIdleTimer(now);
      this.#isAckElicitingSentSinceReceipt = true;
    }
    return sent.length;
  }

  #restartIdleTimer(now: Instant): void {
    this.#isAckElicitingSentSinceReceipt = false;
    // RFC 9000 §10.1: never below three probe timeouts.
    const idleMs = Math.max(this.#idleTimeoutMs, this.#space!.endMarginMs);
    this.#timers.set("idle", now + idleMs);
    const { keepAliveIntervalMs } = this.#options.config;
    if (keepAliveIntervalMs > 0) {
      // The peer's idle timeout may be the shorter one.
      this.#timers.set(
        "keep-alive",
        now + Math.min(keepAliveIntervalMs, idleMs / 3),
      );
    }
  }

  // ── The end ───────────────────────────────────────────────────────────────

  #handleIdleTimeout(): void {
    if (this.#state !== "established") return;
    const error = new TransportError(
      "CONNECTION_LOST",
      `Connection: the peer has been silent for ${this.#idleTimeoutMs} ms`,
    );
    this.#end(error);
  }

  #handleClose(now: Instant, code: number, reason: string): void {
    const detail = reason === "" ? "" : `: ${reason}`;
    const error = new TransportError(
      "CLOSED_BY_PEER",
      `Connection: closed by the peer with code ${code}${detail}`,
      { closeCode: code },
    );
    this.#linger(now, "draining");
    this.#finishEvents(error);
  }

  #closeForPeerViolation(now: Instant, thrown: unknown): void {
    const error = MxpError.from(thrown);
    const isOurs = error.fault === "internal";
    const closing = isOurs
      ? { code: CloseCode.INTERNAL_ERROR, reason: "Internal error" }
      : {
        code: error instanceof TransportError
          ? closeCodeOf(error)
          : CloseCode.FRAME_ENCODING_ERROR,
        reason: error.message,
      };
    const reported = error instanceof TransportError
      ? error
      : new TransportError(
        isOurs ? "PROTOCOL_VIOLATION" : "FRAME_ENCODING",
        error.message,
        {
          fault: error.fault,
          cause: thrown,
          closeCode: closing.code,
        },
      );
    this.#closeWith(now, closing, reported);
  }

  #closeWith(
    now: Instant,
    frame: { code: number; reason: string },
    error: TransportError,
  ): void {
    if (this.#state === "handshaking") {
      this.#end(error);
      return;
    }
    this.#closeFrame = frame;
    this.#isCloseDue = true;
    this.#linger(now, "closing");
    this.#finishEvents(error);
    this.#wake(this);
  }

  #handlePacketWhileClosing(): void {
    // RFC 9000 §10.2.1: answer ever more rarely, after 1, 2, 4, 8, … packets.
    this.#packetsWhileClosing++;
    if ((this.#packetsWhileClosing & (this.#packetsWhileClosing - 1)) === 0) {
      this.#isCloseDue = true;
    }
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

  #established(): PacketSpace {
    if (this.#state !== "established" || this.#space === undefined) {
      throw new TransportError("CLOSED", `Connection: it is ${this.#state}`);
    }
    return this.#space;
  }
}

/** Codes travel as variable-length integers. */
function checkCode(code: number): void {
  if (Number.isSafeInteger(code) && code >= 0) return;
  throw new ProtocolError(
    "INVALID_VALUE",
    `Code: an integer from 0 to 2^53 - 1 expected, got ${code}`,
  );
}

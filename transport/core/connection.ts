/**
 * One connection: orchestration only. What arrives is routed to the machines
 * that know about it (handshake, packet protection, acknowledgements, loss,
 * congestion, streams), and what they want to say is packed into datagrams.
 *
 * Over 600 lines it would be two things; it is one as long as every method is
 * either an input, an output, or a question.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import { assert } from "../../internal/assert.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { MxpError } from "../../internal/error.ts";
import { Fifo } from "../../internal/fifo.ts";
import {
  ackFrameLength,
  decodeFrame,
  encodeAckFrame,
  encodeCloseFrame,
  encodePaddingFrame,
  encodePingFrame,
  type Frame,
  isAckEliciting,
} from "../../protocol/frame/mod.ts";
import {
  isHandshakeHeader,
  PACKET_HEADER_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PACKET_TAG_LENGTH,
  PacketFlags,
  ProtocolError,
  RESERVED_PACKET_FLAGS,
} from "../../protocol/mod.ts";
import { AckTracker } from "./ack_tracker.ts";
import { type Address, isLoopback } from "./address.ts";
import { AmplificationLimit } from "./amplification_limit.ts";
import {
  DEFAULT_DATAGRAM_BYTES,
  type EndpointConfig,
  LOOPBACK_DATAGRAM_BYTES,
  MAX_DATAGRAM_EVENTS,
  MAX_HELLO_TIMEOUT_MS,
  REPLAY_WINDOW_PACKETS,
} from "./config.ts";
import type { ConnectionEvent } from "./connection_event.ts";
import { ControlQueue } from "./control_queue.ts";
import { DatagramQueue } from "./datagram_queue.ts";
import { CloseCode, closeCodeOf, TransportError } from "./error.ts";
import {
  type HandshakeOutcome,
  type HandshakeResult,
  InitiatorHandshake,
  type ResponderHandshake,
} from "./handshake.ts";
import { MAX_PTO_MS } from "./loss_detector.ts";
import { MtuDiscovery, probeCeiling } from "./mtu_discovery.ts";
import { PacketProtection } from "./packet_protection.ts";
import { Recovery } from "./recovery.ts";
import { ReplayWindow } from "./replay_window.ts";
import type { SentFrame } from "./sent_frame.ts";
import type { SentPacket } from "./sent_packets.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";
import { StreamManager, type StreamState } from "./stream/manager.ts";
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
  /** Scratch for plaintext, shared by the connections of an endpoint; 64 KiB. */
  readonly scratch: Uint8Array;
  /** Tells the endpoint that there may be something to send, or a new deadline. */
  readonly wake: (connection: Connection) => void;
}

/** Names of the timers that are not derived from another machine. */
const TIMERS = [
  "handshake",
  "hello",
  "idle",
  "keep-alive",
  "key-discard",
  "close",
] as const;

/** Probe timeouts that the end of a connection leaves room for (RFC 9000 §10.1, §10.2). */
const END_PTO_COUNT = 3;

/** A connection that sends less than this need not know what its path carries. */
const MTU_PROBE_AFTER_PACKETS = 8;

/** Keys are kept for late packets this many probe timeouts (RFC 9001 §6.5). */
const KEY_DISCARD_PTO_COUNT = 3;

/** Packets that a probe timeout sends (RFC 9002 §6.2.4). */
const PROBE_PACKET_COUNT = 2;

/** One connection to a peer: datagrams in, datagrams, deadlines and events out. */
export class Connection {
  /** Number of this connection in its endpoint. */
  readonly id: number;
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** Where the peer is. */
  readonly remoteAddress: Address;

  readonly #config: EndpointConfig;
  readonly #handshake: InitiatorHandshake | ResponderHandshake;
  readonly #parameters: TransportParameters;
  readonly #scratch: Uint8Array;
  readonly #wake: (connection: Connection) => void;
  readonly #events = new Fifo<ConnectionEvent>();
  /** How many of the events are datagrams. */
  #datagramEventCount = 0;
  readonly #timers = new TimerTable(TIMERS);
  readonly #amplification = new AmplificationLimit();
  readonly #replayWindow = new ReplayWindow(REPLAY_WINDOW_PACKETS);
  readonly #control = new ControlQueue();
  readonly #datagrams: DatagramQueue;
  readonly #acks: AckTracker;
  readonly #recovery: Recovery;

  #state: ConnectionState = "handshaking";
  #peerStaticPublicKey: Uint8Array | undefined;
  #peerConnectionId: Uint8Array = new Uint8Array(8);
  #protection: PacketProtection | undefined;
  #streams: StreamManager | undefined;
  #mtu: MtuDiscovery = new MtuDiscovery(DEFAULT_DATAGRAM_BYTES);
  #idleTimeoutMs: number;
  #nextPacketNumber = 0;
  #isKeyUpdateRequested = false;
  #keysUpdatedAt: Instant = 0;
  /** Whether the peer has proven that it has the keys: until then a finish goes with every datagram. */
  #isConfirmed = false;
  #isHandshakePacketDue = true;
  #handshakePacketsSent = 0;
  #handshakePacketSentAt: Instant = 0;
  #helloTimeoutMs: number;
  #isRefusedForWrongKey = false;
  #isAckElicitingSentSinceReceipt = false;
  #probesDue = 0;
  #isCloseDue = false;
  #closeFrame: { code: number; reason: string } = { code: 0, reason: "" };
  #packetsWhileClosing = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #packetsReceived = 0;

  /**
   * Starts the handshake; for the endpoint.
   *
   * @param now The time.
   * @param options Configuration, handshake and address.
   */
  constructor(now: Instant, options: ConnectionOptions) {
    const { config } = options;
    this.id = options.id;
    this.remoteAddress = options.remoteAddress;
    this.isInitiator = options.handshake instanceof InitiatorHandshake;
    this.#config = config;
    this.#handshake = options.handshake;
    this.#parameters = options.parameters;
    this.#scratch = options.scratch;
    this.#wake = options.wake;
    this.#idleTimeoutMs = config.idleTimeoutMs;
    this.#helloTimeoutMs = config.helloTimeoutMs;
    this.#datagrams = new DatagramQueue(config.datagramQueueLength);
    this.#acks = new AckTracker({
      maxAckDelayMs: config.maxAckDelayMs,
      ackElicitingThreshold: config.ackElicitingThreshold,
    });
    this.#recovery = new Recovery({
      initialRttMs: config.initialRttMs,
      congestionControl: config.congestionControl,
      isLoopback: isLoopback(options.remoteAddress),
      maxAckDelayMs: config.maxAckDelayMs,
      maxDatagramBytes: DEFAULT_DATAGRAM_BYTES,
    });
    this.#timers.set("handshake", now + config.handshakeTimeoutMs);
  }

  /** How far the connection has come. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** The peer's static public key, once it is proven. */
  get peerStaticPublicKey(): Uint8Array | undefined {
    return this.#peerStaticPublicKey;
  }

  /** Largest payload of {@linkcode Connection.sendDatagram}, in bytes. */
  get maxDatagramPayloadBytes(): number {
    // Type byte and a length of at most four bytes.
    return this.#mtu.currentBytes - PACKET_OVERHEAD_LENGTH - 5;
  }

  /** Counters and estimates. */
  get stats(): ConnectionStats {
    return {
      ...this.#recovery.stats,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      packetsSent: this.#nextPacketNumber,
      packetsReceived: this.#packetsReceived,
      keyUpdates: this.#protection?.keyUpdateCount ?? 0,
    };
  }

  // ── Input from the network ────────────────────────────────────────────────

  /**
   * Counts a datagram from the peer's address toward what may be sent before
   * that address is proven (RFC 9000 §8.1).
   *
   * @param byteCount Its size.
   */
  handleDatagramReceived(byteCount: number): void {
    this.#amplification.onReceived(byteCount);
  }

  /** Takes the repetition of a hello that was answered: the answer is repeated. */
  handleRepeatedHello(): void {
    if (this.#state !== "handshaking") return;
    this.#isHandshakePacketDue = true;
    this.#wake(this);
  }

  /** Takes the word, not authenticated, that our hello was meant for another key. */
  handleRefusal(): void {
    // Whoever forges this can only make a failing handshake fail with another
    // error: a genuine answer that comes before the next repetition still wins.
    if (this.#state === "handshaking" && this.isInitiator) {
      this.#isRefusedForWrongKey = true;
    }
  }

  /**
   * Takes the word, not authenticated, that the peer does not speak our version.
   *
   * @param now The time.
   * @param versions What it speaks.
   */
  handleVersionNegotiation(now: Instant, versions: readonly number[]): void {
    if (this.#state !== "handshaking" || !this.isInitiator) return;
    const error = new TransportError(
      "VERSION_UNSUPPORTED",
      `Handshake: the peer speaks transport version ${
        versions.join(", ")
      }, this side 1`,
    );
    this.#end(now, error);
  }

  /**
   * Takes a packet that was routed here by its connection id.
   *
   * @param now The time.
   * @param packet The whole packet; borrowed, not changed.
   * @returns Why it was dropped, or `undefined`.
   */
  handlePacket(now: Instant, packet: Uint8Array): DropReason | undefined {
    if (this.#state === "handshaking") {
      return this.#handleHandshakePacket(now, packet);
    }
    if (this.#state === "closed" || this.#state === "draining") {
      return undefined;
    }
    if (isHandshakeHeader(packet, 0)) return "duplicate-handshake";
    const protection = this.#protection;
    assert(protection !== undefined, "Keys exist once the handshake is done");
    if (packet.length < PACKET_OVERHEAD_LENGTH) return "malformed";
    const packetNumber = protection.unmask(packet, 0);
    if (packetNumber < 0) return "undecryptable";
    if (!this.#replayWindow.check(packetNumber)) return "replayed";
    const { keyUpdateCount } = protection;
    const length = protection.open(
      packet.subarray(PACKET_HEADER_LENGTH),
      this.#scratch,
    );
    if (length < 0) return "undecryptable";
    if (protection.keyUpdateCount !== keyUpdateCount) {
      // RFC 9001 §6.5: late packets may still come for three probe timeouts.
      const lateMs = KEY_DISCARD_PTO_COUNT * this.#recovery.ptoMs;
      this.#timers.set("key-discard", now + lateMs);
    }
    this.#replayWindow.mark(packetNumber);
    this.#packetsReceived++;
    this.#bytesReceived += packet.length;
    if (this.#state === "closing") this.#handlePacketWhileClosing();
    else this.#handlePlaintext(now, packetNumber, protection.flags, length);
    this.#wake(this);
    return undefined;
  }

  /**
   * Does what is due.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    for (
      let name = this.#timers.popExpired(now);
      name;
      name = this.#timers.popExpired(now)
    ) {
      if (name === "hello") this.#handleHelloTimeout(now);
      else if (name === "handshake") this.#handleHandshakeTimeout(now);
      else if (name === "idle") this.#handleIdleTimeout(now);
      else if (name === "keep-alive") this.#control.requestPing(false);
      else if (name === "key-discard") this.#protection?.dropPreviousKeys();
      else this.#forget();
    }
    if (
      this.#state === "established" &&
      (this.#recovery.deadline ?? Infinity) <= now
    ) {
      this.#handleRecoveryTimeout(now);
    }
    this.#wake(this);
  }

  // ── Output ────────────────────────────────────────────────────────────────

  /**
   * Writes the next datagram.
   *
   * @param now The time.
   * @param into Where to write; `maxDatagramBytes` at least.
   * @returns Its length, or 0 when there is nothing to send now.
   */
  pollTransmit(now: Instant, into: Uint8Array): number {
    switch (this.#state) {
      case "handshaking":
        return this.#pollHandshakePacket(now, into);
      case "established":
        return this.#pollPacket(now, into);
      case "closing":
        return this.#pollClosePacket(into);
      default:
        return 0;
    }
  }

  /** When {@linkcode Connection.handleTimeout} has to be called next. */
  pollTimeout(): Instant | undefined {
    let earliest = this.#timers.next() ?? Infinity;
    if (this.#state === "established") {
      earliest = Math.min(
        earliest,
        this.#recovery.deadline ?? Infinity,
        this.#acks.deadline ?? Infinity,
        this.#recovery.pacingDeadline ?? Infinity,
      );
    }
    return earliest === Infinity ? undefined : earliest;
  }

  /** The next event, if any. */
  pollEvent(): ConnectionEvent | undefined {
    const event = this.#events.shift() ?? this.#streams?.pollEvent();
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
    return this.#established().open(options);
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
    const accepted = this.#established().write(streamId, bytes);
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
    this.#established().finish(streamId);
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
    this.#established().reset(streamId, code);
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
    this.#established().stopSending(streamId, code);
    this.#wake(this);
  }

  /**
   * Takes the next bytes of a stream, in order.
   *
   * @param streamId The stream.
   * @returns Bytes that the caller owns, or `undefined` when none are there.
   */
  readStream(streamId: number): Uint8Array | undefined {
    const bytes = this.#streams?.read(streamId);
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
    return this.#streams?.streamState(streamId);
  }

  /**
   * Sends bytes that may be lost.
   *
   * @param data Up to {@linkcode Connection.maxDatagramPayloadBytes}; copied.
   * @returns Whether it was queued without pushing out an older one.
   * @throws {TransportError} `DATAGRAM_TOO_LARGE`, `CLOSED`.
   */
  sendDatagram(data: Uint8Array): boolean {
    this.#established();
    if (data.length > this.maxDatagramPayloadBytes) {
      throw new TransportError(
        "DATAGRAM_TOO_LARGE",
        `Datagram: ${data.length} bytes, at most ${this.maxDatagramPayloadBytes} fit`,
      );
    }
    const isWithoutLoss = this.#datagrams.push(data.slice());
    this.#wake(this);
    return isWithoutLoss;
  }

  /** Asks the peer to acknowledge at once; the event `pong` follows. */
  ping(): void {
    this.#established();
    this.#control.requestPing(true);
    this.#wake(this);
  }

  /** Replaces the keys with the next packet, as soon as the protocol allows it. */
  updateKeys(): void {
    this.#established();
    this.#isKeyUpdateRequested = true;
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

  // ── Handshake ─────────────────────────────────────────────────────────────

  #handleHandshakePacket(
    now: Instant,
    packet: Uint8Array,
  ): DropReason | undefined {
    // A packet that overtook the handshake: its sender repeats what is in it.
    if (!isHandshakeHeader(packet, 0)) return "undecryptable";
    const handshake = this.#handshake;
    const outcome: HandshakeOutcome = handshake instanceof InitiatorHandshake
      ? handshake.handleResponderHello(packet)
      : handshake.handleFinish(packet);
    if (!outcome.ok) return outcome.reason;
    this.#establish(now, outcome.result);
    this.#wake(this);
    return undefined;
  }

  #establish(now: Instant, result: HandshakeResult): void {
    const { peerParameters } = result;
    this.#state = "established";
    this.#peerStaticPublicKey = result.peerStaticPublicKey;
    this.#peerConnectionId = result.peerConnectionId;
    this.#protection = new PacketProtection({
      suite: result.suite,
      sendSecret: result.sendSecret,
      receiveSecret: result.receiveSecret,
      provider: this.#config.cryptoProvider,
    });
    this.#keysUpdatedAt = now;
    this.#streams = new StreamManager({
      isInitiator: this.isInitiator,
      local: this.#parameters,
      peer: peerParameters,
      sendBufferBytes: this.#config.sendBufferBytes,
    });
    this.#mtu = new MtuDiscovery(Math.min(
      this.#config.maxDatagramBytes ??
        probeCeiling(this.remoteAddress, LOOPBACK_DATAGRAM_BYTES),
      peerParameters.maxDatagramBytes,
    ));
    // RFC 6298 §3: a hello that was repeated gives no certain sample.
    const handshakeRttMs = this.#handshakePacketsSent === 1
      ? now - this.#handshakePacketSentAt
      : undefined;
    this.#recovery.handleEstablished(
      peerParameters.maxAckDelayMs,
      this.#mtu.currentBytes,
      handshakeRttMs,
    );
    this.#idleTimeoutMs = Math.min(
      this.#idleTimeoutMs,
      peerParameters.idleTimeoutMs,
    );
    this.#timers.cancel("handshake");
    this.#timers.cancel("hello");
    this.#restartIdleTimer(now);
    if (this.isInitiator) {
      // Something ack-eliciting goes with the finish, so that it is repeated
      // until the responder has shown that it arrived.
      this.#control.requestPing(false);
    } else {
      this.#isConfirmed = true;
      this.#amplification.onValidated();
    }
    this.#events.push({ type: "established" });
  }

  #handleHelloTimeout(now: Instant): void {
    if (this.#state !== "handshaking") return;
    if (this.#isRefusedForWrongKey) {
      const error = new TransportError(
        "PEER_KEY_MISMATCH",
        "Handshake: the peer does not hold the expected static key",
      );
      this.#end(now, error);
      return;
    }
    this.#helloTimeoutMs = Math.min(
      2 * this.#helloTimeoutMs,
      MAX_HELLO_TIMEOUT_MS,
    );
    this.#isHandshakePacketDue = true;
  }

  #handleHandshakeTimeout(now: Instant): void {
    if (this.#state !== "handshaking") return;
    const error = new TransportError(
      "HANDSHAKE_TIMEOUT",
      `Handshake: no answer within ${this.#config.handshakeTimeoutMs} ms`,
    );
    this.#end(now, error);
  }

  #pollHandshakePacket(now: Instant, into: Uint8Array): number {
    if (!this.#isHandshakePacketDue) return 0;
    const handshake = this.#handshake;
    const packet = handshake instanceof InitiatorHandshake
      ? handshake.hello
      : handshake.response;
    this.#isHandshakePacketDue = false;
    // RFC 9000 §8.1: the repetition of the hello will bring new allowance.
    if (!this.isInitiator && this.#amplification.allowedBytes < packet.length) {
      return 0;
    }
    if (this.isInitiator) this.#timers.set("hello", now + this.#helloTimeoutMs);
    this.#handshakePacketsSent++;
    this.#handshakePacketSentAt = now;
    into.set(packet);
    return this.#sent(packet.length);
  }

  // ── Packets that arrive ───────────────────────────────────────────────────

  #handlePlaintext(
    now: Instant,
    packetNumber: number,
    flags: number,
    length: number,
  ): void {
    this.#isConfirmed = true;
    this.#restartIdleTimer(now);
    try {
      if ((flags & RESERVED_PACKET_FLAGS) !== 0 || length === 0) {
        throw new TransportError(
          "PROTOCOL_VIOLATION",
          "Packet: reserved flags or no frame",
        );
      }
      const reader = new ByteReader(this.#scratch.subarray(0, length));
      let isAckElicitingPacket = false;
      while (reader.remaining > 0 && this.#state === "established") {
        const frame = decodeFrame(reader);
        isAckElicitingPacket ||= isAckEliciting(frame.type);
        this.#handleFrame(now, frame);
      }
      const isUrgent = (flags & PacketFlags.PROBE) !== 0;
      this.#acks.handlePacket(
        now,
        packetNumber,
        isAckElicitingPacket,
        isUrgent,
      );
    } catch (thrown) {
      this.#closeForPeerViolation(now, thrown);
    }
    if (this.#state === "established" && this.#protection!.isExhausted) {
      const error = new TransportError(
        "LIMIT",
        "Packet protection: limit of use reached",
      );
      this.#closeWith(now, {
        code: CloseCode.LIMIT_ERROR,
        reason: error.message,
      }, error);
    }
  }

  #handleFrame(now: Instant, frame: Frame): void {
    switch (frame.type) {
      case "ack":
        this.#handleAck(now, frame);
        return;
      case "datagram":
        this.#handleDatagramFrame(frame.data);
        return;
      case "path-challenge":
        this.#control.answerPathChallenge(frame.data);
        return;
      case "close":
        this.#handleClose(now, frame.code, frame.reason);
        return;
      case "stream":
      case "reset-stream":
      case "stop-sending":
      case "stream-max-data":
      case "connection-max-data":
      case "max-streams":
        this.#streams!.handleFrame(frame);
        return;
      default:
        // Padding and ping are acknowledged, no more; a path response, a new
        // connection id, a ticket or crypto data answers nothing that we asked.
        return;
    }
  }

  #handleDatagramFrame(data: Uint8Array): void {
    // A datagram may be lost: one that nobody takes in time is.
    if (this.#datagramEventCount >= MAX_DATAGRAM_EVENTS) return;
    this.#datagramEventCount++;
    this.#events.push({ type: "datagram-received", data: data.slice() });
  }

  #handleAck(now: Instant, frame: Frame & { type: "ack" }): void {
    const { acked, lost } = this.#recovery.handleAck(now, frame);
    for (const packet of acked) {
      this.#mtu.onPacketAcked(packet);
      this.#protection!.onPacketAcked(packet.packetNumber);
      for (const sent of packet.frames) {
        this.#handleFrameAcked(now, packet.sentAt, sent);
      }
    }
    this.#handleLost(lost);
  }

  #handleLost(lost: readonly SentPacket[]): void {
    for (const packet of lost) {
      if (packet.isMtuProbe) this.#mtu.onProbeLost();
      else if (this.#mtu.onPacketLost(packet)) {
        this.#recovery.setMaxDatagramBytes(this.#mtu.currentBytes);
      }
      this.#requeue(packet.frames);
    }
  }

  #handleFrameAcked(now: Instant, sentAt: Instant, frame: SentFrame): void {
    if (frame.type === "ack") this.#acks.onAckAcked(frame.largest);
    else if (frame.type === "ping") {
      if (this.#control.takePong()) {
        this.#events.push({ type: "pong", rttMs: now - sentAt });
      }
    } else if (frame.type === "mtu-probe") {
      this.#mtu.onProbeAcked(frame.sizeBytes);
      this.#recovery.setMaxDatagramBytes(this.#mtu.currentBytes);
    } else this.#streams!.onFrameAcked(frame);
  }

  #requeue(frames: readonly SentFrame[]): void {
    for (const frame of frames) {
      if (frame.type === "ack" || frame.type === "mtu-probe") continue;
      if (frame.type === "ping") this.#control.repeatPing();
      else this.#streams!.onFrameLost(frame);
    }
  }

  #handleRecoveryTimeout(now: Instant): void {
    const outcome = this.#recovery.handleTimeout(now);
    if (outcome.type === "lost") {
      this.#handleLost(outcome.lost);
      return;
    }
    // RFC 9002 §6.2.4: a probe carries data that is still unacknowledged, so
    // that the loss of a lone packet costs one timeout and not a round trip more.
    this.#probesDue = PROBE_PACKET_COUNT;
    const oldest = this.#recovery.oldestAckEliciting;
    if (oldest !== undefined) this.#requeue(oldest.frames);
  }

  #restartIdleTimer(now: Instant): void {
    this.#isAckElicitingSentSinceReceipt = false;
    // RFC 9000 §10.1: never below three probe timeouts.
    const idleMs = Math.max(this.#idleTimeoutMs, this.#endMarginMs);
    this.#timers.set("idle", now + idleMs);
    const { keepAliveIntervalMs } = this.#config;
    if (keepAliveIntervalMs > 0) {
      // The peer's idle timeout may be the shorter one.
      this.#timers.set(
        "keep-alive",
        now + Math.min(keepAliveIntervalMs, idleMs / 3),
      );
    }
  }

  /** Three probe timeouts; a peer that acknowledges late does not stretch them for ever. */
  get #endMarginMs(): number {
    return END_PTO_COUNT * Math.min(this.#recovery.ptoMs, MAX_PTO_MS);
  }

  // ── Packets that leave ────────────────────────────────────────────────────

  #pollPacket(now: Instant, into: Uint8Array): number {
    const streams = this.#streams!;
    const isProbe = this.#probesDue > 0;
    const hasData = streams.hasPendingFrames ||
      this.#datagrams.outgoingCount > 0 ||
      this.#control.hasPending;
    const mayCarryData = this.#recovery.isSendingAllowed(now, hasData) ||
      isProbe;
    if (!mayCarryData && !this.#acks.isAckDue(now)) return 0;
    this.#updateKeysIfDue(now);
    if (mayCarryData && !isProbe && this.#isMtuProbeDue(into.length)) {
      return this.#writeMtuProbe(now, into, this.#mtu.probeBytes!);
    }
    // The finish is repeated in every datagram until it is known to have arrived.
    const offset = this.#isConfirmed ? 0 : this.#writeFinish(into);
    // RFC 8899 §4.3: a probe has to arrive also where the path became narrower.
    const limit = Math.min(
      into.length,
      isProbe ? DEFAULT_DATAGRAM_BYTES : this.#mtu.currentBytes,
    ) - PACKET_TAG_LENGTH;
    const writer = new ByteWriter(into, offset + PACKET_HEADER_LENGTH);
    const frames: SentFrame[] = [];
    const hasAck = this.#writeAck(now, writer, limit, frames);
    const ackEnd = writer.offset;
    if (mayCarryData) {
      this.#control.writeFrames(writer, limit, frames);
      this.#datagrams.writeFrames(
        writer,
        limit,
        this.#mtu.currentBytes - PACKET_OVERHEAD_LENGTH,
      );
      streams.writeFrames(writer, limit, frames);
      if (isProbe) {
        this.#probesDue--;
        if (writer.offset === ackEnd) {
          this.#control.writePing(writer, limit, frames);
        }
      }
    }
    if (writer.offset === offset + PACKET_HEADER_LENGTH) return 0;
    const isEliciting = writer.offset > ackEnd;
    const flags = (hasAck ? PacketFlags.ACK : 0) |
      (isEliciting ? PacketFlags.ACK_ELICITING : 0) |
      (isProbe || this.#control.takeUrgency() ? PacketFlags.PROBE : 0);
    const length = this.#seal(into, offset, writer.offset, flags);
    this.#recovery.onPacketSent(now, {
      packetNumber: this.#nextPacketNumber - 1,
      sentAt: now,
      sizeBytes: length,
      isAckEliciting: isEliciting,
      isInFlight: isEliciting,
      frames,
    });
    if (isEliciting && !this.#isAckElicitingSentSinceReceipt) {
      this.#restartIdleTimer(now);
      this.#isAckElicitingSentSinceReceipt = true;
    }
    return this.#sent(length);
  }

  #updateKeysIfDue(now: Instant): void {
    const protection = this.#protection!;
    const { keyUpdatePackets, keyUpdateIntervalMs } = this.#config;
    if (
      !this.#isKeyUpdateRequested &&
      protection.packetsSealedInPhase < keyUpdatePackets &&
      now - this.#keysUpdatedAt < keyUpdateIntervalMs
    ) return;
    if (!protection.updateKeys()) return;
    this.#isKeyUpdateRequested = false;
    this.#keysUpdatedAt = now;
  }

  #isMtuProbeDue(roomBytes: number): boolean {
    const probeBytes = this.#mtu.probeBytes;
    return probeBytes !== undefined && probeBytes <= roomBytes &&
      this.#isConfirmed && this.#nextPacketNumber >= MTU_PROBE_AFTER_PACKETS;
  }

  /** RFC 8899 §4.1: a ping, padded to the size in question. */
  #writeMtuProbe(now: Instant, into: Uint8Array, sizeBytes: number): number {
    const writer = new ByteWriter(into, PACKET_HEADER_LENGTH);
    encodePingFrame(writer);
    const end = sizeBytes - PACKET_TAG_LENGTH;
    encodePaddingFrame(writer, end - writer.offset);
    const length = this.#seal(into, 0, end, PacketFlags.ACK_ELICITING);
    this.#mtu.onProbeSent();
    this.#recovery.onPacketSent(now, {
      packetNumber: this.#nextPacketNumber - 1,
      sentAt: now,
      sizeBytes: length,
      isAckEliciting: true,
      isInFlight: true,
      frames: [{ type: "mtu-probe", sizeBytes }],
      isMtuProbe: true,
    });
    return this.#sent(length);
  }

  #writeAck(
    now: Instant,
    writer: ByteWriter,
    limit: number,
    frames: SentFrame[],
  ): boolean {
    if (!this.#acks.hasPending) return false;
    const ack = this.#acks.buildAck(now);
    if (ack === undefined || writer.offset + ackFrameLength(ack) > limit) {
      return false;
    }
    encodeAckFrame(writer, ack);
    this.#acks.onAckSent(now);
    frames.push({ type: "ack", largest: ack.largest });
    return true;
  }

  #writeFinish(into: Uint8Array): number {
    const handshake = this.#handshake;
    assert(
      handshake instanceof InitiatorHandshake,
      "Only the initiator waits for confirmation",
    );
    into.set(handshake.finish);
    return handshake.finish.length;
  }

  /** Seals the plaintext that ends at `end` and returns where the datagram ends. */
  #seal(into: Uint8Array, offset: number, end: number, flags: number): number {
    return offset + this.#protection!.seal(into, offset, {
      connectionId: this.#peerConnectionId,
      packetNumber: this.#nextPacketNumber++,
      flags,
      plaintextLength: end - offset - PACKET_HEADER_LENGTH,
    });
  }

  #sent(length: number): number {
    this.#bytesSent += length;
    this.#amplification.onSent(length);
    return length;
  }

  // ── The end ───────────────────────────────────────────────────────────────

  #handleIdleTimeout(now: Instant): void {
    if (this.#state !== "established") return;
    const error = new TransportError(
      "CONNECTION_LOST",
      `Connection: the peer has been silent for ${this.#idleTimeoutMs} ms`,
    );
    this.#end(now, error);
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
      this.#end(now, error);
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

  #pollClosePacket(into: Uint8Array): number {
    if (!this.#isCloseDue) return 0;
    this.#isCloseDue = false;
    const offset = this.#isConfirmed ? 0 : this.#writeFinish(into);
    const writer = new ByteWriter(into, offset + PACKET_HEADER_LENGTH);
    encodeCloseFrame(writer, this.#closeFrame);
    return this.#sent(this.#seal(into, offset, writer.offset, 0));
  }

  #linger(now: Instant, state: "closing" | "draining"): void {
    this.#state = state;
    this.#timers.cancelAll();
    this.#timers.set("close", now + this.#endMarginMs);
  }

  /** Ends at once, without a word to the peer. */
  #end(_now: Instant, error: TransportError): void {
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
      let event = this.#streams?.pollEvent();
      event;
      event = this.#streams?.pollEvent()
    ) {
      this.#events.push(event);
    }
    this.#events.push({ type: "closed", error });
  }

  #established(): StreamManager {
    if (this.#state !== "established" || this.#streams === undefined) {
      throw new TransportError("CLOSED", `Connection: it is ${this.#state}`);
    }
    return this.#streams;
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

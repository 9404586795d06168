/**
 * The protected packets of a connection: opens those that arrive and says what
 * they carry, acknowledges them, builds those that leave, and repairs what got
 * lost. It exists once the handshake has given the keys.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import type { Instant } from "../../internal/instant.ts";
import {
  type CloseFrame,
  decodeFrame,
  type Frame,
  isAckEliciting,
  type StreamFrame,
  type TicketFrame,
} from "../../protocol/frame/mod.ts";
import {
  PACKET_HEADER_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PACKET_TAG_LENGTH,
  PacketFlags,
} from "../../protocol/mod.ts";
import { AckTracker } from "./ack_tracker.ts";
import { aeadLimits } from "./aead_limits.ts";
import { type Address, isLoopback } from "./address.ts";
import { DEFAULT_DATAGRAM_BYTES } from "./config.ts";
import { END_PTO_COUNT, hasClose } from "./connection_end.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import { TransportError } from "./error.ts";
import type { EventQueue } from "./event_queue.ts";
import { FrameBudget } from "./frame_budget.ts";
import { KeyUpdates } from "./key_updates.ts";
import { MAX_PTO_MS, PROBE_PACKET_COUNT } from "./loss_detector.ts";
import { OutgoingFrames } from "./outgoing_frames.ts";
import { PacketBuilder } from "./packet_builder.ts";
import { PacketOpener } from "./packet_opener.ts";
import type { PacketSpaceOptions } from "./packet_space_options.ts";
import { PacketProtection } from "./packet_protection.ts";
import { PathMtu } from "./path_mtu.ts";
import { Recovery } from "./recovery.ts";
import type { SentFrame } from "./sent_frame.ts";
import type { SentPacket } from "./sent_packets.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";
import type { StreamManager } from "./stream/manager.ts";
import { suiteParts } from "./suite.ts";
import type { TicketReceiver } from "./ticket_receiver.ts";

/** A connection that sends less than this is over before it could move. */
const SPARE_IDS_AFTER_PACKETS = 8;

/** The packet number space of a connection, both directions. */
export class PacketSpace {
  /** The streams. */
  readonly streams: StreamManager;
  readonly #onPathResponse: (data: Uint8Array) => void;
  readonly #events: EventQueue;
  readonly #tickets: TicketReceiver | undefined;
  readonly #trace: ConnectionTrace | undefined;
  readonly #isResumed: boolean;
  readonly #protection: PacketProtection;
  readonly #keys: KeyUpdates;
  readonly #opener: PacketOpener;
  readonly #builder: PacketBuilder;
  readonly #outgoing: OutgoingFrames;
  readonly #budget: FrameBudget;
  readonly #acks: AckTracker;
  readonly #recovery: Recovery;
  readonly #mtu: PathMtu;

  #probesDue = 0;
  /** Whether data has gone and a probe for a larger size may follow it. */
  #isMtuProbeNext = false;

  /**
   * @param now The time.
   * @param options Keys, limits and addresses.
   */
  constructor(now: Instant, options: PacketSpaceOptions) {
    const { config, result, remoteAddress } = options;
    const { peerParameters } = result;
    this.#events = options.events;
    this.#tickets = options.ticketReceiver;
    this.#trace = options.trace;
    this.#isResumed = result.isResumed;
    this.#onPathResponse = options.onPathResponse;
    const { aead } = suiteParts(result.suite);
    this.#protection = new PacketProtection({
      suite: aead,
      sendSecret: result.sendSecret,
      receiveSecret: result.receiveSecret,
      provider: config.cryptoProvider,
      limits: aeadLimits(aead, config),
    });
    this.#keys = new KeyUpdates(now, this.#protection, config);
    this.#opener = new PacketOpener(this.#protection, options.scratch);
    this.#builder = new PacketBuilder({
      protection: this.#protection,
      path: options.path,
      prefix: options.prefix,
      random: options.random,
      trace: options.trace,
    });
    this.#outgoing = new OutgoingFrames(options);
    this.streams = this.#outgoing.streams;
    this.#budget = new FrameBudget(config.maxControlFramesPerRoundTrip);
    this.#acks = new AckTracker({
      maxAckDelayMs: config.maxAckDelayMs,
      ackElicitingThreshold: config.ackElicitingThreshold,
      maxRanges: config.maxAckRanges,
      onLimit: options.onLimit,
    });
    this.#mtu = new PathMtu(remoteAddress, {
      maxDatagramBytes: config.maxDatagramBytes,
      peerMaxDatagramBytes: peerParameters.maxDatagramBytes,
      receiveBufferBytes: peerParameters.receiveBufferBytes,
    });
    this.#recovery = new Recovery({
      initialRttMs: config.initialRttMs,
      congestionControl: config.congestionControl,
      isLoopback: isLoopback(remoteAddress),
      maxAckDelayMs: peerParameters.maxAckDelayMs,
      maxDatagramBytes: this.#mtu.currentBytes,
      handshakeRttMs: options.handshakeRttMs,
      receiveBufferBytes: peerParameters.receiveBufferBytes,
    });
    // Something ack-eliciting goes with the last message of the handshake, so
    // that it is repeated until the peer has shown that it arrived.
    if (options.prefix !== undefined) this.#outgoing.control.requestPing(false);
    this.#traceRecovery();
  }

  /** Size of what goes before every packet for now, in bytes. */
  get prefixBytes(): number {
    return this.#builder.prefixBytes;
  }

  /** Largest payload of a datagram frame, in bytes. */
  get maxDatagramPayloadBytes(): number {
    // Type byte and a length of at most four bytes.
    return this.#mtu.currentBytes - PACKET_OVERHEAD_LENGTH - 5;
  }

  /** How many packets have arrived and authenticated. */
  get packetsReceived(): number {
    return this.#opener.packetsReceived;
  }

  /** Whether the packet that was opened last has the highest number so far. */
  get isOpenedNewest(): boolean {
    return this.#opener.isNewest;
  }

  /** Whether there is a close in the packet that was opened last. */
  get hasClose(): boolean {
    return hasClose(this.#opener.plaintext);
  }

  /** The probe timeout without backoff, in milliseconds. */
  get ptoMs(): number {
    return this.#recovery.ptoMs;
  }

  /** Whether a key has reached a limit of its use, and the connection has to end. */
  get isExhausted(): boolean {
    return this.#protection.isExhausted;
  }

  /** Three probe timeouts; a peer that acknowledges late does not stretch them for ever. */
  get endMarginMs(): number {
    return END_PTO_COUNT * Math.min(this.#recovery.ptoMs, MAX_PTO_MS);
  }

  /** How many probe timeouts have passed since the peer owes an acknowledgement. */
  countUnansweredProbes(now: Instant): number {
    return this.#recovery.countUnansweredProbes(now);
  }

  /** The part of a connection's statistics that is known here. */
  get stats(): Omit<ConnectionStats, "bytesSent" | "moves"> {
    return {
      ...this.#recovery.stats,
      ...this.#opener.stats,
      ...this.#outgoing.ids.stats,
      packetsSent: this.#builder.packetCount,
      keyUpdates: this.#protection.keyUpdateCount,
    };
  }

  // ── Packets that arrive ───────────────────────────────────────────────────

  /**
   * Opens a packet. {@linkcode PacketSpace.handleFrames} follows for the same
   * packet, unless the connection is closing.
   *
   * @param now The time.
   * @param packet The whole packet; borrowed, not changed.
   * @returns Why it was dropped, or `undefined`.
   */
  open(now: Instant, packet: Uint8Array): DropReason | undefined {
    const reason = this.#opener.open(packet);
    if (reason !== undefined) return reason;
    // RFC 9001 §6.5: late packets may still come for three probe timeouts.
    this.#keys.onPacketOpened(now, this.endMarginMs);
    this.#trace?.packetReceived(
      this.#opener.packetNumber,
      this.#opener.plaintext,
    );
    this.#traceKeys();
    // A responder sends packets before it has the finish, if there was a ticket.
    if (!this.#isResumed) this.#builder.dropPrefix();
    return undefined;
  }

  /** The peer has shown that the handshake is done. */
  handleConfirmation(): void {
    this.#builder.dropPrefix();
  }

  /**
   * Takes the frames of the packet that was opened last.
   *
   * @param now The time.
   * @returns The peer's close, after which the rest is not read.
   * @throws {TransportError} When the peer breaks a rule; the connection has to
   * be closed then.
   * @throws {ProtocolError} `FRAME_INVALID`, likewise.
   */
  handleFrames(now: Instant): CloseFrame | undefined {
    const { flags, plaintext, packetNumber } = this.#opener;
    if (this.#opener.isReservedSet || plaintext.length === 0) {
      throw new TransportError(
        "PROTOCOL_VIOLATION",
        "Packet: reserved flags or byte, or no frame",
      );
    }
    const reader = new ByteReader(plaintext);
    let isAckElicitingPacket = false;
    while (reader.remaining > 0) {
      const frame = decodeFrame(reader);
      // Most are these, and what they are is asked once: with so many shapes of
      // frames, to read it takes longer than to act on it.
      if (frame.type === "stream") {
        isAckElicitingPacket = true;
        this.streams.handleStreamFrame(frame);
        continue;
      }
      if (frame.type === "close") return frame;
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
    return undefined;
  }

  #handleFrame(
    now: Instant,
    frame: Exclude<Frame, CloseFrame | StreamFrame>,
  ): void {
    this.#budget.take(now, frame.type, this.#recovery.smoothedRttMs);
    switch (frame.type) {
      case "ack":
        return this.#handleAck(now, frame);
      case "datagram":
        return this.#events.push({
          type: "datagram-received",
          data: frame.data.slice(),
        });
      case "path-challenge":
        return this.#outgoing.control.answerPathChallenge(frame.data);
      case "ack-frequency":
        return this.#acks.handleFrequency(frame);
      case "path-response":
        return this.#onPathResponse(frame.data);
      case "new-connection-id":
      case "retire-connection-id":
        return this.#outgoing.ids.handleFrame(
          frame,
          this.#opener.connectionIdKey,
        );
      case "ticket":
        return this.#tickets?.handleFrame(now, frame);
      case "reset-stream":
      case "stop-sending":
      case "stream-max-data":
      case "connection-max-data":
      case "max-streams":
        return this.streams.handleFrame(frame);
      default:
        // Padding and ping are acknowledged, no more; a new connection id or
        // crypto data answers nothing that we asked.
        return;
    }
  }

  // ── What became of what was sent ──────────────────────────────────────────

  /** When {@linkcode PacketSpace.handleTimeout} has to be called next. */
  pollTimeout(): Instant {
    return Math.min(
      this.#recovery.deadline ?? Infinity,
      this.#acks.deadline ?? Infinity,
      this.#recovery.pacingDeadline ?? Infinity,
      this.#keys.deadline,
    );
  }

  /**
   * Does what is due.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    this.#keys.handleTimeout(now);
    if ((this.#recovery.deadline ?? Infinity) > now) return;
    const outcome = this.#recovery.handleTimeout(now);
    if (outcome.lost !== undefined) {
      this.#handleLost(outcome.lost);
      this.#traceRecovery();
    }
    if (outcome.type === "lost") return;
    this.#trace?.probeTimeout(this.#recovery.metrics.ptoCount);
    // RFC 9002 §6.2.4: a probe carries data that is still unacknowledged, so
    // that the loss of a lone packet costs one timeout and not a round trip more.
    this.#probesDue = PROBE_PACKET_COUNT;
    this.#repeatOldest();
  }

  /** As {@linkcode Recovery.isSendingSeparately}. */
  isSendingSeparately(now: Instant): boolean {
    return this.#recovery.isSendingSeparately(now);
  }

  #repeatOldest(): void {
    const oldest = this.#recovery.oldestAckEliciting;
    if (oldest !== undefined) this.#outgoing.onFramesLost(oldest.frames);
  }

  #handleAck(now: Instant, frame: Frame & { type: "ack" }): void {
    const { acked, lost, spurious } = this.#recovery.handleAck(now, frame);
    if (acked.length > 0) this.#builder.dropPrefix();
    for (const packet of acked) {
      if (this.#recovery.isOnPath(packet) && this.#mtu.onPacketAcked(packet)) {
        this.#recovery.setMaxDatagramBytes(this.#mtu.currentBytes);
      }
      this.#protection.onPacketAcked(packet.packetNumber);
      for (const sent of packet.frames) {
        this.#handleFrameAcked(now, packet.sentAt, sent);
      }
    }
    this.#trace?.spuriousLosses(spurious);
    this.#handleLost(lost);
    // Another size of datagrams would make it another wish at once.
    if (this.#mtu.discovery.isSettled) {
      this.#outgoing.ackFrequency.update(this.#recovery.flightLimit);
    }
    this.#traceRecovery();
  }

  #handleLost(lost: readonly SentPacket[]): void {
    this.#trace?.packetsLost(lost);
    for (const packet of lost) {
      if (this.#recovery.isOnPath(packet) && this.#mtu.onPacketLost(packet)) {
        this.#recovery.setMaxDatagramBytes(this.#mtu.currentBytes);
      }
      this.#outgoing.onFramesLost(packet.frames);
    }
  }

  #handleFrameAcked(now: Instant, sentAt: Instant, frame: SentFrame): void {
    if (frame.type === "stream") this.streams.onStreamFrameAcked(frame);
    else if (frame.type === "ack") this.#acks.onAckAcked(frame.largest);
    else if (frame.type === "ping") {
      if (this.#outgoing.control.takePong(frame)) {
        this.#events.push({ type: "pong", rttMs: now - sentAt });
      }
    } else this.#outgoing.onFrameAcked(frame);
  }

  // ── Packets that leave ────────────────────────────────────────────────────

  /**
   * Writes the next datagram: the last message of the handshake where it is
   * still needed, and a packet.
   *
   * @param now The time.
   * @param into Where to write.
   * @returns Its length and whether the peer has to acknowledge it, or
   * `undefined` when there is nothing to send now.
   */
  poll(
    now: Instant,
    into: Uint8Array,
  ): { readonly length: number; readonly isAckEliciting: boolean } | undefined {
    const { control, ids } = this.#outgoing;
    const isProbe = this.#probesDue > 0;
    if (this.#builder.packetCount >= SPARE_IDS_AFTER_PACKETS) {
      ids.local.replenish();
    }
    // The second probe is worth as much as the first: one may be lost as well.
    if (isProbe && !this.streams.hasPendingFrames) this.#repeatOldest();
    const { hasPending } = this.#outgoing;
    const isMtuProbeNext = !isProbe && this.#isMtuProbeNext &&
      this.#isMtuProbeDue(into.length);
    const mayCarryData = this.#recovery.isSendingAllowed(
      now,
      hasPending || ids.local.hasPending || isMtuProbeNext,
    ) ||
      isProbe;
    // RFC 9000 §8.2.1: a path that is full, or lost what is in flight, has to be
    // proven all the same. Challenges and their answers are few.
    const mayCarryControl = mayCarryData || control.hasPathFrames;
    const isWorthPacket = mayCarryData
      ? hasPending || isProbe || isMtuProbeNext
      : mayCarryControl;
    if (!isWorthPacket && !this.#acks.isAckDue(now)) return undefined;
    this.#keys.updateIfDue(now);
    this.#traceKeys();
    if (isMtuProbeNext && mayCarryData) {
      return this.#writeMtuProbe(now, into, this.#mtu.discovery.probeBytes!);
    }
    // Repeated in every datagram until it is known to have arrived.
    const start = this.#builder.begin(into);
    // RFC 8899 §4.3: a probe has to arrive also where the path became narrower.
    const limit = Math.min(
      into.length,
      isProbe ? DEFAULT_DATAGRAM_BYTES : this.#mtu.currentBytes,
    ) - PACKET_TAG_LENGTH;
    const writer = new ByteWriter(into, start + PACKET_HEADER_LENGTH);
    const frames: SentFrame[] = [];
    const hasAck = this.#acks.writeFrame(now, writer, { limit, sent: frames });
    const ackEnd = writer.offset;
    if (mayCarryControl) control.writeFrames(writer, limit, frames);
    if (mayCarryData) {
      this.#outgoing.writeFrames(writer, limit, {
        sent: frames,
        roomBytes: this.#mtu.currentBytes - PACKET_OVERHEAD_LENGTH,
      });
      if (isProbe) {
        this.#probesDue--;
        if (writer.offset === ackEnd) {
          control.writePing(writer, limit, frames);
        }
      }
    }
    if (writer.offset === start + PACKET_HEADER_LENGTH) return undefined;
    const isEliciting = writer.offset > ackEnd;
    const flags = (hasAck ? PacketFlags.ACK : 0) |
      (isEliciting ? PacketFlags.ACK_ELICITING : 0) |
      (isProbe || control.takeUrgency() ? PacketFlags.PROBE : 0);
    const length = this.#builder.seal(into, {
      start,
      end: writer.offset,
      flags,
    });
    this.#recovery.onPacketSent(now, {
      packetNumber: this.#builder.lastPacketNumber,
      sentAt: now,
      sizeBytes: length,
      isAckEliciting: isEliciting,
      // What leaves beyond the window is not waited for: who never acknowledges
      // would have any number of them remembered.
      isInFlight: isEliciting && mayCarryData,
      frames,
      isMtuProbe: false,
    });
    if (mayCarryData && this.#outgoing.hasPending) this.#mtu.onFullPacketSent();
    // After data, never before it, which would wait for the room that it takes.
    this.#isMtuProbeNext = isEliciting && this.#isMtuProbeDue(into.length);
    return { length, isAckEliciting: isEliciting };
  }

  /**
   * Writes a datagram that closes the connection.
   *
   * @param into Where to write: all that may be sent.
   * @param frame Code, and reason, of which as much is said as fits.
   * @returns Its length.
   */
  writeClose(into: Uint8Array, frame: Omit<CloseFrame, "type">): number {
    return this.#builder.writeClose(into, frame);
  }

  /**
   * Queues a datagram frame.
   *
   * @param data At most {@linkcode PacketSpace.maxDatagramPayloadBytes}; owned here.
   * @returns Whether it was queued without pushing out an older one.
   */
  sendDatagram(data: Uint8Array): boolean {
    return this.#outgoing.datagrams.push(data);
  }

  /**
   * Sends something that the peer has to acknowledge.
   *
   * @param isPongWanted Whether the event `pong` should follow.
   */
  requestPing(isPongWanted: boolean): void {
    this.#outgoing.control.requestPing(isPongWanted);
  }

  /**
   * Asks the peer to show that it receives where we send.
   *
   * @param data Eight unpredictable bytes; none where it is not to be asked any more.
   */
  challengePath(data: Uint8Array | undefined): void {
    this.#outgoing.control.challengePath(data);
  }

  /** Whether a challenge, or the answer to one, goes with the next packet. */
  get hasPathFrames(): boolean {
    return this.#outgoing.control.hasPathFrames;
  }

  /**
   * The peer is at another host: what was learned of the old path is forgotten.
   *
   * @param address Where it is now.
   */
  handlePathChange(address: Address): void {
    this.#mtu.handlePathChange(address);
    const lost = this.#recovery.handlePathChange({
      isLoopback: isLoopback(address),
      maxDatagramBytes: this.#mtu.currentBytes,
    });
    this.#trace?.packetsLost(lost);
    for (const packet of lost) this.#outgoing.onFramesLost(packet.frames);
  }

  /**
   * Queues a session ticket.
   *
   * @param ticket What to send; kept.
   */
  sendTicket(ticket: Omit<TicketFrame, "type">): void {
    this.#outgoing.tickets.push(ticket);
  }

  // ── Who watches ───────────────────────────────────────────────────────────

  #traceKeys(): void {
    this.#trace?.keys(
      this.#protection.sendKeyUpdateCount,
      this.#protection.keyUpdateCount,
    );
  }

  #traceRecovery(): void {
    this.#trace?.recovery(this.#recovery.metrics);
    this.#trace?.mtu(this.#mtu.currentBytes);
  }

  /** Replaces the keys with the next packet, as soon as the protocol allows it. */
  requestKeyUpdate(): void {
    this.#keys.request();
  }

  #isMtuProbeDue(roomBytes: number): boolean {
    return this.#builder.prefixBytes === 0 && this.#mtu.isProbeDue(roomBytes);
  }

  /** RFC 8899 §4.1: a ping, padded to the size in question. */
  #writeMtuProbe(
    now: Instant,
    into: Uint8Array,
    sizeBytes: number,
  ): { readonly length: number; readonly isAckEliciting: boolean } {
    const length = this.#builder.writeMtuProbe(into, sizeBytes);
    this.#mtu.discovery.onProbeSent();
    this.#isMtuProbeNext = false;
    this.#recovery.onPacketSent(now, {
      packetNumber: this.#builder.lastPacketNumber,
      sentAt: now,
      sizeBytes: length,
      isAckEliciting: true,
      isInFlight: true,
      frames: [],
      isMtuProbe: true,
    });
    return { length, isAckEliciting: true };
  }
}

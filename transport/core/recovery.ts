/**
 * What was sent, what became of it, and how much more may go: round-trip time,
 * loss detection, congestion control and pacing of one path, wired together as
 * RFC 9002 appendices A and B describe.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { CongestionControl } from "./config.ts";
import { CongestionEvent } from "./congestion/congestion_event.ts";
import type { CongestionController } from "./congestion/controller.ts";
import { createCongestionController } from "./congestion/create_controller.ts";
import {
  LossDetector,
  type SpuriousLoss,
  type TimeoutOutcome,
} from "./loss_detector.ts";
import type { RecoveryMetrics } from "./observer.ts";
import { Pacer } from "./pacer.ts";
import {
  kernelBytes,
  maxUnpacedKernelBytes,
  MIN_PACED_LOOPBACK_RTT_MS,
  MIN_PACED_RTT_MS,
} from "./receive_buffer.ts";
import { RttEstimator } from "./rtt_estimator.ts";
import type { SentPacket } from "./sent_packets.ts";
import { SeparateSending } from "./separate_sending.ts";
import type { ConnectionStats } from "./stats.ts";
import type { Range } from "../../internal/range_set.ts";

/** What {@linkcode Recovery} is made from. */
export interface RecoveryOptions {
  /** RTT before the first sample, in milliseconds. */
  readonly initialRttMs: number;
  /** Which congestion controller. */
  readonly congestionControl: CongestionControl;
  /** Whether the path stays within this machine. */
  readonly isLoopback: boolean;
  /** How long the peer may hold back an acknowledgement, in milliseconds. */
  readonly maxAckDelayMs: number;
  /** Round-trip time of the handshake, where it is certain: the first sample. */
  readonly handshakeRttMs: number | undefined;
  /** Largest datagram of the path, in bytes. */
  readonly maxDatagramBytes: number;
  /** The peer's receive buffer, in bytes, where it is not the default. */
  readonly receiveBufferBytes?: number | undefined;
}

/** The recovery of one path. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #rtt: RttEstimator;
  readonly #loss: LossDetector;
  #congestion: CongestionController;
  readonly #congestionEvent: CongestionEvent = new CongestionEvent();
  #pacer: Pacer;
  #separateSending: SeparateSending = new SeparateSending();
  #isLoopback: boolean;
  #maxDatagramBytes: number;
  #pacingDeadline: Instant | undefined;
  /** What they may take of it while nothing is paced. */
  readonly #maxUnpacedBytes: number;
  /** What the packets in flight take of the peer's receive buffer, at most. */
  #kernelBytesInFlight = 0;
  /** What is in flight on paths that were left. */
  #offPathBytes = 0;
  /**
   * Those of a probe for a larger size. One probe of padding at a time does not
   * keep data from leaving: on loopback it is as large as the first window.
   */
  #mtuProbeBytes = 0;
  #packetsLost = 0;
  #packetsLostSpuriously = 0;
  #probeTimeouts = 0;

  /** @param options First RTT, ack delay and datagram size. */
  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#isLoopback = options.isLoopback;
    this.#maxUnpacedBytes = maxUnpacedKernelBytes(options.receiveBufferBytes);
    this.#rtt = new RttEstimator(options);
    const { handshakeRttMs } = options;
    if (handshakeRttMs !== undefined) this.#rtt.handleSample(handshakeRttMs, 0);
    this.#loss = new LossDetector(this.#rtt);
    this.#congestion = this.#createCongestionController();
    this.#pacer = this.#createPacer();
  }

  /** When {@linkcode Recovery.handleTimeout} is due. */
  get deadline(): Instant | undefined {
    return this.#loss.deadline;
  }

  /** When pacing lets the next datagram go, if it held one back. */
  get pacingDeadline(): Instant | undefined {
    return this.#pacingDeadline;
  }

  /**
   * How many packets of the largest size may be in flight, and whether that is
   * still being looked for: in slow start, unless something else is the limit.
   */
  get flightLimit(): { readonly packets: number; readonly isSought: boolean } {
    const { windowBytes, isInSlowStart } = this.#congestion;
    const packets = Math.floor(windowBytes / this.#maxDatagramBytes);
    if (this.#pacer.isPaced) return { packets, isSought: isInSlowStart };
    const unpaced = Math.floor(
      this.#maxUnpacedBytes / kernelBytes(this.#maxDatagramBytes),
    );
    return packets < unpaced
      ? { packets, isSought: isInSlowStart }
      : { packets: unpaced, isSought: false };
  }

  /** What a round trip takes, in milliseconds. */
  get smoothedRttMs(): number {
    return this.#rtt.smoothedRttMs;
  }

  /** The probe timeout without backoff, in milliseconds. */
  get ptoMs(): number {
    return this.#rtt.ptoMs;
  }

  /** See {@linkcode LossDetector.countUnansweredProbes}. */
  countUnansweredProbes(now: Instant): number {
    return this.#loss.countUnansweredProbes(now);
  }

  /** The part of a connection's statistics that is known here. */
  get stats(): Pick<
    ConnectionStats,
    | "smoothedRttMs"
    | "minRttMs"
    | "congestionWindowBytes"
    | "bytesInFlight"
    | "packetsLost"
    | "packetsLostSpuriously"
    | "probeTimeouts"
  > {
    return {
      smoothedRttMs: this.#rtt.hasSample ? this.#rtt.smoothedRttMs : 0,
      minRttMs: this.#rtt.hasSample ? this.#rtt.minRttMs : 0,
      congestionWindowBytes: this.#congestion.windowBytes,
      bytesInFlight: this.#bytesInFlight,
      packetsLost: this.#packetsLost,
      packetsLostSpuriously: this.#packetsLostSpuriously,
      probeTimeouts: this.#probeTimeouts,
    };
  }

  /** The figures of this moment, for an observer. */
  get metrics(): RecoveryMetrics & { readonly isInSlowStart: boolean } {
    const rtt = this.#rtt;
    const { hasSample } = rtt;
    return {
      smoothedRttMs: hasSample ? rtt.smoothedRttMs : 0,
      minRttMs: hasSample ? rtt.minRttMs : 0,
      latestRttMs: hasSample ? rtt.latestRttMs : 0,
      rttVarianceMs: rtt.rttVarianceMs,
      congestionWindowBytes: this.#congestion.windowBytes,
      slowStartThresholdBytes: this.#congestion.slowStartThresholdBytes,
      isInSlowStart: this.#congestion.isInSlowStart,
      bytesInFlight: this.#bytesInFlight,
      ptoCount: this.#loss.ptoCount,
    };
  }

  /**
   * The peer is on another path now: what was learned of the old one is
   * forgotten, what is in flight is not (RFC 9000 §9.4).
   *
   * @param path Whether it stays within this machine, and the largest datagram
   * that it is known to carry, in bytes.
   * @returns What is given up for lost: what took a path before the old one.
   */
  handlePathChange(
    path: { readonly isLoopback: boolean; readonly maxDatagramBytes: number },
  ): readonly SentPacket[] {
    this.#isLoopback = path.isLoopback;
    this.#maxDatagramBytes = path.maxDatagramBytes;
    const lost = this.#loss.startPath();
    for (const packet of lost) {
      if (packet.isInFlight && !packet.isMtuProbe) this.#packetsLost++;
    }
    this.#offPathBytes = this.#loss.bytesInFlight;
    this.#mtuProbeBytes = 0;
    this.#kernelBytesInFlight = 0;
    this.#rtt.reset();
    this.#congestion = this.#createCongestionController();
    this.#pacer = this.#createPacer();
    this.#separateSending = new SeparateSending();
    return lost;
  }

  /**
   * Whether a packet took the path in use.
   *
   * @param packet A packet that was sent.
   */
  isOnPath(packet: SentPacket): boolean {
    return this.#loss.isOnPath(packet);
  }

  /**
   * The path carries datagrams of another size from now on.
   *
   * @param maxDatagramBytes Largest datagram, in bytes.
   */
  setMaxDatagramBytes(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
    this.#congestion.setMaxDatagramBytes(maxDatagramBytes);
    this.#pacer.setMaxDatagramBytes(maxDatagramBytes);
  }

  /**
   * Whether another ack-eliciting datagram may be sent now. When only pacing
   * forbids it, {@linkcode Recovery.pacingDeadline} says until when.
   *
   * @param now The time.
   * @param hasData Whether there is anything to send: otherwise no deadline is set.
   */
  isSendingAllowed(now: Instant, hasData: boolean): boolean {
    this.#pacingDeadline = undefined;
    if (!hasData) return false;
    // RFC 9002 §7: never more in flight than the window.
    if (
      this.#bytesInFlight + this.#maxDatagramBytes >
        this.#congestion.windowBytes
    ) {
      return false;
    }
    // what pacing would keep out of the peer's receive buffer
    if (
      !this.#pacer.isPaced &&
      this.#kernelBytesInFlight + kernelBytes(this.#maxDatagramBytes) >
        this.#maxUnpacedBytes
    ) {
      return false;
    }
    const at = this.#pacer.nextSendAt(now, this.#maxDatagramBytes);
    if (at > now) this.#pacingDeadline = at;
    return at <= now;
  }

  /**
   * Remembers a packet that was sent.
   *
   * @param now The time.
   * @param packet The packet; owned here until it is handed back.
   */
  onPacketSent(now: Instant, packet: SentPacket): void {
    this.#loss.onPacketSent(packet);
    if (!packet.isInFlight) return;
    this.#kernelBytesInFlight += kernelBytes(packet.sizeBytes);
    if (packet.isMtuProbe) {
      this.#mtuProbeBytes = packet.sizeBytes;
      return;
    }
    this.#congestion.onPacketSent(now, packet, this.#bytesInFlight);
    this.#pacer.onPacketSent(now, packet.sizeBytes);
  }

  /**
   * Takes an Ack frame.
   *
   * @param now The time.
   * @param ack The frame, not believed.
   * @returns The packets that it acknowledges, those that are lost now, and those
   * that were declared lost and are not.
   * @throws {TransportError} `PROTOCOL_VIOLATION` when it acknowledges a packet
   * that was never sent.
   */
  handleAck(
    now: Instant,
    ack: {
      readonly largest: number;
      readonly delayMicros: number;
      readonly ranges: readonly Range[];
    },
  ): {
    readonly acked: readonly SentPacket[];
    readonly lost: readonly SentPacket[];
    readonly spurious: readonly SpuriousLoss[];
  } {
    // RFC 9002 §7.8: a window that was not filled does not grow.
    const isAppLimited = !this.#isWindowUsed();
    const { acked, lost, spurious } = this.#loss.handleAck(now, {
      largest: ack.largest,
      delayMs: ack.delayMicros / 1000,
      ranges: ack.ranges,
    });
    for (const { packetNumber } of spurious) {
      this.#handleSpuriousLoss(now, packetNumber);
    }
    for (const packet of acked) {
      if (!packet.isInFlight) continue;
      // RFC 9000 §9.4: what took another path says nothing about this one.
      if (!this.#leaveFlight(packet)) continue;
      this.#separateSending.onAcked(packet.sentAt);
      this.#congestion.onPacketAcked(now, packet, this.#rtt, isAppLimited);
    }
    this.#handleLost(now, lost);
    return { acked, lost, spurious };
  }

  /**
   * Acts on {@linkcode Recovery.deadline}.
   *
   * @param now The time.
   * @returns The packets that are lost, or that probes are due, or both.
   */
  handleTimeout(now: Instant): TimeoutOutcome {
    const outcome = this.#loss.handleTimeout(now);
    if (outcome.type === "probe") {
      this.#probeTimeouts++;
      this.#separateSending.onProbeTimeout(now);
    }
    if (outcome.lost !== undefined) this.#handleLost(now, outcome.lost);
    return outcome;
  }

  /**
   * Whether no datagram may leave in one message with others.
   *
   * @param now The time.
   */
  isSendingSeparately(now: Instant): boolean {
    return this.#separateSending.isOn(now);
  }

  /** The oldest packet that is not acknowledged: what a probe repeats. */
  get oldestAckEliciting(): SentPacket | undefined {
    return this.#loss.oldestAckEliciting;
  }

  #createCongestionController(): CongestionController {
    return createCongestionController(this.#options.congestionControl, {
      maxDatagramBytes: this.#maxDatagramBytes,
    });
  }

  #createPacer(): Pacer {
    return new Pacer(this.#congestion, this.#rtt, {
      maxDatagramBytes: this.#maxDatagramBytes,
      minPacedRttMs: this.#isLoopback
        ? MIN_PACED_LOOPBACK_RTT_MS
        : MIN_PACED_RTT_MS,
    });
  }

  #handleLost(now: Instant, lost: readonly SentPacket[]): void {
    let newestSentAt: Instant | undefined;
    let firstNumber: number | undefined;
    let count = 0;
    for (const packet of lost) {
      if (!packet.isInFlight) continue;
      const isOnPath = this.#leaveFlight(packet);
      if (packet.isMtuProbe) continue;
      this.#packetsLost++;
      if (!isOnPath) continue;
      newestSentAt = packet.sentAt;
      firstNumber ??= packet.packetNumber;
      count++;
    }
    if (newestSentAt === undefined) return;
    if (this.#congestion.onCongestionEvent(now, newestSentAt)) {
      this.#congestionEvent.begin(firstNumber!);
      this.#loss.onCongestionEvent();
    }
    this.#congestionEvent.addLosses(count);
    if (this.#loss.isPersistentCongestion(lost)) {
      this.#congestion.onPersistentCongestion(now);
      // RFC 9002 §5.2: the path may be another one now.
      this.#rtt.resetMinRtt();
    }
  }

  #handleSpuriousLoss(now: Instant, packetNumber: number): void {
    this.#packetsLostSpuriously++;
    if (!this.#congestionEvent.handleSpuriousLoss(packetNumber)) return;
    this.#congestion.undoCongestionEvent(now);
  }

  get #bytesInFlight(): number {
    return this.#loss.bytesInFlight - this.#offPathBytes - this.#mtuProbeBytes;
  }

  /** Takes a packet out of the sums; returns whether it took the path in use. */
  #leaveFlight(packet: SentPacket): boolean {
    const isOnPath = this.#loss.isOnPath(packet);
    if (isOnPath) {
      this.#kernelBytesInFlight -= kernelBytes(packet.sizeBytes);
      if (packet.isMtuProbe) this.#mtuProbeBytes = 0;
    } else this.#offPathBytes -= packet.sizeBytes;
    return isOnPath;
  }

  #isWindowUsed(): boolean {
    const { windowBytes, isInSlowStart } = this.#congestion;
    const inFlight = this.#bytesInFlight;
    // In slow start half a window is use enough: acknowledgements of the other
    // half are on their way.
    return isInSlowStart
      ? 2 * inFlight >= windowBytes
      : inFlight + 3 * this.#maxDatagramBytes >= windowBytes;
  }
}

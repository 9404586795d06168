/**
 * Which packets arrived, which are lost, and when to ask (RFC 9002 §6).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { Instant } from "../../internal/instant.ts";
import type { Range } from "../../internal/range_set.ts";
import { TransportError } from "./error.ts";
import { RecentLosses } from "./recent_losses.ts";
import {
  ReorderingTolerance,
  type ReorderingToleranceOptions,
} from "./reordering_tolerance.ts";
import type { RttEstimator } from "./rtt_estimator.ts";
import { type SentPacket, SentPackets } from "./sent_packets.ts";

/** PTOs without an acknowledgement that make persistent congestion (RFC 9002 §7.6.1). */
export const PERSISTENT_CONGESTION_THRESHOLD = 3;
/**
 * Longest time between probes that backoff leads to, in ms. Above the 3 s that
 * RFC 8085 §3.1.3 asks of a sender without feedback, and short enough to notice
 * soon that a path is back.
 */
export const MAX_PTO_MS = 4_000;
/**
 * PTOs for which it is remembered that a packet was declared lost: most of what
 * comes at all comes within two round trips.
 */
const LOSS_MEMORY_PTO_COUNT = 4;
/** Packets that a probe timeout sends (RFC 9002 §6.2.4). */
export const PROBE_PACKET_COUNT = 2;
/**
 * Probe timeouts in a row after which each gives up as many packets as it sends. A
 * peer that never acknowledges, and keeps the connection alive by what it sends, would
 * have all of them remembered.
 */
export const MAX_REMEMBERED_PROBE_TIMEOUTS = 16;
/** Packets up to which none is given up for that: where no probe could be sent. */
const MAX_REMEMBERED_PROBES: number = MAX_REMEMBERED_PROBE_TIMEOUTS *
  PROBE_PACKET_COUNT;
/** How many runs of skipped packet numbers are remembered. */
const MAX_SKIPPED_RANGES = 32;
const NO_PACKETS: readonly SentPacket[] = Object.freeze([]);
const NO_SPURIOUS_LOSSES: readonly SpuriousLoss[] = Object.freeze([]);

/** An acknowledgement as the peer sent it. */
export interface ReceivedAck {
  /** Largest packet number acknowledged. */
  readonly largest: number;
  /** How long the peer says it waited, in ms. */
  readonly delayMs: number;
  /** Half-open ranges of packet numbers, in descending order. */
  readonly ranges: readonly Range[];
}

/** A packet that arrived although it was declared lost. */
export interface SpuriousLoss {
  /** Its number. */
  readonly packetNumber: number;
  /** How far it was below the largest number acknowledged before it. */
  readonly reorderingPackets: number;
  /** From sending it to its acknowledgement, in ms. */
  readonly roundTripMs: number;
}

/** What an acknowledgement told. */
export interface AckOutcome {
  /** Newly acknowledged packets, in ascending order. */
  readonly acked: readonly SentPacket[];
  /** Packets now declared lost, in ascending order. */
  readonly lost: readonly SentPacket[];
  /**
   * Packets in flight on the path in use that were declared lost too soon, in
   * ascending order. They were handed back already.
   */
  readonly spurious: readonly SpuriousLoss[];
  /** Whether the RTT estimator took a sample. */
  readonly isRttSampled: boolean;
}

/**
 * What a timeout calls for: repair the lost packets, or send a probe. With it comes
 * what is given up for lost, if anything.
 */
export type TimeoutOutcome =
  | { readonly type: "lost"; readonly lost: readonly SentPacket[] }
  | { readonly type: "probe"; readonly lost?: readonly SentPacket[] };

/** Options of a {@linkcode LossDetector}. */
export interface LossDetectorOptions extends ReorderingToleranceOptions {
  /**
   * Longest time between probes that backoff leads to, in ms.
   *
   * @default {MAX_PTO_MS}
   */
  readonly maxPtoMs?: number;
}

/** What {@linkcode isPersistentCongestion} compares with. */
export interface PersistentCongestionLimits {
  /** How long a run of losses has to be, in ms (RFC 9002 §7.6.1). */
  readonly durationMs: number;
  /** When the path was first measured; `undefined` when it never was. */
  readonly firstRttSampleAt: Instant | undefined;
}

/**
 * Whether losses show persistent congestion: everything sent over a long time
 * was lost (RFC 9002 §7.6.2). A missing packet number ends a run, since that
 * packet may have been acknowledged.
 *
 * @param lost Packets declared lost together, in ascending order.
 * @param limits How long is long, and since when the path was measured.
 * @returns Whether the window should collapse to its minimum.
 */
export function isPersistentCongestion(
  lost: readonly SentPacket[],
  limits: PersistentCongestionLimits,
): boolean {
  const { durationMs, firstRttSampleAt } = limits;
  if (firstRttSampleAt === undefined) return false;
  let runStartedAt: Instant | undefined;
  let previousNumber = -1;
  for (const packet of lost) {
    if (packet.packetNumber !== previousNumber + 1) runStartedAt = undefined;
    previousNumber = packet.packetNumber;
    // both ends must be ack-eliciting, and sent after the first sample
    if (!packet.isAckEliciting || packet.sentAt <= firstRttSampleAt) continue;
    runStartedAt ??= packet.sentAt;
    if (packet.sentAt - runStartedAt > durationMs) return true;
  }
  return false;
}

/**
 * Loss detection of one packet number space. It owns the packets between
 * `onPacketSent` and the moment they are handed back as acknowledged or lost.
 */
export class LossDetector {
  readonly #rtt: RttEstimator;
  readonly #tolerance: ReorderingTolerance;
  readonly #maxPtoMs: number;
  readonly #sent: SentPackets = new SentPackets();
  /** Number of the first packet on the path in use. */
  #pathStart = 0;
  /** Nearly always there are none. */
  #recentLosses: RecentLosses | undefined;
  /** Numbers between sent ones that were left out: nobody may acknowledge them. */
  readonly #skipped: Range[] = [];
  #nextPacketNumber = 0;
  #largestAcked = -1;
  #lossAt: Instant | undefined;
  /** Start of the PTO period: last ack-eliciting packet, or last expiry. */
  #ptoFrom: Instant = 0;
  #ptoCount = 0;
  /** When the first packet was sent that is owed an answer since; never: Infinity. */
  #owedSince: Instant = Infinity;
  #firstRttSampleAt: Instant | undefined;

  /**
   * Starts with nothing sent.
   *
   * @param rtt Estimator of the path; it gets the samples found here.
   * @param options Thresholds.
   */
  constructor(rtt: RttEstimator, options: LossDetectorOptions = {}) {
    this.#rtt = rtt;
    this.#tolerance = new ReorderingTolerance(options);
    this.#maxPtoMs = options.maxPtoMs ?? MAX_PTO_MS;
    assert(this.#maxPtoMs > 0, "a probe timeout is positive");
  }

  /** Sum of the sizes of the packets in flight. */
  get bytesInFlight(): number {
    return this.#sent.bytesInFlight;
  }

  /** How many packets in flight the peer must acknowledge. */
  get ackElicitingInFlight(): number {
    return this.#sent.ackElicitingInFlight;
  }

  /** Largest packet number acknowledged so far, if any. */
  get largestAcked(): number | undefined {
    return this.#largestAcked < 0 ? undefined : this.#largestAcked;
  }

  /** How many probe timeouts expired since the last acknowledgement. */
  get ptoCount(): number {
    return this.#ptoCount;
  }

  /**
   * How many probe timeouts have passed since the peer owes an acknowledgement,
   * also those that did not expire: each packet that is sent begins a new one.
   *
   * @param now The time.
   */
  countUnansweredProbes(now: Instant): number {
    const periods = (now - this.#owedSince) / this.#rtt.ptoMs;
    // each is twice as long as the one before
    return periods < 1
      ? this.#ptoCount
      : Math.max(this.#ptoCount, Math.floor(Math.log2(periods + 1)));
  }

  /**
   * The oldest packet that the peer still owes an acknowledgement for: what a
   * probe had best repeat (RFC 9002 §6.2.4). It stays remembered.
   */
  get oldestAckEliciting(): SentPacket | undefined {
    if (this.#sent.ackElicitingInFlight === 0) return undefined;
    for (const packet of this.#sent) {
      if (packet.isAckEliciting && packet.isInFlight) return packet;
    }
    return undefined;
  }

  /**
   * When to call {@linkcode LossDetector.handleTimeout}: the time threshold of
   * a packet that may be lost, otherwise the probe timeout, otherwise never.
   */
  get deadline(): Instant | undefined {
    // RFC 9002 §6.2.1: no PTO while the time threshold runs
    if (this.#lossAt !== undefined) return this.#lossAt;
    if (this.#sent.ackElicitingInFlight === 0) return undefined;
    return this.#ptoFrom + this.#ptoPeriodMs();
  }

  /**
   * Remembers a packet. Every packet has to be reported, also those that carry
   * acknowledgements only: a number left out counts as never sent.
   *
   * @param packet Its number must be above the previous one. Ownership passes
   * here until it is handed back.
   */
  onPacketSent(packet: SentPacket): void {
    const { packetNumber } = packet;
    const next = this.#nextPacketNumber;
    assert(packetNumber >= next, "packets are sent in packet number order");
    this.#sent.add(packet);
    // numbers before the first one belong to another packet number space
    if (packetNumber > next && next > 0) {
      this.#skipped.push({ start: next, end: packetNumber });
      if (this.#skipped.length > MAX_SKIPPED_RANGES) this.#skipped.shift();
    }
    this.#nextPacketNumber = packetNumber + 1;
    if (packet.isAckEliciting && packet.isInFlight) {
      this.#ptoFrom = packet.sentAt;
      if (this.#owedSince === Infinity) this.#owedSince = packet.sentAt;
    }
  }

  /**
   * Takes an acknowledgement. The cost depends on the packets it newly
   * acknowledges, not on the width of its ranges; repeating one is harmless.
   *
   * @param now The time.
   * @param ack Authenticated, but not believed.
   * @returns What was acknowledged and what is lost now.
   * @throws {TransportError} `PROTOCOL_VIOLATION` when it acknowledges a number
   * that was never sent; nothing has changed then.
   */
  handleAck(now: Instant, ack: ReceivedAck): AckOutcome {
    this.#checkRanges(ack);
    const acked: SentPacket[] = [];
    const { ranges } = ack;
    const spurious = this.#recentLosses === undefined
      ? NO_SPURIOUS_LOSSES
      : this.#findSpurious(now, ranges, this.#recentLosses);
    for (let index = ranges.length - 1; index >= 0; index--) {
      const oldest = this.#sent.oldest;
      if (oldest === undefined) break;
      const range = ranges[index]!;
      if (range.end <= oldest.packetNumber) continue;
      this.#sent.takeRange(range.start, range.end, acked);
    }
    if (acked.length === 0) {
      return { acked, lost: NO_PACKETS, spurious, isRttSampled: false };
    }
    const newest = acked[acked.length - 1]!;
    const lateBy = this.#largestAcked - acked[0]!.packetNumber;
    if (lateBy > 0) this.#tolerance.onLatePacket(lateBy);
    if (newest.packetNumber > this.#largestAcked) {
      this.#largestAcked = newest.packetNumber;
    }
    const isRttSampled = this.#sampleRtt(now, ack, acked);
    const lost = this.#detectLost(now);
    this.#resetPto();
    return { acked, lost, spurious, isRttSampled };
  }

  /**
   * Acts on a deadline that has passed.
   *
   * @param now The time.
   * @returns `lost` when the time threshold expired (with an empty list when
   * nothing was due yet), or `probe` when one or two ack-eliciting packets have
   * to be sent now, whatever the congestion window says (RFC 9002 §6.2.4); after
   * {@linkcode MAX_REMEMBERED_PROBE_TIMEOUTS} with the oldest ones, given up.
   */
  handleTimeout(now: Instant): TimeoutOutcome {
    const deadline = this.deadline;
    if (deadline === undefined || now < deadline) {
      return { type: "lost", lost: NO_PACKETS };
    }
    if (this.#lossAt !== undefined) {
      return { type: "lost", lost: this.#detectLost(now) };
    }
    this.#ptoCount++;
    // counted from now, so that a probe which could not be sent does not leave
    // a deadline in the past
    this.#ptoFrom = now;
    const isTooMany = this.#ptoCount > MAX_REMEMBERED_PROBE_TIMEOUTS &&
      this.#sent.ackElicitingInFlight > MAX_REMEMBERED_PROBES;
    return isTooMany
      ? { type: "probe", lost: this.#giveUpOldest() }
      : { type: "probe" };
  }

  /**
   * What is sent from now on takes another path. What took one before the path
   * that is left now is given up: a peer that moves and never acknowledges would
   * have all of it remembered.
   *
   * @returns The packets given up, in ascending order.
   */
  startPath(): readonly SentPacket[] {
    const givenUp: SentPacket[] = [];
    this.#sent.takeRange(0, this.#pathStart, givenUp);
    this.#pathStart = this.#nextPacketNumber;
    this.#firstRttSampleAt = undefined;
    this.#recentLosses = undefined;
    this.#tolerance.reset();
    return givenUp;
  }

  /** The congestion window was reduced for losses: once in a round trip at most. */
  onCongestionEvent(): void {
    this.#tolerance.onCongestionEvent();
  }

  /**
   * Whether a packet took the path in use.
   *
   * @param packet A packet that was sent.
   */
  isOnPath(packet: SentPacket): boolean {
    return packet.packetNumber >= this.#pathStart;
  }

  /**
   * {@linkcode isPersistentCongestion} with the limits of this path.
   *
   * @param lost Packets declared lost together, in ascending order.
   */
  isPersistentCongestion(lost: readonly SentPacket[]): boolean {
    if (lost.length < 2) return false;
    return isPersistentCongestion(lost, {
      durationMs: this.#rtt.ptoMs * PERSISTENT_CONGESTION_THRESHOLD,
      firstRttSampleAt: this.#firstRttSampleAt,
    });
  }

  /** Hands everything back, in ascending order, and stops the timers. */
  discardAll(): SentPacket[] {
    this.#lossAt = undefined;
    this.#recentLosses = undefined;
    this.#resetPto();
    return this.#sent.takeAll();
  }

  #resetPto(): void {
    this.#ptoCount = 0;
    this.#owedSince = Infinity;
  }

  // RFC 9002 §6.2.1: doubled at each expiry
  #ptoPeriodMs(): number {
    const baseMs = this.#rtt.ptoMs;
    const backedOffMs = baseMs * 2 ** this.#ptoCount;
    return Math.max(baseMs, Math.min(backedOffMs, this.#maxPtoMs));
  }

  // RFC 9000 §13.1, §21.4: an acknowledgement of what was never sent
  #checkRanges(ack: ReceivedAck): void {
    const { ranges } = ack;
    if (ack.largest >= this.#nextPacketNumber) this.#refuse(ack.largest);
    for (let index = 0; index < ranges.length; index++) {
      const range = ranges[index]!;
      if (range.end > this.#nextPacketNumber) this.#refuse(range.end - 1);
      for (let at = this.#skipped.length - 1; at >= 0; at--) {
        const skipped = this.#skipped[at]!;
        if (skipped.end <= range.start) break;
        if (skipped.start < range.end) this.#refuse(skipped.start);
      }
    }
  }

  #refuse(packetNumber: number): never {
    throw new TransportError(
      "PROTOCOL_VIOLATION",
      `Ack: packet ${packetNumber} was never sent`,
      { fault: "peer" },
    );
  }

  // RFC 9002 §5.1: only from the largest number, if new, and if any of the
  // newly acknowledged packets was ack-eliciting
  #sampleRtt(
    now: Instant,
    ack: ReceivedAck,
    acked: readonly SentPacket[],
  ): boolean {
    const newest = acked[acked.length - 1]!;
    if (newest.packetNumber !== ack.largest || !this.isOnPath(newest)) {
      return false;
    }
    let index = acked.length - 1;
    while (index >= 0 && !acked[index]!.isAckEliciting) index--;
    if (index < 0) return false;
    this.#rtt.handleSample(Math.max(0, now - newest.sentAt), ack.delayMs);
    this.#firstRttSampleAt ??= now;
    return true;
  }

  // RFC 9002 §6.1.1: what was taken for lost was reordered only
  #findSpurious(
    now: Instant,
    ranges: readonly Range[],
    recent: RecentLosses,
  ): readonly SpuriousLoss[] {
    const memoryMs = LOSS_MEMORY_PTO_COUNT *
      Math.min(this.#rtt.ptoMs, this.#maxPtoMs);
    recent.forgetBefore(now - memoryMs);
    const arrived = recent.take(ranges);
    if (recent.size === 0) this.#recentLosses = undefined;
    if (arrived.length === 0) return NO_SPURIOUS_LOSSES;
    // a threshold in units of less than the granularity has no effect
    const rttMs = Math.max(this.#lossRttMs(), this.#rtt.granularityMs);
    const spurious: SpuriousLoss[] = [];
    for (const { packetNumber, sentAt } of arrived) {
      const reorderingPackets = this.#largestAcked - packetNumber;
      const roundTripMs = now - sentAt;
      this.#tolerance.onSpuriousLoss(reorderingPackets, roundTripMs / rttMs);
      spurious.push({ packetNumber, reorderingPackets, roundTripMs });
    }
    return spurious;
  }

  #rememberLoss(packet: SentPacket): void {
    const { packetNumber, sentAt } = packet;
    if (!packet.isInFlight || packet.isMtuProbe || !this.isOnPath(packet)) {
      return;
    }
    this.#recentLosses ??= new RecentLosses();
    this.#recentLosses.add({ packetNumber, sentAt });
  }

  /** RTT that the time threshold counts in. */
  #lossRttMs(): number {
    const { latestRttMs, smoothedRttMs } = this.#rtt;
    return Math.max(latestRttMs, smoothedRttMs);
  }

  /** As many as take their place, and those in between that nobody waits for. */
  #giveUpOldest(): readonly SentPacket[] {
    const givenUp: SentPacket[] = [];
    for (let count = 0; count < PROBE_PACKET_COUNT;) {
      const packet = this.#sent.takeOldest();
      if (packet === undefined) break;
      if (packet.isAckEliciting && packet.isInFlight) count++;
      givenUp.push(packet);
    }
    return givenUp;
  }

  // RFC 9002 §6.1. Send times rise with the numbers, so that the lost packets
  // are always the oldest ones.
  #detectLost(now: Instant): readonly SentPacket[] {
    this.#lossAt = undefined;
    const { packetThreshold, timeThreshold } = this.#tolerance;
    const lossDelayMs = Math.max(
      timeThreshold * this.#lossRttMs(),
      this.#rtt.granularityMs,
    );
    let lost: SentPacket[] | undefined;
    for (;;) {
      const packet = this.#sent.oldest;
      if (
        packet === undefined || packet.packetNumber >= this.#largestAcked
      ) break;
      const lossAt = packet.sentAt + lossDelayMs;
      // RFC 9002 §6.1.1 packet threshold, §6.1.2 time threshold
      if (
        packet.packetNumber > this.#largestAcked - packetThreshold &&
        lossAt > now
      ) {
        this.#lossAt = lossAt;
        break;
      }
      this.#sent.takeOldest();
      this.#rememberLoss(packet);
      (lost ??= []).push(packet);
    }
    return lost ?? NO_PACKETS;
  }
}

/**
 * Which packets arrived, and when to say so (RFC 9000 §13.2).
 *
 * @module
 */
import { assert } from "../../internal/assert.ts";
import type { ByteWriter } from "../../internal/byte_writer.ts";
import type { Instant } from "../../internal/instant.ts";
import { type Range, RangeSet } from "../../internal/range_set.ts";
import {
  type AckFrequencyFrame,
  encodeAckFrame,
  fitAckFrame,
} from "../../protocol/frame/mod.ts";
import {
  DEFAULT_ACK_ELICITING_THRESHOLD,
  DEFAULT_MAX_ACK_DELAY_MS,
  DEFAULT_MAX_ACK_RANGES,
} from "./config.ts";
import type { LimitName } from "./limits.ts";
import type { SentFrame } from "./sent_frame.ts";

/** Options of an {@linkcode AckTracker}. */
export interface AckTrackerOptions {
  /**
   * Longest time an acknowledgement is held back, in ms.
   *
   * @default {DEFAULT_MAX_ACK_DELAY_MS}
   */
  readonly maxAckDelayMs?: number;
  /**
   * How many ack-eliciting packets call for an acknowledgement. On a path where
   * a datagram costs more than a late acknowledgement, a quarter of a window is
   * better than two packets.
   *
   * @default {DEFAULT_ACK_ELICITING_THRESHOLD}
   */
  readonly ackElicitingThreshold?: number;
  /**
   * How many ranges are remembered; past it, the lowest one is forgotten.
   *
   * @default {DEFAULT_MAX_ACK_RANGES}
   */
  readonly maxRanges?: number;
  /** Called when one is forgotten. */
  readonly onLimit?: (limit: LimitName) => void;
}

/** What an Ack frame says. */
export interface AckReport {
  /** Largest packet number received. */
  readonly largest: number;
  /** Time since that packet arrived, in microseconds, a whole number. */
  readonly delayMicros: number;
  /** Half-open ranges of packet numbers, in descending order; a copy. */
  readonly ranges: Range[];
}

/** Remembers what arrived and decides when to acknowledge it. */
export class AckTracker {
  /** What is in force: the options, until the peer asks for less or more. */
  #maxAckDelayMs: number;
  #ackElicitingThreshold: number;
  #reorderingThreshold = 1;
  #frequencySequence = -1;
  /** What was promised: never longer. */
  readonly #longestAckDelayMs: number;
  readonly #maxRanges: number;
  readonly #onLimit: ((limit: LimitName) => void) | undefined;
  readonly #received: RangeSet = new RangeSet();
  #largest = -1;
  #largestReceivedAt: Instant = 0;
  #largestAckEliciting = -1;
  /** Largest number of the last acknowledgement. */
  #largestReported = -1;
  /** Lowest number that no acknowledgement has reported yet. */
  #lowestUnreported = Infinity;
  /** Highest number since then that arrived after larger ones were reported. */
  #highestLate = -1;
  /** Numbers below need not be reported any more. */
  #prunedBelow = 0;
  #pendingCount = 0;
  #deadline: Instant | undefined;
  #droppedRangeCount = 0;

  /**
   * Starts with nothing received.
   *
   * @param options Delay, threshold and bound.
   */
  constructor(options: AckTrackerOptions = {}) {
    this.#maxAckDelayMs = options.maxAckDelayMs ?? DEFAULT_MAX_ACK_DELAY_MS;
    this.#longestAckDelayMs = this.#maxAckDelayMs;
    this.#ackElicitingThreshold = options.ackElicitingThreshold ??
      DEFAULT_ACK_ELICITING_THRESHOLD;
    this.#maxRanges = options.maxRanges ?? DEFAULT_MAX_ACK_RANGES;
    this.#onLimit = options.onLimit;
    assert(this.#maxAckDelayMs >= 0, "an ack delay is not negative");
    assert(this.#ackElicitingThreshold >= 1, "an ack threshold is at least 1");
    assert(this.#maxRanges >= 1, "an acknowledgement has a range");
  }

  /** Whether an ack-eliciting packet arrived since the last acknowledgement. */
  get hasPending(): boolean {
    return this.#pendingCount > 0;
  }

  /**
   * Takes the peer's wish. The newest one holds; an older one is late.
   *
   * @param frame Thresholds of 1 or more, and a delay, which is never more than
   * what was promised.
   */
  handleFrequency(frame: Omit<AckFrequencyFrame, "type">): void {
    if (frame.sequence <= this.#frequencySequence) return;
    this.#frequencySequence = frame.sequence;
    this.#ackElicitingThreshold = frame.threshold;
    this.#reorderingThreshold = frame.reorderingThreshold;
    this.#maxAckDelayMs = Math.min(
      frame.maxAckDelayMicros / 1_000,
      this.#longestAckDelayMs,
    );
  }

  /** When an acknowledgement has to be sent, even alone; in the past if now. */
  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** How many ranges were forgotten because of the bound. */
  get droppedRangeCount(): number {
    return this.#droppedRangeCount;
  }

  /**
   * A packet arrived that was authenticated, is no replay, and whose frames
   * were all accepted.
   *
   * @param now The time.
   * @param packetNumber Its number.
   * @param isAckEliciting Whether the peer waits for its acknowledgement.
   * @param isUrgent Whether it asked for it at once: a probe.
   */
  handlePacket(
    now: Instant,
    packetNumber: number,
    isAckEliciting: boolean,
    isUrgent = false,
  ): void {
    this.#received.add(packetNumber, packetNumber + 1);
    if (packetNumber > this.#largest) {
      this.#largest = packetNumber;
      this.#largestReceivedAt = now;
    }
    if (packetNumber < this.#lowestUnreported) {
      this.#lowestUnreported = packetNumber;
    }
    if (packetNumber < this.#largestReported) {
      this.#highestLate = Math.max(this.#highestLate, packetNumber);
    }
    if (isAckEliciting) {
      this.#handleAckEliciting(now, packetNumber, isUrgent);
    }
    if (isAckEliciting && isUrgent) this.#deadline = now;
    if (this.#received.rangeCount > this.#maxRanges) {
      this.#forgetRange();
      this.#droppedRangeCount++;
      this.#onLimit?.("maxAckRanges");
    }
  }

  /**
   * Whether an acknowledgement has to be sent now, even alone.
   *
   * @param now The time.
   */
  isAckDue(now: Instant): boolean {
    return this.#deadline !== undefined && now >= this.#deadline;
  }

  /**
   * What an acknowledgement would say now.
   *
   * @param now The time.
   * @returns The report, or `undefined` when nothing has arrived at all.
   */
  buildAck(now: Instant): AckReport | undefined {
    if (this.#largest < 0) return undefined;
    const received = this.#received.ranges;
    const ranges: Range[] = [];
    for (let index = received.length - 1; index >= 0; index--) {
      const { start, end } = received[index]!;
      ranges.push({ start, end });
    }
    const delayMs = Math.max(0, now - this.#largestReceivedAt);
    return {
      largest: this.#largest,
      delayMicros: Math.floor(delayMs * 1000),
      ranges,
    };
  }

  /**
   * Writes an acknowledgement, if anything waits for one.
   *
   * @param now The time.
   * @param writer Where to write.
   * @param room Offset that must not be passed, and where the record goes.
   * @returns Whether one was written.
   */
  writeFrame(
    now: Instant,
    writer: ByteWriter,
    room: { readonly limit: number; readonly sent: SentFrame[] },
  ): boolean {
    const ack = this.hasPending ? this.buildAck(now) : undefined;
    if (ack === undefined) return false;
    // Little may be sent to an address that is not proven: the newest then.
    const fitting = fitAckFrame(ack, room.limit - writer.offset);
    if (fitting === undefined) return false;
    encodeAckFrame(writer, fitting);
    this.onAckSent(now);
    // What was left out is forgotten only when an ack that says it has arrived.
    if (fitting === ack) room.sent.push({ type: "ack", largest: ack.largest });
    return true;
  }

  /**
   * An acknowledgement was sent, alone or with other frames.
   *
   * @param _now The time.
   */
  onAckSent(_now: Instant): void {
    this.#pendingCount = 0;
    this.#deadline = undefined;
    this.#lowestUnreported = Infinity;
    this.#highestLate = -1;
    this.#largestReported = this.#largest;
  }

  /**
   * The peer acknowledged a packet with an Ack frame in it: what that frame
   * reported need not be repeated (RFC 9000 §13.2.4). The largest packet number
   * stays, and so does what arrived since the last acknowledgement.
   *
   * @param largest Largest packet number of that frame.
   */
  onAckAcked(largest: number): void {
    const below = Math.min(largest + 1, this.#largest, this.#lowestUnreported);
    if (below <= this.#prunedBelow) return;
    this.#prunedBelow = below;
    this.#received.remove(0, below);
  }

  /**
   * RFC 9000 §13.2.3: limits the ranges, the oldest go first. What came late and
   * is not reported yet is spared where there is another range that was: on a path
   * that reorders, all that is late would be forgotten the moment it arrives.
   */
  #forgetRange(): void {
    const received = this.#received;
    if (
      this.#highestLate >= 0 && received.first!.end > this.#lowestUnreported
    ) {
      const index = received.indexFrom(this.#highestLate + 1) + 1;
      const next = received.ranges[index];
      if (next !== undefined && next.end <= this.#largestReported) {
        received.remove(next.start, next.end);
        return;
      }
    }
    received.shift();
  }

  #handleAckEliciting(
    now: Instant,
    packetNumber: number,
    isUrgent: boolean,
  ): void {
    this.#pendingCount++;
    if (
      isUrgent || this.#pendingCount >= this.#ackElicitingThreshold ||
      this.#isOutOfOrder(packetNumber)
    ) {
      this.#deadline = Math.min(this.#deadline ?? now, now);
    } else {
      // RFC 9000 §13.2.1: from the first packet that waits
      this.#deadline ??= now + this.#maxAckDelayMs;
    }
    if (packetNumber > this.#largestAckEliciting) {
      this.#largestAckEliciting = packetNumber;
    }
  }

  // RFC 9000 §13.2.1: below an ack-eliciting packet, or after a gap behind it
  #isOutOfOrder(packetNumber: number): boolean {
    if (this.#reorderingThreshold > 1) {
      // A number that was reported missing is about to be given up.
      return packetNumber < this.#largestReported ||
        this.#isGapWide(packetNumber);
    }
    if (packetNumber < this.#largestAckEliciting) return true;
    const { start } = this.#received.last!;
    return packetNumber < start ||
      start > Math.max(this.#largestAckEliciting + 1, this.#prunedBelow);
  }

  // draft-ietf-quic-ack-frequency §6.2: a number that is missing, and was not
  // reported as such, is far below the largest one
  #isGapWide(packetNumber: number): boolean {
    const largest = Math.max(packetNumber, this.#largestAckEliciting);
    let missing = Math.max(
      this.#largestReported - this.#reorderingThreshold + 1,
      this.#prunedBelow,
      0,
    );
    for (const { start, end } of this.#received.ranges) {
      if (missing < start) break;
      if (missing < end) missing = end;
    }
    return largest - missing >= this.#reorderingThreshold;
  }
}

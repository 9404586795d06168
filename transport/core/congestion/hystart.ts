/**
 * HyStart++ (RFC 9406): ends slow start when the round-trip time rises, before
 * the queue that makes it rise overflows.
 *
 * Without it slow start ends by loss, with a window of up to twice what the
 * path carries: that is half a window of losses to repair.
 *
 * @module
 */
import type { Instant } from "../../../internal/instant.ts";

/** Smallest rise that counts, in ms (RFC 9406 §4.3, MIN_RTT_THRESH). */
export const MIN_RTT_THRESHOLD_MS = 4;
/** Rise that always counts, in ms (RFC 9406 §4.3, MAX_RTT_THRESH). */
export const MAX_RTT_THRESHOLD_MS = 16;
/** Part of the RTT that counts as a rise (RFC 9406 §4.3, MIN_RTT_DIVISOR). */
export const MIN_RTT_DIVISOR = 8;
/** Samples without which a round says nothing (RFC 9406 §4.3, N_RTT_SAMPLE). */
export const MIN_ROUND_SAMPLES = 8;
/** How much slower conservative slow start grows (RFC 9406 §4.3, CSS_GROWTH_DIVISOR). */
export const CSS_GROWTH_DIVISOR = 4;
/** Rounds of conservative slow start (RFC 9406 §4.3, CSS_ROUNDS). */
export const CSS_ROUNDS = 5;

/**
 * Watches the RTT, round by round, during one slow start.
 *
 * A rise leads to conservative slow start: growth at a quarter of the speed,
 * for five rounds. If the RTT falls again meanwhile, the rise was jitter and
 * slow start goes on; if not, slow start is done.
 *
 * RFC 9406 §4.2 also limits what one acknowledgement may add (`L`), to 8
 * datagrams without pacing and to nothing with it. There is no limit here: the
 * pacer spreads what the window allows, and where it does not, below an RTT of
 * 1 ms, the peer's receive buffer bounds every burst (`receive_buffer.ts`).
 */
export class HyStart {
  #largestSent = -1;
  /** RFC 9406 §4.2 windowEnd: the round ends when this packet, or a later one, arrives. */
  #roundEnd = 0;
  #roundMinRttMs = Infinity;
  #lastRoundMinRttMs = Infinity;
  #sampleCount = 0;
  #sampledAt: Instant = -Infinity;
  /** RFC 9406 §4.2 cssBaselineMinRtt: below it, the rise was jitter. */
  #baselineRttMs = Infinity;
  /** Rounds of conservative slow start so far, the begun one included. */
  #conservativeRounds = 0;

  /** Whether the window grows at a quarter of the speed (RFC 9406 §4.2, CSS). */
  get isConservative(): boolean {
    return this.#conservativeRounds > 0;
  }

  /** Whether slow start ends here. */
  get isDone(): boolean {
    return this.#conservativeRounds > CSS_ROUNDS;
  }

  /**
   * A packet was sent.
   *
   * @param packetNumber Its number, above all the earlier ones.
   */
  onPacketSent(packetNumber: number): void {
    this.#largestSent = packetNumber;
  }

  /**
   * A packet was newly acknowledged.
   *
   * @param now The time: packets acknowledged together count as one sample.
   * @param packetNumber Its number.
   * @param rttMs Sample of this acknowledgement, in ms.
   */
  onPacketAcked(now: Instant, packetNumber: number, rttMs: number): void {
    if (packetNumber >= this.#roundEnd) this.#startRound();
    if (this.isDone || now <= this.#sampledAt) return;
    this.#sampledAt = now;
    this.#sampleCount++;
    this.#roundMinRttMs = Math.min(this.#roundMinRttMs, rttMs);
    if (this.#sampleCount >= MIN_ROUND_SAMPLES) this.#judge();
  }

  #judge(): void {
    if (this.isConservative) {
      if (this.#roundMinRttMs < this.#baselineRttMs) {
        this.#baselineRttMs = Infinity;
        this.#conservativeRounds = 0;
      }
      return;
    }
    const thresholdMs = Math.max(
      MIN_RTT_THRESHOLD_MS,
      Math.min(this.#lastRoundMinRttMs / MIN_RTT_DIVISOR, MAX_RTT_THRESHOLD_MS),
    );
    // never true in the first round, which has nothing to compare with
    if (this.#roundMinRttMs >= this.#lastRoundMinRttMs + thresholdMs) {
      this.#baselineRttMs = this.#roundMinRttMs;
      this.#conservativeRounds = 1;
    }
  }

  #startRound(): void {
    this.#roundEnd = this.#largestSent + 1;
    this.#lastRoundMinRttMs = this.#roundMinRttMs;
    this.#roundMinRttMs = Infinity;
    this.#sampleCount = 0;
    // RFC 9406 §4.2: the round in which it began counts
    if (this.isConservative) this.#conservativeRounds++;
  }
}

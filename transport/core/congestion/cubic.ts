/**
 * CUBIC congestion control (RFC 9438), counting in bytes. The first slow start
 * ends by HyStart++ (RFC 9406), before the path has to lose packets for it.
 *
 * @module
 */
import type { Instant } from "../../../internal/instant.ts";
import { CongestionWindow } from "./congestion_window.ts";
import type {
  CongestionController,
  CongestionControllerOptions,
  PacketInFlight,
  PathRtt,
} from "./controller.ts";
import { CSS_GROWTH_DIVISOR, HyStart } from "./hystart.ts";

/** How fast the window grows, in datagrams per second cubed (RFC 9438 §5, C). */
const CUBIC_C = 0.4;
/** What is left of the window after a loss (RFC 9438 §4.6, beta_cubic). */
const CUBIC_BETA = 0.7;
/** Growth per RTT of a Reno that backs off by `CUBIC_BETA` (RFC 9438 §4.3, alpha_cubic). */
const RENO_ALPHA = 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA);
/** Largest step towards the target within an RTT (RFC 9438 §4.2). */
const MAX_TARGET_FACTOR = 1.5;

/** Where the curve was that a reduction has ended. */
interface PriorCurve {
  readonly hystart: HyStart | undefined;
  readonly plateauBytes: number;
  readonly priorWindowBytes: number;
  /** `undefined` also when the datagrams have another size since. */
  epochStartedAt: Instant | undefined;
  readonly epochSeenAt: Instant;
  readonly plateauAfterSeconds: number;
  readonly renoWindowBytes: number;
}

/**
 * CUBIC with fast convergence, a Reno-friendly region, and no growth while the
 * application is the limit. The window stays between two datagrams and the
 * maximum (or at the maximum, should that be less than two datagrams).
 */
export class Cubic implements CongestionController {
  readonly #window: CongestionWindow;
  /** Only in the first slow start: later ones know where to end (RFC 9406 §4.3). */
  #hystart: HyStart | undefined = new HyStart();
  /** RFC 9438 §4.1 W_max: window before the last reduction, or less. */
  #plateauBytes = 0;
  /** RFC 9438 §4.1 cwnd_prior: window before the last reduction. */
  #priorWindowBytes = 0;
  /** RFC 9438 §4.1 t_epoch: start of congestion avoidance, pauses taken out. */
  #epochStartedAt: Instant | undefined;
  /** Until when the epoch's clock has been accounted for. */
  #epochSeenAt: Instant = 0;
  /** RFC 9438 §4.2 K: seconds from the epoch's start to the plateau. */
  #plateauAfterSeconds = 0;
  /** RFC 9438 §4.3 W_est: the window that Reno would have. */
  #renoWindowBytes = 0;
  /** Before the last reduction. */
  #prior: PriorCurve | undefined;

  /**
   * Starts in slow start.
   *
   * @param options Sizes.
   */
  constructor(options: CongestionControllerOptions = {}) {
    this.#window = new CongestionWindow(options);
  }

  /** How many bytes may be in flight: a whole number. */
  get windowBytes(): number {
    return Math.floor(this.#window.bytes);
  }

  /** Window at which slow start ends, in bytes; `Infinity` while unknown. */
  get slowStartThresholdBytes(): number {
    return this.#window.slowStartThresholdBytes;
  }

  /** Whether the window is below the slow start threshold. */
  get isInSlowStart(): boolean {
    return this.#window.isInSlowStart;
  }

  /** Accounts for a pause when nothing else was in flight. */
  onPacketSent(
    now: Instant,
    packet: PacketInFlight,
    bytesInFlight: number,
  ): void {
    // one that may go on counts its rounds by what is sent meanwhile
    const hystart = this.#hystart ?? this.#prior?.hystart;
    hystart?.onPacketSent(packet.packetNumber);
    // RFC 9438 §4.2: time in which nothing was sent does not grow the window
    if (bytesInFlight <= packet.sizeBytes) this.#skipEpochTo(now);
  }

  /** Grows the window, unless in recovery, app-limited or at the maximum. */
  onPacketAcked(
    now: Instant,
    packet: PacketInFlight,
    rtt: PathRtt,
    isAppLimited: boolean,
  ): void {
    // RFC 9002 §7.3.2: no growth from packets sent before or in recovery
    if (this.#window.isInRecovery(packet.sentAt)) return;
    if (isAppLimited) {
      // RFC 9438 §4.2, RFC 9002 §7.8
      this.#skipEpochTo(now);
    } else if (this.isInSlowStart) {
      this.#startSlowly(packet.sizeBytes);
    } else {
      this.#avoidCongestion(now, packet.sizeBytes, rtt.smoothedRttMs);
    }
    this.#watchDelay(now, packet, rtt.latestRttMs);
  }

  /** Reduces the window to 0.7 of itself, once per round trip. */
  onCongestionEvent(now: Instant, largestLostSentAt: Instant): boolean {
    if (this.#window.isInRecovery(largestLostSentAt)) return false;
    this.#prior = {
      hystart: this.#hystart,
      plateauBytes: this.#plateauBytes,
      priorWindowBytes: this.#priorWindowBytes,
      epochStartedAt: this.#epochStartedAt,
      epochSeenAt: this.#epochSeenAt,
      plateauAfterSeconds: this.#plateauAfterSeconds,
      renoWindowBytes: this.#renoWindowBytes,
    };
    const window = this.#window.bytes;
    this.#priorWindowBytes = window;
    // RFC 9438 §4.7: leave room for newer flows when the plateau sinks
    this.#plateauBytes = window < this.#plateauBytes
      ? window * (1 + CUBIC_BETA) / 2
      : window;
    // RFC 9438 §4.6
    this.#window.reduce(now, CUBIC_BETA);
    this.#hystart = undefined;
    this.#epochStartedAt = undefined;
    return true;
  }

  /** Takes the last reduction back, and the end of the first slow start with it. */
  undoCongestionEvent(now: Instant): void {
    const prior = this.#prior;
    if (prior === undefined || !this.#window.restore()) return;
    this.#prior = undefined;
    this.#hystart = prior.hystart;
    this.#plateauBytes = prior.plateauBytes;
    this.#priorWindowBytes = prior.priorWindowBytes;
    this.#plateauAfterSeconds = prior.plateauAfterSeconds;
    this.#renoWindowBytes = prior.renoWindowBytes;
    // the curve goes on where it stood: the time since has grown nothing
    this.#epochStartedAt = prior.epochStartedAt;
    this.#epochSeenAt = prior.epochSeenAt;
    this.#skipEpochTo(now);
  }

  /** Falls back to the smallest window and slow start. */
  onPersistentCongestion(_now: Instant): void {
    this.#window.collapse();
    // RFC 9438 §4.8: the plateau found before says nothing now
    this.#plateauBytes = 0;
    this.#priorWindowBytes = 0;
    this.#epochStartedAt = undefined;
  }

  /** Takes a new datagram size; the window is raised to two of them. */
  setMaxDatagramBytes(maxDatagramBytes: number): void {
    this.#window.maxDatagramBytes = maxDatagramBytes;
    // the curve is scaled by the datagram size
    this.#epochStartedAt = undefined;
    if (this.#prior !== undefined) this.#prior.epochStartedAt = undefined;
  }

  // RFC 9002 §7.3.1; RFC 9406 §4.2: with pacing, an acknowledgement of many
  // packets may count in full
  #startSlowly(ackedBytes: number): void {
    const divisor = this.#hystart?.isConservative ? CSS_GROWTH_DIVISOR : 1;
    this.#window.bytes += ackedBytes / divisor;
  }

  #watchDelay(now: Instant, packet: PacketInFlight, rttMs: number): void {
    if (this.#hystart === undefined) return;
    this.#hystart.onPacketAcked(now, packet.packetNumber, rttMs);
    if (!this.#hystart.isDone) return;
    // RFC 9406 §4.2: the window found is the threshold
    this.#window.slowStartThresholdBytes = this.#window.bytes;
    this.#hystart = undefined;
  }

  #avoidCongestion(now: Instant, ackedBytes: number, rttMs: number): void {
    if (this.#epochStartedAt === undefined) this.#startEpoch(now);
    this.#epochSeenAt = now;
    const window = this.#window.bytes;
    const seconds = (now - this.#epochStartedAt!) / 1000;
    const alpha = this.#renoWindowBytes < this.#priorWindowBytes
      ? RENO_ALPHA
      : 1;
    this.#renoWindowBytes = Math.min(
      this.#renoWindowBytes +
        alpha * this.#window.maxDatagramBytes * ackedBytes / window,
      this.#window.maxBytes,
    );
    if (this.#curveBytes(seconds) < this.#renoWindowBytes) {
      // RFC 9438 §4.3: Reno-friendly region
      this.#window.bytes = Math.max(window, this.#renoWindowBytes);
      return;
    }
    // RFC 9438 §4.2, §4.4, §4.5: towards where the curve is one RTT from now
    const target = Math.max(
      window,
      Math.min(
        this.#curveBytes(seconds + rttMs / 1000),
        MAX_TARGET_FACTOR * window,
      ),
    );
    this.#window.bytes = window + (target - window) * ackedBytes / window;
  }

  #startEpoch(now: Instant): void {
    const window = this.#window.bytes;
    this.#epochStartedAt = now;
    this.#renoWindowBytes = window;
    // RFC 9438 §4.8: without a loss before, the plateau is here
    if (this.#plateauBytes < window) this.#plateauBytes = window;
    // RFC 9438 §4.2
    this.#plateauAfterSeconds = Math.cbrt(
      (this.#plateauBytes - window) / (CUBIC_C * this.#window.maxDatagramBytes),
    );
  }

  /** RFC 9438 §4.2 W_cubic(t). */
  #curveBytes(seconds: number): number {
    const distance = seconds - this.#plateauAfterSeconds;
    return this.#plateauBytes +
      CUBIC_C * this.#window.maxDatagramBytes * distance * distance * distance;
  }

  /** Takes the time since the last acknowledgement out of the epoch. */
  #skipEpochTo(now: Instant): void {
    if (this.#epochStartedAt === undefined) return;
    this.#epochStartedAt += now - this.#epochSeenAt;
    this.#epochSeenAt = now;
  }
}

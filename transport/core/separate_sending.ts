/**
 * Whether datagrams of one size may leave as one message that the system cuts.
 *
 * On some paths all pieces of such a message are lost: a translator of addresses
 * on this machine, before a device without checksum offload, gives them wrong
 * checksums. The system reports nothing, and what is sent again is lost again. So
 * after a probe timeout datagrams leave separately for a while, and for longer when
 * one follows soon after that while; unless what was under way by then turns out to
 * have arrived, as where an end was held up.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";

/** The first time, in milliseconds. */
export const MIN_SEPARATE_MS = 10_000;

/**
 * The longest time, in milliseconds: a path that never carries them costs a probe
 * timeout each time.
 */
export const MAX_SEPARATE_MS = 600_000;

/** What one path has shown. */
export class SeparateSending {
  #startsAt: Instant = -Infinity;
  #endsAt: Instant = -Infinity;
  #durationMs = MIN_SEPARATE_MS;

  /**
   * Nothing was acknowledged in time.
   *
   * @param now The time.
   */
  onProbeTimeout(now: Instant): void {
    // What left separately is lost for another reason.
    if (this.isOn(now)) return;
    const hasLasted = now - this.#endsAt > this.#durationMs;
    this.#durationMs = hasLasted
      ? MIN_SEPARATE_MS
      : Math.min(4 * this.#durationMs, MAX_SEPARATE_MS);
    this.#startsAt = now;
    this.#endsAt = now + this.#durationMs;
  }

  /**
   * A packet has arrived.
   *
   * @param sentAt When it was sent.
   */
  onAcked(sentAt: Instant): void {
    if (sentAt >= this.#startsAt) return;
    this.#startsAt = this.#endsAt = -Infinity;
    this.#durationMs = MIN_SEPARATE_MS;
  }

  /**
   * Whether datagrams leave separately.
   *
   * @param now The time.
   */
  isOn(now: Instant): boolean {
    return now < this.#endsAt;
  }
}

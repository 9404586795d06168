/**
 * How many frames that cost work, and say little, a peer may send in a round
 * trip (RFC 9000 §21.9).
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { Frame } from "../../protocol/frame/mod.ts";
import { TransportError } from "./error.ts";

/** Shortest time that counts as a round trip: on loopback one takes microseconds. */
const MIN_ROUND_TRIP_MS = 10;

/**
 * Frames that other limits bound: what streams and datagrams carry, what is said
 * of one stream of those granted, and one acknowledgement for each packet.
 */
const UNCOUNTED: ReadonlySet<Frame["type"]> = new Set<Frame["type"]>([
  "ack",
  "close",
  "datagram",
  "padding",
  "reset-stream",
  "stop-sending",
  "stream",
  "stream-max-data",
]);

/** Counts the frames of one peer. */
export class FrameBudget {
  readonly #maxCount: number;
  #count = 0;
  #startedAt: Instant = -Infinity;

  /** @param maxCount How many in a round trip. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /**
   * Counts a frame.
   *
   * @param now The time.
   * @param type Its type.
   * @param roundTripMs What a round trip takes.
   * @throws {TransportError} `LIMIT` for one too many.
   */
  take(now: Instant, type: Frame["type"], roundTripMs: number): void {
    if (UNCOUNTED.has(type)) return;
    if (now - this.#startedAt >= Math.max(roundTripMs, MIN_ROUND_TRIP_MS)) {
      this.#startedAt = now;
      this.#count = 0;
    }
    if (++this.#count <= this.#maxCount) return;
    throw new TransportError(
      "LIMIT",
      `Control frames: more than ${this.#maxCount} in a round trip`,
      { limit: "maxControlFramesPerRoundTrip" },
    );
  }
}

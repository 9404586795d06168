/**
 * When the keys of a connection are replaced, and when the ones before them are
 * forgotten (RFC 9001 §6).
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { PacketProtection } from "./packet_protection.ts";

/** The policy of one connection's key updates. */
export class KeyUpdates {
  readonly #protection: PacketProtection;
  readonly #config: Pick<
    EndpointConfig,
    "keyUpdatePackets" | "keyUpdateIntervalMs"
  >;
  #isRequested = false;
  #updatedAt: Instant;
  #receiveCount = 0;
  #discardAt: Instant = Infinity;

  /**
   * @param now The time.
   * @param protection Holds the keys.
   * @param config After how many packets and milliseconds.
   */
  constructor(
    now: Instant,
    protection: PacketProtection,
    config: Pick<EndpointConfig, "keyUpdatePackets" | "keyUpdateIntervalMs">,
  ) {
    this.#protection = protection;
    this.#config = config;
    this.#updatedAt = now;
  }

  /** When {@linkcode KeyUpdates.handleTimeout} has to be called next. */
  get deadline(): Instant {
    return this.#discardAt;
  }

  /** Replaces the keys with the next packet, as soon as the protocol allows it. */
  request(): void {
    this.#isRequested = true;
  }

  /**
   * A packet is about to be sealed.
   *
   * @param now The time.
   */
  updateIfDue(now: Instant): void {
    const { keyUpdatePackets, keyUpdateIntervalMs } = this.#config;
    const { packetsSealedInPhase, updateAfterPackets } = this.#protection;
    if (
      !this.#isRequested &&
      packetsSealedInPhase < Math.min(keyUpdatePackets, updateAfterPackets) &&
      now - this.#updatedAt < keyUpdateIntervalMs
    ) return;
    if (!this.#protection.updateKeys()) return;
    this.#isRequested = false;
    this.#updatedAt = now;
  }

  /**
   * A packet was opened.
   *
   * @param now The time.
   * @param graceMs How long late packets of the keys before may still come.
   */
  onPacketOpened(now: Instant, graceMs: number): void {
    const { keyUpdateCount } = this.#protection;
    if (keyUpdateCount === this.#receiveCount) return;
    this.#receiveCount = keyUpdateCount;
    this.#discardAt = now + graceMs;
  }

  /**
   * Forgets the keys whose time has come.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    if (this.#discardAt > now) return;
    this.#discardAt = Infinity;
    this.#protection.dropPreviousKeys();
  }
}

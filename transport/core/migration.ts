/**
 * Follows a peer that moves: challenges its new address, and tells the packet
 * space when what it knows of the path is worth nothing any more (RFC 9000 §9).
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { PATH_DATA_LENGTH } from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import type { Paths } from "./path.ts";

/** What a move has to tell the packets. */
interface PathUser {
  /** The probe timeout without backoff, in milliseconds. */
  readonly ptoMs: number;
  challengePath(data: Uint8Array): void;
  handlePathChange(address: Address): void;
}

/** The moves of one connection's peer, once the handshake is done. */
export class Migration {
  readonly #paths: Paths;
  readonly #user: PathUser;
  readonly #random: RandomSource;

  /**
   * @param paths Where the peer is.
   * @param user Sends the challenges.
   * @param random Where they come from.
   */
  constructor(paths: Paths, user: PathUser, random: RandomSource) {
    this.#paths = paths;
    this.#user = user;
    this.#random = random;
  }

  /** When {@linkcode Migration.handleTimeout} has to be called next. */
  get deadline(): Instant {
    return this.#paths.deadline;
  }

  /**
   * The newest packet came from elsewhere (RFC 9000 §9.3): go on there, and ask
   * for proof.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param byteCount Its size.
   */
  handleMove(now: Instant, from: Address, byteCount: number): void {
    const { hostname } = this.#paths.address;
    if (this.#paths.move(from, byteCount)) this.#challenge(now);
    // RFC 9000 §9.4: another port is most likely the same path.
    if (hostname !== from.hostname) this.#user.handlePathChange(from);
  }

  /**
   * Asks again, or goes back to the address that was proven before.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    if (this.#paths.deadline > now) return;
    const { hostname } = this.#paths.address;
    if (this.#paths.handleTimeout()) this.#challenge(now);
    else if (hostname !== this.#paths.address.hostname) {
      this.#user.handlePathChange(this.#paths.address);
    }
  }

  #challenge(now: Instant): void {
    const data = new Uint8Array(PATH_DATA_LENGTH);
    this.#random.fillPublic(data);
    this.#paths.onChallenge(data, now + this.#user.ptoMs);
    this.#user.challengePath(data);
  }
}

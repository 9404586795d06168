/**
 * Follows a peer that moves: challenges its new address, and tells the packet
 * space when what it knows of the path is worth nothing any more (RFC 9000 §9).
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { PATH_DATA_LENGTH } from "../../protocol/mod.ts";
import { type Address, isSameAddress } from "./address.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import { DEFAULT_INITIAL_RTT_MS } from "./config.ts";
import { MAX_PTO_MS } from "./loss_detector.ts";
import type { Paths } from "./path.ts";
import { PathBackoff } from "./path_backoff.ts";

/**
 * Probe timeouts in which an address has to answer, of a path about which nothing
 * is known where those are longer (RFC 9000 §8.2.4): the first challenges may get
 * lost, and where the peer was before it is most likely not any more.
 */
const PATIENCE_PTO_COUNT = 3;
const INITIAL_PTO_MS: number = 3 * DEFAULT_INITIAL_RTT_MS;

/**
 * Probe timeouts in which an address that was gone back to has to answer; if it
 * does not, the peer is more likely where it is heard from.
 */
const RETURN_PTO_COUNT = 2;

/** What a move has to tell the packets. */
interface PathUser {
  /** The probe timeout without backoff, in milliseconds. */
  readonly ptoMs: number;
  /** Sends a challenge with the next packet; without one, none any more. */
  challengePath(data: Uint8Array | undefined): void;
  /** Forgets what was learned of the path before. */
  handlePathChange(address: Address): void;
}

/** The moves of one connection's peer, once the handshake is done. */
export class Migration {
  readonly #paths: Paths;
  readonly #user: PathUser;
  readonly #random: RandomSource;
  readonly #onHostChanged: () => void;
  readonly #trace: ConnectionTrace | undefined;
  /** Made for the first address that does not answer: most peers never move. */
  #backoff: PathBackoff | undefined;
  /** Where the peer was when it was told of our connection ids. */
  #hostname: string;
  #moveCount = 0;
  /** The probe timeout where the peer answered last, without backoff. */
  #ptoMs = 0;
  /** That of a path about which nothing is known, where it is longer. */
  #unknownPtoMs = INITIAL_PTO_MS;
  #challengedAt: Instant = 0;
  /** From the next challenge to the one after it. */
  #pauseMs = 0;
  /** When the address in use is left if it has not answered. */
  #giveUpAt: Instant = 0;
  /**
   * When the address that was proven before was gone back to, until something
   * shows that the peer is still there.
   */
  #returnedAt: Instant = Infinity;
  /** Whether it was, so that another address is more likely somebody else's. */
  #isStillThere = false;

  /**
   * @param paths Where the peer is.
   * @param options Who sends the challenges, where they come from, and who has to
   * know that the peer has proven to be at another host; who watches.
   */
  constructor(
    paths: Paths,
    options: {
      readonly user: PathUser;
      readonly random: RandomSource;
      readonly onHostChanged: () => void;
      readonly trace?: ConnectionTrace | undefined;
    },
  ) {
    this.#paths = paths;
    this.#user = options.user;
    this.#random = options.random;
    this.#onHostChanged = options.onHostChanged;
    this.#trace = options.trace;
    this.#hostname = paths.address.hostname;
  }

  /** How often the peer's address changed. */
  get moveCount(): number {
    return this.#moveCount;
  }

  /** When {@linkcode Migration.handleTimeout} has to be called next. */
  get deadline(): Instant {
    return this.#paths.deadline;
  }

  /**
   * The newest packet came from elsewhere (RFC 9000 §9.3): go on there, and ask
   * for proof. Where that was in vain a moment ago, nothing changes.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param datagramBytes Size of its datagram, if that counts for this connection.
   */
  handleMove(now: Instant, from: Address, datagramBytes: number): void {
    if (!this.#mayMove(now, from)) return;
    const { isProven, provenAddress, address, challenge } = this.#paths;
    if (!isProven && provenAddress !== undefined) {
      this.#abandon(now, { address, challenge });
    }
    this.#moveCount++;
    this.#learnPath();
    if (this.#paths.move(from, datagramBytes)) this.#challenge(now);
    this.#trace?.path("moved", from);
    // RFC 9000 §9.4: another port is most likely the same path.
    if (address.hostname !== from.hostname) this.#user.handlePathChange(from);
  }

  /**
   * The peer was heard where it is. The challenge leaves again with what is sent
   * now, unless that was a moment ago: what comes allows for little at an address
   * that is not proven, and when that is spent nothing is sent until the peer
   * speaks again.
   *
   * @param now The time.
   */
  handleHeard(now: Instant): void {
    this.#returnedAt = Infinity;
    const { challenge } = this.#paths;
    if (challenge === undefined) return;
    if (now < this.#challengedAt + this.#ptoMs) return;
    this.#challengedAt = now;
    this.#user.challengePath(challenge);
  }

  /**
   * This side has moved (RFC 9000 §9.2): the path is another one, also where the
   * peer stays where it is.
   *
   * @param now The time.
   * @param isOtherHost Whether more than our port has changed.
   */
  handleLocalMove(now: Instant, isOtherHost: boolean): void {
    // What did not answer where this side was may answer here.
    if (isOtherHost) this.#backoff = undefined;
    this.#learnPath();
    if (this.#paths.renew()) this.#challenge(now);
    if (isOtherHost) this.#user.handlePathChange(this.#paths.address);
  }

  /**
   * Takes a path response.
   *
   * @param data Its eight bytes.
   */
  handleResponse(data: Uint8Array): void {
    const wasProven = this.#paths.isProven;
    if (!this.#paths.handleResponse(data)) {
      if (this.#backoff?.isAnsweredLate(data)) this.#backoff = undefined;
      return;
    }
    this.#isStillThere = this.#returnedAt !== Infinity;
    this.#returnedAt = Infinity;
    const { hostname } = this.#paths.address;
    this.#trace?.path("validated", this.#paths.address);
    // That it is where it was says nothing for the address that did not answer.
    if (wasProven) return;
    this.#backoff = undefined;
    if (hostname === this.#hostname) return;
    this.#hostname = hostname;
    this.#onHostChanged();
  }

  /**
   * Asks again, or goes back to the address that was proven before; where there is
   * none, goes on asking.
   *
   * @param now The time.
   */
  handleTimeout(now: Instant): void {
    if (this.#paths.deadline > now) return;
    const { address: left, challenge } = this.#paths;
    if (now < this.#giveUpAt) return this.#repeatChallenge(now, challenge!);
    this.#paths.giveUp();
    const { address } = this.#paths;
    this.#trace?.path("abandoned", address);
    if (isSameAddress(left, address)) return;
    this.#abandon(now, { address: left, challenge });
    if (left.hostname !== address.hostname) {
      this.#user.handlePathChange(address);
    }
    // Whoever copies the peer's packets has not made it leave: it answers here.
    this.#returnedAt = now;
    this.#challenge(now);
  }

  /** The proven address is moved to at any time; without one there is none to stay at. */
  #mayMove(now: Instant, to: Address): boolean {
    if (this.#backoff === undefined) return true;
    if (now >= this.#returnedAt + RETURN_PTO_COUNT * this.#ptoMs) {
      return true;
    }
    const { isProven, provenAddress } = this.#paths;
    if (provenAddress === undefined) {
      return !isProven || this.#backoff.isDue(now, to);
    }
    return isSameAddress(provenAddress, to) || this.#backoff.isDue(now, to);
  }

  #abandon(
    now: Instant,
    left: { address: Address; challenge: Uint8Array | undefined },
  ): void {
    this.#backoff ??= new PathBackoff();
    this.#backoff.onAbandoned(now, left, this.#unknownPtoMs);
    // Whoever answers it elsewhere would say nothing of that address.
    this.#user.challengePath(undefined);
  }

  /** A path on which nothing was answered has taught nothing of its time. */
  #learnPath(): void {
    const isAnswering = this.#paths.isProven && this.#returnedAt === Infinity;
    if (isAnswering || this.#ptoMs === 0) this.#ptoMs = this.#user.ptoMs;
    if (this.#returnedAt !== Infinity) this.#isStillThere = false;
    this.#returnedAt = Infinity;
  }

  #challenge(now: Instant): void {
    const data = new Uint8Array(PATH_DATA_LENGTH);
    this.#random.fillPublic(data);
    this.#unknownPtoMs = Math.max(this.#ptoMs, INITIAL_PTO_MS);
    const { isProven, provenAddress } = this.#paths;
    // Where there is nowhere to go back to, no more than three times what comes
    // would ever be sent here.
    this.#giveUpAt = !isProven && provenAddress === undefined
      ? Infinity
      : now + PATIENCE_PTO_COUNT *
          (this.#isStillThere ? this.#ptoMs : this.#unknownPtoMs);
    this.#pauseMs = this.#ptoMs;
    this.#repeatChallenge(now, data);
  }

  /** The same bytes: an answer to the one before may be on its way. */
  #repeatChallenge(now: Instant, data: Uint8Array): void {
    this.#challengedAt = now;
    this.#paths.onChallenge(
      data,
      Math.min(now + this.#pauseMs, this.#giveUpAt),
    );
    this.#pauseMs = Math.max(
      this.#ptoMs,
      Math.min(2 * this.#pauseMs, MAX_PTO_MS),
    );
    this.#user.challengePath(data);
  }
}

/**
 * Where the peer is, and how it may move (RFC 9000 §8.2, §9).
 *
 * A peer moves when its newest packet comes from another address: its network
 * address translator forgot it, or it changed its network. From then on
 * everything goes there, at most three times what came from there, until the
 * peer has returned a challenge. If it does not, the connection goes back to
 * the address that was proven before.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import { type Address, isSameAddress } from "./address.ts";
import { AmplificationLimit } from "./amplification_limit.ts";

/** Challenges of one address before it is given up (RFC 9000 §8.2.4). */
export const MAX_PATH_CHALLENGES = 3;

interface Path {
  readonly address: Address;
  readonly amplification: AmplificationLimit;
}

/** The path in use, and the proven one to go back to. */
export class Paths {
  #current: Path;
  #proven: Path | undefined;
  #challenge: Uint8Array | undefined;
  #challengesLeft = 0;
  #deadline: Instant = Infinity;

  /** @param address Where the handshake takes place; not proven yet. */
  constructor(address: Address) {
    this.#current = { address, amplification: new AmplificationLimit() };
  }

  /** Where to send. */
  get address(): Address {
    return this.#current.address;
  }

  /** How many bytes may be sent there now. */
  get allowedBytes(): number {
    return this.#current.amplification.allowedBytes;
  }

  /** When {@linkcode Paths.handleTimeout} has to be called next. */
  get deadline(): Instant {
    return this.#deadline;
  }

  /**
   * Whether a datagram would come from somewhere else than the path in use.
   *
   * @param from Where it came from.
   */
  isElsewhere(from: Address): boolean {
    return !isSameAddress(this.#current.address, from);
  }

  /**
   * Bytes came from the address in use.
   *
   * @param byteCount How many.
   */
  onReceived(byteCount: number): void {
    this.#current.amplification.onReceived(byteCount);
  }

  /**
   * Bytes were sent.
   *
   * @param byteCount How many.
   */
  onSent(byteCount: number): void {
    this.#current.amplification.onSent(byteCount);
  }

  /** The address in use is proven by the handshake. */
  onHandshakeDone(): void {
    this.#current.amplification.onValidated();
  }

  /**
   * The peer has moved: its newest packet, authenticated, came from elsewhere.
   *
   * @param from Where it is now; copied.
   * @param byteCount Size of that packet.
   * @returns Whether the new address has to be challenged; otherwise it was
   * proven before.
   */
  move(from: Address, byteCount: number): boolean {
    if (this.#current.amplification.isValidated) this.#proven = this.#current;
    const proven = this.#proven;
    if (proven !== undefined && isSameAddress(proven.address, from)) {
      this.#use(proven);
      return false;
    }
    this.#use({
      address: { ...from },
      amplification: new AmplificationLimit(),
    });
    this.onReceived(byteCount);
    this.#challengesLeft = MAX_PATH_CHALLENGES;
    return true;
  }

  /**
   * A challenge goes out with the next packet.
   *
   * @param data Its eight unpredictable bytes.
   * @param answerBy When it is repeated or the address given up.
   */
  onChallenge(data: Uint8Array, answerBy: Instant): void {
    this.#challenge = data;
    this.#challengesLeft--;
    this.#deadline = answerBy;
  }

  /**
   * Takes a path response.
   *
   * @param data Its eight bytes; not secret once they were sent.
   */
  handleResponse(data: Uint8Array): void {
    const challenge = this.#challenge;
    if (challenge === undefined) return;
    if (!challenge.every((byte, index) => byte === data[index])) return;
    this.#current.amplification.onValidated();
    this.#proven = undefined;
    this.#settle();
  }

  /**
   * The challenge was not answered in time.
   *
   * @returns Whether to challenge the same address again; otherwise the path
   * that was proven before is in use again.
   */
  handleTimeout(): boolean {
    if (this.#challengesLeft > 0) return true;
    if (this.#proven !== undefined) this.#use(this.#proven);
    else this.#settle();
    return false;
  }

  #use(path: Path): void {
    this.#current = path;
    this.#settle();
  }

  #settle(): void {
    this.#challenge = undefined;
    this.#challengesLeft = 0;
    this.#deadline = Infinity;
  }
}

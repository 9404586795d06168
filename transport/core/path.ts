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
import type { PathConnectionId } from "./peer_connection_ids.ts";

/** Where the connection ids of paths come from. */
interface PathConnectionIds {
  assign(): PathConnectionId;
  release(path: PathConnectionId): void;
}

interface Path {
  readonly address: Address;
  readonly amplification: AmplificationLimit;
  /** What to send to there; there is none before the handshake has given it. */
  connectionId: PathConnectionId | undefined;
}

/** The path in use, and the proven one to go back to. */
export class Paths {
  #ids: PathConnectionIds | undefined;
  #current: Path;
  #proven: Path | undefined;
  #challenge: Uint8Array | undefined;
  #deadline: Instant = Infinity;

  /** @param address Where the handshake takes place; not proven yet. */
  constructor(address: Address) {
    this.#current = {
      address,
      amplification: new AmplificationLimit(),
      connectionId: undefined,
    };
  }

  /** Where to send. */
  get address(): Address {
    return this.#current.address;
  }

  /** The peer's connection id on the path in use, 8 bytes, once there is one. */
  get connectionId(): Uint8Array {
    return this.#current.connectionId!.id.connectionId;
  }

  /**
   * From now on each path has a connection id of the peer.
   *
   * @param ids Where they come from.
   */
  useConnectionIds(ids: PathConnectionIds): void {
    this.#ids = ids;
    this.#current.connectionId = ids.assign();
  }

  /** How many bytes may be sent there now. */
  get allowedBytes(): number {
    return this.#current.amplification.allowedBytes;
  }

  /** When the challenge is repeated or the address given up. */
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

  /** Whether the address in use was proven. */
  get isProven(): boolean {
    return this.#current.amplification.isValidated;
  }

  /** The address to go back to, if the one in use is not proven. */
  get provenAddress(): Address | undefined {
    return this.#proven?.address;
  }

  /** What the address in use has to return, while that is awaited. */
  get challenge(): Uint8Array | undefined {
    return this.#challenge;
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

  /**
   * The same hello has come from elsewhere before the address was proven, or
   * what completes its handshake.
   *
   * @param from Where from; copied.
   */
  restart(from: Address): void {
    this.#current = {
      ...this.#current,
      address: { ...from },
      amplification: new AmplificationLimit(),
    };
    this.#settle();
  }

  /** The address in use is proven by the handshake, or by a ticket. */
  onHandshakeDone(): void {
    this.#current.amplification.onValidated();
  }

  /**
   * The peer has moved: its newest packet, authenticated, came from elsewhere.
   *
   * @param from Where it is now; copied.
   * @param datagramBytes Size of its datagram, if that counts for this connection.
   * @returns Whether the new address has to be challenged; otherwise it was
   * proven before.
   */
  move(from: Address, datagramBytes: number): boolean {
    if (this.#current.amplification.isValidated) this.#proven = this.#current;
    const proven = this.#proven;
    if (proven !== undefined && isSameAddress(proven.address, from)) {
      this.#use(proven);
      return false;
    }
    this.#use({
      address: { ...from },
      amplification: new AmplificationLimit(),
      // RFC 9000 §9.5: another path, another id
      connectionId: this.#ids?.assign(),
    });
    this.onReceived(datagramBytes);
    return true;
  }

  /**
   * We have moved: another connection id hides that it is us.
   *
   * @returns Whether the address of the peer is proven, and the new path may be
   * asked for proof; otherwise that is under way.
   */
  renew(): boolean {
    const current = this.#current;
    if (!current.amplification.isValidated) return false;
    this.#proven = undefined;
    this.#use({ ...current, connectionId: this.#ids?.assign() });
    this.#release(current);
    return true;
  }

  /**
   * A challenge goes out with the next packet.
   *
   * @param data Its eight unpredictable bytes.
   * @param answerBy When it has to be answered.
   */
  onChallenge(data: Uint8Array, answerBy: Instant): void {
    this.#challenge = data;
    this.#deadline = answerBy;
  }

  /**
   * Takes a path response.
   *
   * @param data Its eight bytes; not secret once they were sent.
   * @returns Whether it proves the address in use.
   */
  handleResponse(data: Uint8Array): boolean {
    const challenge = this.#challenge;
    if (challenge === undefined) return false;
    if (!challenge.every((byte, index) => byte === data[index])) return false;
    this.#current.amplification.onValidated();
    const old = this.#proven;
    this.#proven = undefined;
    if (old !== undefined && old !== this.#current) this.#release(old);
    this.#settle();
    return true;
  }

  /**
   * The address in use was not proven in time: the one that was before is in use
   * again. Without one nothing is awaited any more.
   */
  giveUp(): void {
    if (this.#proven !== undefined) this.#use(this.#proven);
    else this.#settle();
  }

  #use(path: Path): void {
    const old = this.#current;
    this.#current = path;
    // One that was never proven is not gone back to.
    if (old !== path && !old.amplification.isValidated) this.#release(old);
    this.#settle();
  }

  #release({ connectionId }: Path): void {
    if (connectionId !== undefined) this.#ids?.release(connectionId);
  }

  #settle(): void {
    this.#challenge = undefined;
    this.#deadline = Infinity;
  }
}

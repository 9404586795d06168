/**
 * Whom a call tries, one after the other.
 *
 * @module
 */
import { MAX_CALL_ATTEMPTS, MAX_CALL_CANDIDATES } from "./config.ts";
import { type Peer, peerKey } from "./peer_connections.ts";

/**
 * The agents that a call can go to, of which some have not taken it. No agent is
 * tried twice, and not more than a few that the registry names.
 */
export class Candidates {
  #peers: readonly Peer[];
  #index = 0;
  #tried: Set<string> | undefined;

  /** @param peers Whom the registry names, in the order to try them in. */
  constructor(peers: readonly Peer[]) {
    this.#peers = peers;
  }

  /** @returns The next one; `undefined` when nobody is left to be tried. */
  next(): Peer | undefined {
    while (this.#index < this.#peers.length) {
      const peer = this.#peers[this.#index++]!;
      if (!this.#isTried(peer)) return peer;
    }
    return undefined;
  }

  /** @param peer Who did not take the call: it is not tried again. */
  setTried(peer: Peer): void {
    this.#tried ??= new Set();
    this.#tried.add(peerKey(peer));
  }

  /**
   * Begins again with those of a list that were not tried yet.
   *
   * @param named Whom the registry names now. Who was tried in vain and is not
   * among them any more was no candidate, and does not count.
   */
  goOn(named: readonly Peer[]): void {
    const triedCount = named.filter((peer) => this.#isTried(peer)).length;
    const mayGoOn = triedCount < MAX_CALL_CANDIDATES &&
      (this.#tried?.size ?? 0) < MAX_CALL_ATTEMPTS;
    this.#peers = mayGoOn ? named : [];
    this.#index = 0;
  }

  #isTried(peer: Peer): boolean {
    return this.#tried?.has(peerKey(peer)) === true;
  }
}

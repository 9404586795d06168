/**
 * Whom a call tries, one after the other.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { MAX_CALL_ATTEMPTS, MAX_CALL_CANDIDATES } from "./config.ts";
import { type Peer, peerKey } from "./peer_connections.ts";

/**
 * The agents that a call can go to, of which some have not taken it. No agent is
 * tried twice, and not more than a few.
 */
export class Candidates {
  #peers: readonly Peer[];
  readonly #isSilent: (peer: Peer) => boolean;
  #index = 0;
  #tried: Set<string> | undefined;
  /** How many have seen the request: an agent alone says that it did not run. */
  #sentCount = 0;
  #mayAsk = false;
  #mustAsk = false;
  /** Those for whom there was no connection left. */
  #passedOver: Peer[] | undefined;

  /** Whether those who were silent when the first one failed are at the end. */
  #isSorted = false;

  /**
   * @param peers Whom the registry names, in the order to try them in.
   * @param isSilent Whether one does not answer just now: it comes after the others
   * when the first of all does not take the call.
   */
  constructor(peers: readonly Peer[], isSilent: (peer: Peer) => boolean) {
    this.#peers = peers;
    this.#isSilent = isSilent;
  }

  /** Whether the registry is to be asked again before the call is given up. */
  get mayAsk(): boolean {
    return this.#mayAsk;
  }

  /** @returns The next one; `undefined` when the registry has to be asked, or nobody is left. */
  next(): Peer | undefined {
    if (this.#mustAsk || this.#sentCount >= MAX_CALL_CANDIDATES) {
      return undefined;
    }
    while (this.#index < this.#peers.length) {
      const peer = this.#peers[this.#index++]!;
      if (!this.#isTried(peer)) return peer;
    }
    return undefined;
  }

  /**
   * Somebody did not take the call, and is not tried again.
   *
   * @param peer Who.
   * @param isSent Whether the request may have arrived.
   */
  setTried(peer: Peer, isSent: boolean): void {
    this.#tried ??= new Set();
    this.#tried.add(peerKey(peer));
    if (isSent) this.#sentCount++;
    this.#mayAsk = this.#sentCount < MAX_CALL_CANDIDATES &&
      this.#tried.size < MAX_CALL_ATTEMPTS;
    this.#putOffSilent();
  }

  /**
   * There is no connection left for somebody; another one may have one already.
   *
   * @param peer Who.
   */
  passOver(peer: Peer): void {
    this.#passedOver ??= [];
    this.#passedOver.push(peer);
    this.#putOffSilent();
  }

  /**
   * @returns Those who were passed over since, if any, of the list as it is now; none
   * once enough have seen the request.
   */
  takePassedOver(): readonly Peer[] | undefined {
    const passedOver = this.#passedOver;
    this.#passedOver = undefined;
    return this.#sentCount < MAX_CALL_CANDIDATES ? passedOver : undefined;
  }

  /** Somebody is gone: the registry is asked before anybody else is tried. */
  setOutdated(): void {
    this.#mayAsk = this.#sentCount < MAX_CALL_CANDIDATES;
    this.#mustAsk = true;
  }

  /**
   * Begins again with those of a list that were not tried yet.
   *
   * @param named Whom the registry names now. Who could not be reached and is not
   * among them any more was no candidate, and does not count.
   */
  goOn(named: readonly Peer[]): void {
    const triedCount = named.filter((peer) => this.#isTried(peer)).length;
    const mayGoOn = triedCount < MAX_CALL_CANDIDATES &&
      (this.#tried?.size ?? 0) < MAX_CALL_ATTEMPTS;
    this.#peers = mayGoOn ? named : [];
    this.#index = 0;
    this.#passedOver = undefined;
    this.#mayAsk = false;
    this.#mustAsk = false;
    this.#isSorted = false;
    this.#putOffSilent();
  }

  #putOffSilent(): void {
    if (this.#isSorted) return;
    this.#isSorted = true;
    const answering: Peer[] = [];
    const silent: Peer[] = [];
    for (const peer of this.#peers.slice(this.#index)) {
      (this.#isSilent(peer) ? silent : answering).push(peer);
    }
    this.#peers = [...answering, ...silent];
    this.#index = 0;
  }

  #isTried(peer: Peer): boolean {
    return this.#tried?.has(peerKey(peer)) === true;
  }
}

keepHiddenClass(new Candidates([], () => false));

/**
 * Whom a target names.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { TransportError } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { peersAt } from "./address_peers.ts";
import type { Directory } from "./directory.ts";
import {
  isOutOfConnections,
  type Peer,
  type PeerConnections,
  type PeerLease,
} from "./peer_connections.ts";
import { type AddressTarget, notFound, type RegistryTarget } from "./target.ts";

/** Finds agents where the target says: in the registry, or at an address. */
export class PeerFinder {
  readonly #directory: Directory;

  /** @param directory What the registry has said. */
  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /**
   * Finds the agents that a call can go to.
   *
   * @param target What is asked for.
   * @returns The candidates, in the order to try them in.
   */
  find(target: RegistryTarget | AddressTarget): Promise<Peer[]> {
    return target.kind === "url"
      ? Promise.resolve(peersAt(target))
      : this.#directory.find(target);
  }

  /**
   * As {@linkcode PeerFinder.find}, from what is remembered.
   *
   * @param target What is asked for.
   * @param now The time, when the caller has read it already.
   * @returns The candidates; `undefined` when the node has to be asked.
   */
  findRemembered(
    target: RegistryTarget | AddressTarget,
    now?: Instant,
  ): Peer[] | undefined {
    return target.kind === "url"
      ? peersAt(target)
      : this.#directory.findRemembered(target, now);
  }

  /**
   * A candidate did not take a call: it is asked for again next time.
   *
   * @param target What was asked for.
   * @param peer The candidate.
   * @param failure Why not.
   */
  forget(
    target: RegistryTarget | AddressTarget,
    peer: Peer,
    failure: unknown,
  ): void {
    if (target.kind === "url") return;
    this.#directory.forget(target, peer, failure);
  }

  /**
   * Takes the connection to one of the agents.
   *
   * @param target Whom.
   * @param peers Where the connections are.
   * @param race Gives up.
   * @returns The lease.
   * @throws {CallError} `NOT_FOUND` when there is no such agent.
   */
  async lease(
    target: RegistryTarget | AddressTarget,
    peers: PeerConnections,
    race: AbortRace,
  ): Promise<PeerLease> {
    let failure: unknown = notFound(target);
    const passedOver: Peer[] = [];
    for (const peer of await this.find(target)) {
      race.throwIfAborted();
      try {
        return await this.#acquire(target, peer, peers);
      } catch (error) {
        failure = error;
        if (isOutOfConnections(error)) passedOver.push(peer);
      }
    }
    if (passedOver.length === 0) throw failure;
    const place = await peers.waitForPlace(passedOver, race);
    try {
      return await this.#acquire(target, place.peer, peers);
    } finally {
      place.release();
    }
  }

  async #acquire(
    target: RegistryTarget | AddressTarget,
    peer: Peer,
    peers: PeerConnections,
  ): Promise<PeerLease> {
    try {
      return await peers.acquire(peer);
    } catch (error) {
      if (error instanceof TransportError) this.forget(target, peer, error);
      throw error;
    }
  }
}

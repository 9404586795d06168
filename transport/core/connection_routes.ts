/**
 * Which connection a packet is for: the connection ids of an endpoint, several
 * for each connection, and the reset tokens of its peers.
 *
 * @module
 */
import type { RandomSource } from "../../internal/random_source.ts";
import { connectionIdKey, createConnectionId } from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";
import type { IssuedConnectionId } from "./local_connection_ids.ts";
import { PeerResetTokens, ResetTokens } from "./stateless_reset.ts";

/** What a connection needs of the table it is in. */
export interface ConnectionRouter<T> {
  /**
   * Makes an id whose packets reach a connection.
   *
   * @param owner The connection; its peer's address is part of the reset token.
   */
  issue(owner: T): IssuedConnectionId;
  /**
   * Packets with an id are for nobody any more.
   *
   * @param connectionId The id.
   * @param owner The connection that it was made for.
   */
  release(connectionId: Uint8Array, owner: T): void;
  /**
   * A datagram that ends in a token ends a connection from now on.
   *
   * @param token What the peer announced.
   * @param owner The connection.
   */
  learnResetToken(token: Uint8Array, owner: T): void;
  /**
   * A token ends nothing any more.
   *
   * @param token What the peer announced.
   * @param owner The connection.
   */
  forgetResetToken(token: Uint8Array, owner: T): void;
}

/**
 * The routes of an endpoint.
 *
 * @typeParam T A connection.
 */
export class ConnectionRoutes<T extends { readonly remoteAddress: Address }>
  implements ConnectionRouter<T> {
  readonly #random: RandomSource;
  readonly #owners = new Map<number, T>();
  /** The ids of each connection, so few that looking for one is cheap. */
  readonly #keys = new Map<T, number[]>();
  readonly #resetTokens: ResetTokens;
  readonly #peerResetTokens: PeerResetTokens<T>;

  /**
   * @param privateKey The endpoint's static private key; borrowed.
   * @param random Where ids come from.
   */
  constructor(privateKey: Uint8Array, random: RandomSource) {
    this.#random = random;
    this.#resetTokens = new ResetTokens(privateKey);
    this.#peerResetTokens = new PeerResetTokens(privateKey);
  }

  /** How many connection ids there are, over all connections. */
  get size(): number {
    return this.#owners.size;
  }

  /**
   * The connection of a packet.
   *
   * @param key Its connection id, as a key.
   */
  get(key: number): T | undefined {
    return this.#owners.get(key);
  }

  /** Draws an id that nobody has. */
  newConnectionId(): Uint8Array {
    for (;;) {
      const id = createConnectionId(this.#random);
      if (!this.#owners.has(connectionIdKey(id))) {
        return CONNECTION_BYTES.copy(id);
      }
    }
  }

  /**
   * The reset token of an id, whether we know the id or not.
   *
   * @param connectionId 8 bytes.
   * @param hostname Where the peer is.
   */
  resetTokenOf(connectionId: Uint8Array, hostname: string): Uint8Array {
    return this.#resetTokens.tokenOf(connectionId, hostname);
  }

  /**
   * Packets with an id are for a connection from now on.
   *
   * @param connectionId 8 bytes.
   * @param owner The connection.
   */
  add(connectionId: Uint8Array, owner: T): void {
    const key = connectionIdKey(connectionId);
    this.#owners.set(key, owner);
    const keys = this.#keys.get(owner);
    if (keys === undefined) this.#keys.set(owner, [key]);
    else if (!keys.includes(key)) keys.push(key);
  }

  /** Makes an id whose packets reach a connection. */
  issue(owner: T): IssuedConnectionId {
    const connectionId = this.newConnectionId();
    this.add(connectionId, owner);
    const { hostname } = owner.remoteAddress;
    return {
      connectionId,
      resetToken: this.resetTokenOf(connectionId, hostname),
    };
  }

  /** Packets with an id are for nobody any more. */
  release(connectionId: Uint8Array, owner: T): void {
    const key = connectionIdKey(connectionId);
    const keys = this.#keys.get(owner);
    if (!keys?.includes(key)) return;
    this.#keys.set(owner, keys.filter((each) => each !== key));
    this.#owners.delete(key);
  }

  /**
   * A connection is over: nothing reaches it any more.
   *
   * @param owner The connection.
   */
  delete(owner: T): void {
    for (const key of this.#keys.get(owner) ?? []) this.#owners.delete(key);
    this.#keys.delete(owner);
    this.#peerResetTokens.delete(owner);
  }

  /** A datagram that ends in a token ends a connection from now on. */
  learnResetToken(token: Uint8Array, owner: T): void {
    this.#peerResetTokens.learn(token, owner);
  }

  /** A token ends nothing any more. */
  forgetResetToken(token: Uint8Array, owner: T): void {
    this.#peerResetTokens.forget(token, owner);
  }

  /**
   * A connection's peer may be elsewhere now.
   *
   * @param owner The connection.
   */
  follow(owner: T): void {
    this.#peerResetTokens.follow(owner);
  }

  /**
   * What a datagram ends, if it is a reset.
   *
   * @param from Where it came from.
   * @param datagram A whole datagram with a connection id that nobody has.
   */
  findReset(from: Address, datagram: Uint8Array): T | undefined {
    return this.#peerResetTokens.find(from, datagram);
  }
}

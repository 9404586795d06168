/**
 * Connects to peers and decides whether their keys are to be trusted.
 *
 * @module
 */
import { fingerprint, isEqualConstantTime } from "../crypto/mod.ts";
import {
  formatAddress,
  type Transport,
  type TransportConnection,
  TransportError,
} from "../transport/mod.ts";
import type { KnownPeers } from "./known_peers.ts";

/** What a {@linkcode Dialer} is made from. */
export interface DialerOptions {
  /** The socket. */
  readonly transport: Transport;
  /** The static public key that the socket answers with, 32 bytes. */
  readonly ownPublicKey: Uint8Array;
  /** Keys that were seen before; without it a new key is not remembered. */
  readonly knownPeers: KnownPeers | undefined;
  /** Called with one line for a person. */
  readonly onWarning: (message: string) => void;
}

/** Where to connect to, and how. */
export interface DialOptions {
  /** Numeric address or name. */
  readonly hostname: string;
  /** UDP port. */
  readonly port: number;
  /** The key that the peer has to hold; it wins over the known peers. */
  readonly publicKey?: Uint8Array | undefined;
  /** How long it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Gives up. */
  readonly signal?: AbortSignal | undefined;
  /** As of `Transport.connect`. */
  readonly onEarly?: ((connection: TransportConnection) => void) | undefined;
}

/** Makes connections whose peers are who they have to be. */
export class Dialer {
  readonly #options: DialerOptions;

  /** @param options The socket and the known peers. */
  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /**
   * Connects.
   *
   * @param options Where to.
   * @returns The connection. Its peer holds the key that was given, or the one
   * of the known peers, or is met for the first time.
   * @throws {TransportError} `PEER_KEY_MISMATCH` names the peer and the
   * expected fingerprint, or says that a peer of which no key was expected
   * shows our own; otherwise as `Transport.connect`.
   * @throws {CallError} `FAILED_PRECONDITION` when the known peers cannot be read.
   */
  async dial(options: DialOptions): Promise<TransportConnection> {
    const { transport, ownPublicKey, knownPeers, onWarning } = this.#options;
    const { hostname, port, timeoutMs, signal, onEarly } = options;
    const address = formatAddress({ hostname, port });
    const known = options.publicKey === undefined
      ? knownPeers?.find(address)
      : undefined;
    const expected = options.publicKey ?? known;
    let connection: TransportConnection;
    try {
      connection = await transport.connect({ hostname, port }, {
        timeoutMs,
        ...(signal === undefined ? {} : { signal }),
        ...(onEarly === undefined ? {} : { onEarly }),
        ...(expected === undefined ? {} : { remoteStaticPublicKey: expected }),
      });
    } catch (error) {
      if (expected !== undefined && isMismatch(error)) {
        const origin = known === undefined
          ? "expected"
          : `expected from ${knownPeers!.path}`;
        throw new TransportError(
          "PEER_KEY_MISMATCH",
          `Peer ${address}: it does not hold the key ${origin}, ${
            fingerprint(expected)
          }`,
          { cause: error },
        );
      }
      throw error;
    }
    if (expected === undefined) {
      const shown = fingerprint(connection.peerPublicKey);
      // Whoever sends our datagrams back lets us shake hands with ourselves.
      if (isEqualConstantTime(connection.peerPublicKey, ownPublicKey)) {
        connection.close();
        throw new TransportError(
          "PEER_KEY_MISMATCH",
          `Peer ${address}: it shows our own key, ${shown}; if it has to hold that one, its URL must say so (pk)`,
        );
      }
      if (knownPeers !== undefined) {
        knownPeers.remember(address, connection.peerPublicKey);
        onWarning(
          `Peer ${address}: met for the first time, its key is ${shown}`,
        );
      } else {
        onWarning(`Peer ${address}: its key was not checked, it is ${shown}`);
      }
    }
    return connection;
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof TransportError && error.code === "PEER_KEY_MISMATCH";
}

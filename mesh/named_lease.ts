/**
 * Waiting for connections to agents that may have left.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import { formatAddress, TransportError } from "../transport/mod.ts";
import { DIAL_PATIENCE_MS } from "./config.ts";
import type { Directory } from "./directory.ts";
import type { Peer, PeerLease } from "./peer_connections.ts";

/** Whose connection is waited for. */
export interface NamedLeaseOptions {
  /** Asks the node. */
  readonly directory: Pick<Directory, "confirm">;
  /** Who was named. */
  readonly peer: Peer;
  /** The clock. */
  readonly clock: Clock;
}

/**
 * Waits for a connection as long as the node says that the agent is there. It is
 * asked when that takes long, and again each time that it has taken twice as long.
 *
 * @param acquiring The connection that is being made.
 * @param options To whom.
 * @returns Its lease.
 * @throws {TransportError} `HANDSHAKE_TIMEOUT` when the node does not name the agent any
 * more: it has left, or its lease has run out; otherwise
 * what the promise rejects with.
 */
export function leaseWhileNamed(
  acquiring: Promise<PeerLease>,
  { directory, peer, clock }: NamedLeaseOptions,
): Promise<PeerLease> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const askAfter = (waitMs: number): () => void =>
      clock.schedule(waitMs, async () => {
        const isNamed = await directory.confirm(peer);
        if (isSettled) return;
        if (isNamed) {
          cancel = askAfter(2 * waitMs);
          return;
        }
        isSettled = true;
        reject(
          new TransportError(
            "HANDSHAKE_TIMEOUT",
            `Peer ${
              formatAddress(peer)
            }: it does not answer, and the node does not name it any more`,
          ),
        );
      });
    let cancel = askAfter(DIAL_PATIENCE_MS);
    acquiring.then((lease) => {
      cancel();
      if (isSettled) lease.release();
      else resolve(lease);
      isSettled = true;
    }, (error) => {
      cancel();
      isSettled = true;
      reject(error);
    });
  });
}

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
import type { RegistryTarget } from "./target.ts";

/** Whose connection is waited for. */
export interface NamedLeaseOptions {
  /** Knows whom the node names. */
  readonly directory: Directory;
  /** What was asked for. */
  readonly target: RegistryTarget;
  /** Who was named. */
  readonly peer: Peer;
  /** The clock. */
  readonly clock: Clock;
}

/**
 * Waits for a connection. When that takes long, the node is asked once more: an
 * agent that it does not name any more has left, and will not answer.
 *
 * @param acquiring The connection that is being made.
 * @param options To whom.
 * @returns Its lease.
 * @throws {TransportError} `HANDSHAKE_TIMEOUT` when the agent has left; otherwise
 * what the promise rejects with.
 */
export function leaseWhileNamed(
  acquiring: Promise<PeerLease>,
  { directory, target, peer, clock }: NamedLeaseOptions,
): Promise<PeerLease> {
  return new Promise((resolve, reject) => {
    let hasLeft = false;
    const cancel = clock.schedule(DIAL_PATIENCE_MS, async () => {
      if (await directory.confirm(target, peer)) return;
      hasLeft = true;
      reject(
        new TransportError(
          "HANDSHAKE_TIMEOUT",
          `Peer ${formatAddress(peer)}: it does not answer, and has left`,
        ),
      );
    });
    acquiring.then((lease) => {
      cancel();
      if (hasLeft) lease.release();
      else resolve(lease);
    }, (error) => {
      cancel();
      reject(error);
    });
  });
}

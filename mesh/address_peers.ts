/**
 * The peer at a URL.
 *
 * @module
 */
import { isNilAgentId } from "../protocol/mod.ts";
import type { Peer } from "./peer_connections.ts";
import type { AddressTarget } from "./target.ts";

/** The same target comes with every call to a URL, as long as that is remembered. */
const peersByAddress = new WeakMap<AddressTarget, Peer[]>();

/**
 * Whom a URL names, as if a registry had said so.
 *
 * @param target A URL.
 * @returns The one peer, the same array for the same target.
 */
export function peersAt(target: AddressTarget): Peer[] {
  let peers = peersByAddress.get(target);
  if (peers === undefined) {
    const { url, agentId } = target;
    peers = [{
      agentId,
      name: isNilAgentId(agentId)
        ? `${url.hostname}:${url.port}`
        : url.agentId ?? "",
      hostname: url.hostname,
      port: url.port,
      publicKey: url.publicKey,
    }];
    peersByAddress.set(target, peers);
  }
  return peers;
}

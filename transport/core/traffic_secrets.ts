/**
 * The secrets of a connection, for whoever writes a key log.
 *
 * @module
 */
import { formatConnectionId } from "./frame_summary.ts";
import type { HandshakeResult } from "./handshake.ts";
import type { TrafficSecret } from "./observer.ts";
import { suiteParts } from "./suite.ts";

/**
 * Names the secrets of both directions.
 *
 * @param result What the handshake settled.
 * @param local This end: whether it sent the hello, and the id that it chose.
 * @returns The initiator's secret and the responder's; not copied.
 */
export function trafficSecrets(
  result: HandshakeResult,
  local: { readonly isInitiator: boolean; readonly connectionId: Uint8Array },
): readonly TrafficSecret[] {
  const { aead } = suiteParts(result.suite);
  const own = formatConnectionId(local.connectionId);
  const peer = formatConnectionId(result.peerConnectionId);
  const { sendSecret, receiveSecret } = result;
  const [initiator, responder] = local.isInitiator
    ? [sendSecret, receiveSecret]
    : [receiveSecret, sendSecret];
  return [
    {
      label: "initiator-traffic",
      cipher: aead,
      connectionId: local.isInitiator ? peer : own,
      secret: initiator,
    },
    {
      label: "responder-traffic",
      cipher: aead,
      connectionId: local.isInitiator ? own : peer,
      secret: responder,
    },
  ];
}

/**
 * Lines of a key log, in the manner of the `SSLKEYLOGFILE` of TLS tools:
 *
 * ```text
 * MXP_INITIATOR_TRAFFIC_SECRET_0 chacha20-poly1305 8f2d5a01c3e97b00 <64 digits>
 * ```
 *
 * Label, cipher, connection id in the headers of the packets that the secret
 * protects, secret. The keys follow from the secret as `docs/spec/transport.md`
 * says, those after a key update too.
 *
 * @module
 */
import type { SecretLabel, TrafficSecret } from "../../transport/mod.ts";

const LABELS: Readonly<Record<SecretLabel, string>> = {
  "initiator-traffic": "MXP_INITIATOR_TRAFFIC_SECRET_0",
  "responder-traffic": "MXP_RESPONDER_TRAFFIC_SECRET_0",
};

const encoder = new TextEncoder();

/**
 * Encodes one line. It holds a secret.
 *
 * @param secret The secret; copied.
 * @returns The line, with its line feed.
 */
export function encodeKeyLogLine(secret: TrafficSecret): Uint8Array {
  const { label, cipher, connectionId } = secret;
  let digits = "";
  for (const byte of secret.secret) {
    digits += byte.toString(16).padStart(2, "0");
  }
  return encoder.encode(
    `${LABELS[label]} ${cipher} ${connectionId} ${digits}\n`,
  );
}

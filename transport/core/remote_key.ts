/**
 * What a peer's public key has to be before anybody is asked for it.
 *
 * @module
 */
import { isSmallOrder } from "../../crypto/mod.ts";
import { TransportError } from "./error.ts";

const KEY_LENGTH = 32;

/**
 * Checks the key of a peer. The handshake would find it out as well, and wait for
 * its timeout.
 *
 * @param publicKey What the caller gave.
 * @throws {TransportError} `INVALID_CONFIG` for a key that is not 32 bytes long,
 * or of small order.
 */
export function checkRemoteKey(publicKey: Uint8Array): void {
  if (publicKey.length !== KEY_LENGTH) {
    throw new TransportError(
      "INVALID_CONFIG",
      `Public key: ${KEY_LENGTH} bytes expected, got ${publicKey.length}`,
    );
  }
  if (isSmallOrder(publicKey)) {
    throw new TransportError(
      "INVALID_CONFIG",
      "Public key: it is nobody's, a point of small order",
    );
  }
}

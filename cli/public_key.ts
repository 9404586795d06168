/**
 * Public keys as they stand in URLs and key files.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/**
 * Writes a key.
 *
 * @param key 32 bytes.
 * @returns 43 characters of base64url.
 */
export function formatPublicKey(key: Uint8Array): string {
  return Buffer.from(key).toString("base64url");
}

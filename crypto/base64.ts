/**
 * Base64 (RFC 4648) without padding: the standard alphabet for fingerprints,
 * the URL-safe one for keys in text.
 *
 * @module
 */

/**
 * Encodes bytes with the standard alphabet, without padding.
 *
 * @param bytes What to encode; borrowed.
 * @returns The text.
 */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("=", "");
}

/**
 * Encodes bytes with the URL-safe alphabet, without padding.
 *
 * @param bytes What to encode, a key or another short value; borrowed.
 * @returns The text.
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * Decodes the URL-safe alphabet without padding, and only its one canonical
 * form: no other letters, no spaces, no bits left over.
 *
 * @param text What to decode.
 * @returns The bytes, or `undefined` when `text` is not canonical.
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  return encodeBase64Url(bytes) === text ? bytes : undefined;
}

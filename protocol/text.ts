/**
 * Strict UTF-8: what is not well formed is refused in both directions, never
 * replaced, so that two different texts never become the same bytes.
 *
 * @module
 */

import { allocateBytes } from "../internal/byte_pool.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here a loop beats the call into the runtime's own codec. */
const SHORT_TEXT_LENGTH = 32;

/**
 * Encodes text.
 *
 * @param text Any string.
 * @returns Its UTF-8 bytes, or undefined when it holds half a surrogate pair.
 */
export function encodeText(text: string): Uint8Array | undefined {
  const length = text.length;
  if (length <= SHORT_TEXT_LENGTH) {
    const bytes = allocateBytes(length);
    let index = 0;
    for (; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) break;
      bytes[index] = code;
    }
    if (index === length) return bytes;
  }
  return text.isWellFormed() ? encoder.encode(text) : undefined;
}

/**
 * Decodes text.
 *
 * @param bytes What should be UTF-8.
 * @returns The text, or undefined when the bytes are not UTF-8. A byte order
 * mark is part of the text.
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  const length = bytes.length;
  if (length <= SHORT_TEXT_LENGTH) {
    let text = "";
    let index = 0;
    for (; index < length; index++) {
      const byte = bytes[index]!;
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (index === length) return text;
  }
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

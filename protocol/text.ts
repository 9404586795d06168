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
 * Writes short text where it goes: without a copy, unlike {@linkcode encodeText}.
 *
 * @param text Any string.
 * @param into Where; `text.length` bytes are free from `at` on.
 * @param at Index of the first byte.
 * @returns Whether it was written: not when it is long or not ASCII.
 */
export function writeShortText(
  text: string,
  into: Uint8Array,
  at: number,
): boolean {
  const { length } = text;
  if (length > SHORT_TEXT_LENGTH) return false;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return false;
    into[at + index] = code;
  }
  return true;
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

/** Names that are remembered. A power of two. */
const REMEMBERED_NAMES = 256;

/** The last name for each hash. */
const names: string[] = new Array<string>(REMEMBERED_NAMES).fill("");

/**
 * Decodes a name: text of which the same comes again and again, so that the same
 * string is given for it. It costs no memory then, and whoever looks it up in a
 * table does not hash it anew.
 *
 * @param bytes Hold the name; borrowed.
 * @param start Index of its first byte.
 * @param end Index after its last byte.
 * @returns The name, or undefined when the bytes are not UTF-8.
 */
export function decodeName(
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  const length = end - start;
  if (length > SHORT_TEXT_LENGTH) return decodeText(bytes.subarray(start, end));
  let hash = length;
  for (let index = start; index < end; index++) {
    const byte = bytes[index]!;
    if (byte >= 0x80) return decodeText(bytes.subarray(start, end));
    hash = Math.imul(hash, 31) + byte | 0;
  }
  const slot = hash & REMEMBERED_NAMES - 1;
  const known = names[slot]!;
  if (isWrittenAt(known, bytes, start, length)) return known;
  const name = decodeText(bytes.subarray(start, end));
  if (name !== undefined) names[slot] = name;
  return name;
}

function isWrittenAt(
  text: string,
  bytes: Uint8Array,
  start: number,
  length: number,
): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}

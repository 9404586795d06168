/**
 * A way to find out who keeps borrowed bytes.
 *
 * Receive buffers, scratch and send buffers are used again and again; whoever
 * is lent a view of one must not keep it. A view that is kept shows other bytes
 * only under load. With poisoning on, a buffer is overwritten as soon as it is
 * free, so that the first test that looks finds out: `deno task test:poison`.
 *
 * @module
 */

/** What a free buffer holds: no valid type, length, flag or text. */
const POISON_BYTE = 0xdb;

let isEnabled = false;

/** Turns poisoning on, for the rest of the process. */
export function enablePoison(): void {
  isEnabled = true;
}

/**
 * Says that nobody may look at bytes any more.
 *
 * @param bytes A buffer that is free again. Overwritten when poisoning is on.
 */
export function poison(bytes: Uint8Array): void {
  if (isEnabled) bytes.fill(POISON_BYTE);
}

/**
 * Lets the rest of the process run.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Resolves in a later turn of the event loop; Deno looks at sockets in few. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

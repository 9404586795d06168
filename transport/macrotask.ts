/**
 * Later, but without waiting.
 *
 * A chain of microtasks keeps everything else in the process from running.
 * `setTimeout(f, 0)` takes 1 to 2 ms in Deno; `setImmediate` 3 to 6 µs. But while
 * one immediate follows the other, Deno looks only now and then whether something
 * has come to a socket that was empty: up to 60 turns go by without.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";

// The runtime makes one for each turn, from a class of its own that pauses lose too.
if (typeof globalThis.setImmediate === "function") {
  const immediate = setImmediate(() => {});
  clearImmediate(immediate);
  keepHiddenClass(immediate);
}

/**
 * Runs `task` in a turn of the event loop of its own.
 *
 * @param task Must not throw.
 */
export function scheduleMacrotask(task: () => void): void {
  if (typeof globalThis.setImmediate === "function") setImmediate(task);
  else setTimeout(task, 0);
}

/**
 * Runs `task` when the runtime has looked at its sockets for certain, which takes a
 * millisecond or two.
 *
 * @param task Must not throw.
 */
export function scheduleSocketTurn(task: () => void): void {
  setTimeout(task, 0);
}

/**
 * Later, but without waiting: after the runtime has looked at its sockets and
 * timers once.
 *
 * A chain of microtasks keeps everything else in the process from running.
 * `setTimeout(f, 0)` takes 1 to 2 ms in Deno; `setImmediate` 6 µs.
 *
 * @module
 */

/**
 * Runs `task` in a turn of the event loop of its own.
 *
 * @param task Must not throw.
 */
export function scheduleMacrotask(task: () => void): void {
  if (typeof globalThis.setImmediate === "function") setImmediate(task);
  else setTimeout(task, 0);
}

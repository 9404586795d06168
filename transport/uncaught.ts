/**
 * What the application threw where nobody can be told.
 *
 * @module
 */

/**
 * Throws in a microtask, where the runtime reports it as uncaught: whoever calls
 * goes on.
 *
 * @param error What was thrown.
 */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

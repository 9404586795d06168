/**
 * Errors that nobody catches, which end a process and a test as a rule.
 *
 * @module
 */

/**
 * Runs something that leaves errors uncaught.
 *
 * @param body What leaves them.
 * @returns The errors, in order.
 */
export async function collectUncaught(
  body: () => Promise<void>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    errors.push(event.error);
  };
  addEventListener("error", onError);
  try {
    await body();
  } finally {
    removeEventListener("error", onError);
  }
  return errors;
}

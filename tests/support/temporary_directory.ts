/**
 * A directory that is gone after the test.
 *
 * @module
 */

/**
 * Runs a test with a directory of its own.
 *
 * @param body The test.
 */
export async function withDirectory(
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

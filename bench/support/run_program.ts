/**
 * Runs a program to its end.
 *
 * @module
 */
import { execFile } from "node:child_process";

/** What a program left behind. */
export interface ProgramResult {
  /** Its exit code; `undefined` when it could not be started or was ended. */
  readonly code: number | undefined;
  /** Standard output and standard error. */
  readonly output: string;
}

/**
 * Runs a program.
 *
 * @param program Which.
 * @param args Its arguments.
 * @param options Where, and for how long at most.
 * @returns How it went: never rejects.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number; readonly folder?: string } = {},
): Promise<ProgramResult> {
  const { timeoutMs = 10_000, folder } = options;
  return new Promise((resolve) => {
    try {
      execFile(
        program,
        [...args],
        { timeout: timeoutMs, maxBuffer: 1 << 24, cwd: folder },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : error.code;
          resolve({
            code: typeof code === "number" ? code : undefined,
            output: `${stdout}${stderr}`,
          });
        },
      );
    } catch {
      // Some runtimes throw where others report that there is no such program.
      resolve({ code: undefined, output: "" });
    }
  });
}

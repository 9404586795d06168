/**
 * What every command is given.
 *
 * @module
 */
import type { Output } from "./output.ts";

/** The surroundings of a command. */
export interface CommandContext {
  /** Where results and remarks go. */
  readonly output: Output;
  /** Fires at Ctrl-C, or when the system ends the process. */
  readonly interruption: AbortSignal;
  /**
   * Reads a variable of the environment.
   *
   * @param name Its name.
   * @returns Its value; `undefined` when it is not set, is empty, or may not
   * be read.
   */
  readonly environment: (name: string) => string | undefined;
  /**
   * Whether a variable of the environment may be read.
   *
   * @param name Its name.
   */
  readonly mayRead: (name: string) => boolean;
}

/**
 * How a bench starts a process of its own in Deno.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The configuration of the project. */
export const PROJECT_CONFIG: string = fileURLToPath(
  new URL("../../deno.json", import.meta.url),
);

/** What stands before the file. */
export const DENO_ARGUMENTS: readonly string[] = [
  "run",
  "--config",
  PROJECT_CONFIG,
  "--unstable-net",
  "--no-check",
  "--no-prompt",
  "--allow-env",
  "--allow-net=127.0.0.1,localhost",
  "--allow-read",
  "--allow-sys",
  "--v8-flags=--expose-gc",
];

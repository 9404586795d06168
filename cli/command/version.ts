/**
 * `mxp version`: which version this is, and of what it is made.
 *
 * @module
 */
import process from "node:process";
import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { VERSION } from "../version.ts";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addVersion(program: Command, context: CommandContext): void {
  const { output } = context;
  program.command("version")
    .description("show the version, and the runtime that it runs on")
    .option("--json", "JSON on standard output")
    .action(async () => {
      const runtime = findRuntime();
      if (output.isJson) await output.json({ version: VERSION, runtime });
      else await output.write(`mxp ${VERSION} (${runtime})\n`);
    });
}

function findRuntime(): string {
  const { versions } = process;
  for (const name of ["deno", "bun"]) {
    const version = versions[name];
    if (version !== undefined) return `${name} ${version}`;
  }
  return `node ${versions.node}`;
}

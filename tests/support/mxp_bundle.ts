/**
 * `mxp` as one file, for Node.
 *
 * @module
 */
import type { Program } from "./mxp_process.ts";

const ROOT = new URL("../../", import.meta.url);

/**
 * Whether there is a Node to run it.
 *
 * @param script What that Node has to be able to do.
 */
export function hasNode(script = ""): boolean {
  try {
    const args = ["--input-type=module", "--eval", script];
    return new Deno.Command("node", { args }).outputSync().success;
  } catch {
    return false;
  }
}

/**
 * Makes the file.
 *
 * @param directory Where to put it.
 * @returns How Node runs it.
 */
export async function bundleMxp(directory: string): Promise<Program> {
  const bundle = `${directory}/mxp.mjs`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--platform=deno",
      `--output=${bundle}`,
      "cli/main.ts",
    ],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return { command: "node", args: [bundle] };
}

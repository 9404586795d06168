/**
 * `mxp keygen`: makes a key file.
 *
 * @module
 */
import type { Command } from "commander";
import {
  createIdentity,
  createIdentityFile,
  encodeIdentity,
  type Identity,
} from "../../crypto/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../error.ts";
import { parsePath } from "../path_option.ts";
import { formatPublicKey } from "../public_key.ts";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addKeygen(program: Command, context: CommandContext): void {
  program.command("keygen")
    .description("make a key pair that stands for you, a node or an agent")
    .argument("[file]", "the same as --out", parsePath)
    .option(
      "--out <file>",
      "write it to a new file that only you can read",
      parsePath,
    )
    .option("--json", "JSON on standard output, remarks on standard error")
    .addHelpText(
      "after",
      "\nWithout a file name the key file is printed: keep it secret." +
        "\nA file that exists is never overwritten.",
    )
    .action(async (file: string | undefined, options: { out?: string }) => {
      if (file !== undefined && options.out !== undefined) {
        throw usageError("one file only");
      }
      const out = file ?? options.out;
      if (out === undefined) await printKeyFile(context);
      else await writeKeyFile(out, context);
    });
}

async function printKeyFile({ output }: CommandContext): Promise<void> {
  const identity = createIdentity(systemRandom);
  const text = encodeIdentity(identity);
  // A key file is JSON: with --json it is the one value, on one line.
  if (output.isJson) await output.json(JSON.parse(text));
  else await output.write(text);
  output.note(describe(identity));
}

async function writeKeyFile(
  path: string,
  { output }: CommandContext,
): Promise<void> {
  const identity = createIdentityFile(path, systemRandom);
  const publicKey = formatPublicKey(identity.keyPair.publicKey);
  const { fingerprint } = identity;
  if (output.isJson) await output.json({ file: path, publicKey, fingerprint });
  else await output.write(`${publicKey}\n`);
  output.note(`${describe(identity)}, written to ${path}`);
}

function describe({ fingerprint }: Identity): string {
  return `Key ${fingerprint}`;
}

import assert from "node:assert/strict";
import { createIdentityFile } from "../../crypto/mod.ts";
import { withDirectory } from "../../tests/support/temporary_directory.ts";
import { systemRandom } from "../../transport/mod.ts";
import { Output } from "../output.ts";
import { createProgram } from "../program.ts";
import type { OutputStream } from "../standard_stream.ts";

/** Starts a node that ends at once, and gives what it says to a person. */
async function remarksOf(words: readonly string[]): Promise<string> {
  let remarks = "";
  const stdout: OutputStream = { write: (_data, callback) => callback() };
  const stderr: OutputStream = {
    write: (data, callback) => {
      remarks += String(data);
      callback();
    },
  };
  const program = createProgram({
    output: new Output({ isJson: false, stdout, stderr }),
    interruption: AbortSignal.abort(),
    environment: () => undefined,
    mayRead: () => true,
  });
  const line = ["start", "--bind", "127.0.0.1:0", ...words];
  await program.parseAsync(line, { from: "user" });
  return remarks;
}

Deno.test("mxp start says where its key and its registry are, and what ends with it", async () => {
  await withDirectory(async (directory) => {
    const identity = `${directory}/my.key`;
    const data = `${directory}/data`;
    createIdentityFile(identity, systemRandom);
    const cases: [string[], string][] = [
      [[], "Its key and its registry end with it: --data keeps them."],
      [["--data", data], `Its key and its registry are in ${data}.`],
      [
        ["--identity", identity],
        `Its key is in ${identity}, its registry ends with it: --data keeps it.`,
      ],
      [
        ["--identity", identity, "--data", `${data}2`],
        `Its key is in ${identity}, its registry in ${data}2.`,
      ],
    ];
    for (const [words, expected] of cases) {
      const [first] = (await remarksOf(words)).split("\n");
      assert.equal(first, `The node runs. ${expected}`);
    }
  });
});

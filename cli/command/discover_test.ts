import assert from "node:assert/strict";
import { CliError } from "../error.ts";
import { Output } from "../output.ts";
import { createProgram } from "../program.ts";

Deno.test("mxp discover refuses an empty term, as an option and as a word", async () => {
  const program = createProgram({
    output: new Output({ isJson: false }),
    interruption: new AbortController().signal,
    // Nobody is there, and nobody is asked.
    environment: () => "mxp://127.0.0.1:9",
    mayRead: () => true,
  });
  const cases: [string[], string][] = [
    [["--capability", ""], "the capability is empty"],
    [["capability:"], "the capability is empty"],
    [[""], "the capability is empty"],
    [["tag:"], "the tag is empty"],
  ];
  for (const [words, message] of cases) {
    await assert.rejects(
      program.parseAsync(["discover", ...words], { from: "user" }),
      (error) =>
        error instanceof CliError && error.code === "USAGE" &&
        error.message === message,
      words.join(" "),
    );
  }
});

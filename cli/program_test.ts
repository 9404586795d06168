import assert from "node:assert/strict";
import { CommanderError } from "commander";
import config from "../deno.json" with { type: "json" };
import { bashCompletion } from "./completion/bash.ts";
import { listCommands, readCommandTree } from "./completion/command_tree.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";
import type { CommandContext } from "./context.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { VERSION } from "./version.ts";

const CONTEXT: CommandContext = {
  output: new Output({ isJson: false }),
  interruption: new AbortController().signal,
  environment: () => undefined,
};

const TREE = readCommandTree(createProgram(CONTEXT));

function hasProgram(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

function run(name: string, args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(name, { args })
    .outputSync();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

Deno.test("VERSION is that of the package", () => {
  assert.equal(VERSION, config.version);
});

Deno.test("docs/cli.md names every command and every option", () => {
  const text = Deno.readTextFileSync(
    new URL("../docs/cli.md", import.meta.url),
  );
  for (const { path, options } of listCommands(TREE)) {
    assert.ok(text.includes(path.join(" ")), path.join(" "));
    for (const { names } of options) {
      const [name = ""] = names;
      assert.ok(text.includes(name), `${path.join(" ")} ${name}`);
    }
  }
});

Deno.test("No command takes an empty path", async () => {
  const paths = listCommands(TREE).flatMap(({ path, options }) =>
    options.filter(({ argument }) => argument === "path")
      .map(({ names }) => [...path.slice(1), names[0]!, ""])
  );
  assert.ok(paths.length > 10, String(paths.length));
  for (const words of [...paths, ["keygen", ""]]) {
    await assert.rejects(
      createProgram(CONTEXT).parseAsync(words, { from: "user" }),
      (error) =>
        error instanceof CommanderError && /is empty/.test(error.message),
      words.join(" "),
    );
  }
});

Deno.test("Completions for every shell name every command and option", () => {
  for (const write of [bashCompletion, zshCompletion, fishCompletion]) {
    const script = write(TREE);
    for (const { path, options } of listCommands(TREE)) {
      assert.ok(script.includes(path.at(-1)!));
      for (const { names } of options) {
        assert.ok(script.includes(names[0]!.replace(/^--/, "")));
      }
    }
  }
});

Deno.test({
  name: "bash completes commands, options, words and files (needs bash)",
  ignore: !hasProgram("bash"),
  fn() {
    const script = `${bashCompletion(TREE)}
complete_line() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _mxp
  echo "\${COMPREPLY[*]}"
}
complete_line mxp st
complete_line mxp agent l
complete_line mxp agent list --l
complete_line mxp completions ''
complete_line mxp call --node x --cap
complete_line mxp call --node ''
complete_line mxp call --file ./deno.js
`;
    assert.deepEqual(run("bash", ["--norc", "-c", script]).split("\n"), [
      "start stream",
      "list",
      "--limit",
      "bash zsh fish --help -h",
      "--capability",
      "",
      "./deno.json",
      "",
    ]);
  },
});

Deno.test({
  name: "zsh and fish can read their completions (needs zsh or fish)",
  ignore: !hasProgram("zsh") && !hasProgram("fish"),
  fn() {
    if (hasProgram("zsh")) run("zsh", ["-fnc", zshCompletion(TREE)]);
    if (hasProgram("fish")) run("fish", ["-nc", fishCompletion(TREE)]);
  },
});

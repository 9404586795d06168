import assert from "node:assert/strict";
import { CommanderError } from "commander";
import config from "../deno.json" with { type: "json" };
import { bashCompletion } from "./completion/bash.ts";
import { listCommands, readCommandTree } from "./completion/command_tree.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";
import { withDirectory } from "../tests/support/temporary_directory.ts";
import type { CommandContext } from "./context.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { VERSION } from "./version.ts";

const CONTEXT: CommandContext = {
  output: new Output({ isJson: false }),
  interruption: new AbortController().signal,
  environment: () => undefined,
  mayRead: () => true,
};

const TREE = readCommandTree(createProgram(CONTEXT));

function hasProgram(name: string): boolean {
  try {
    return new Deno.Command(name, { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** Bash 3, which macOS has, cannot be told that words are paths. */
function hasCompopt(): boolean {
  return hasProgram("bash") &&
    new Deno.Command("bash", { args: ["-c", "type compopt"] }).outputSync()
      .success;
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

Deno.test("Every command but completions and help has --json, as the README says", () => {
  const without = listCommands(TREE)
    .filter(({ commands, options }) =>
      commands.length === 0 &&
      options.every(({ names }) => !names.includes("--json"))
    )
    .map(({ path }) => path.slice(1).join(" "));
  assert.deepEqual(without, ["agent help", "completions", "help"]);
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

Deno.test("Completions for zsh and fish offer files to keygen, and commands to help", () => {
  const zsh = zshCompletion(TREE);
  assert.match(zsh, /^ {2}'\/keygen'\) items=\(.*\); _files ;;$/m);
  assert.match(zsh, /^ {2}'\/help'\) items=\('start' 'agent' .*\) ;;$/m);
  const fish = fishCompletion(TREE).split("\n");
  const start = "complete -c mxp -n '__fish_seen_subcommand_from";
  assert.ok(fish.includes(`${start} keygen' -F`));
  assert.ok(fish.includes(`${start} help' -a 'agent'`));
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
complete_line mxp help c
complete_line mxp agent help l
complete_line mxp keygen ./deno.js
complete_line mxp keygen --o
`;
    assert.deepEqual(run("bash", ["--norc", "-c", script]).split("\n"), [
      "start stream",
      "list",
      "--limit",
      "bash zsh fish --help -h",
      "--capability",
      "",
      "./deno.json",
      "call conformance completions",
      "list",
      "./deno.json",
      "--out",
      "",
    ]);
  },
});

Deno.test({
  name: "bash completes paths as one would have to type them (needs bash 4)",
  ignore: !hasCompopt(),
  async fn() {
    await withDirectory(async (directory) => {
      Deno.mkdirSync(`${directory}/sub`);
      for (const name of ["my file", "a*", "ab", "sub/$x"]) {
        Deno.writeTextFileSync(`${directory}/${name}`, "");
      }
      const script = `${bashCompletion(TREE)}
mxp() { printf '<%s>' "\${@: -1}"; echo; }
`;
      Deno.writeTextFileSync(`${directory}/completion`, script);
      const lines = [
        "mxp call --file my\t",
        "mxp call --file my\\ f\t",
        "mxp call --file 'my\t",
        "mxp call --file a\\*\t",
        "mxp start --data su\t",
        "mxp call --file sub/\t",
        "mxp keygen my\t",
      ];
      const typed = ["source ./completion", ...lines, "exit"];
      const shell = new Deno.Command("bash", {
        args: ["--norc", "--noprofile", "-i"],
        cwd: directory,
        env: { INPUTRC: "/dev/null", HISTFILE: "" },
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const writer = shell.stdin.getWriter();
      await writer.write(
        new TextEncoder().encode(typed.map((line) => `${line}\n`).join("")),
      );
      await writer.close();
      const { stdout } = await shell.output();
      const printed = new TextDecoder().decode(stdout).match(/^<.*>$/gm);
      assert.deepEqual(printed, [
        "<my file>",
        "<my file>",
        "<my file>",
        "<a*>",
        "<sub/>",
        "<sub/$x>",
        "<my file>",
      ]);
    });
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

/**
 * The command lines of the developer tasks, as processes.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import config from "../../deno.json" with { type: "json" };
import { type Finished, run } from "../support/mxp_process.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs a task as a developer does. */
async function task(...words: readonly string[]): Promise<Finished> {
  const program = { command: Deno.execPath(), args: ["task", "--quiet"] };
  return await run(words, { program });
}

Deno.test("a task that is used wrongly says so in one line, and exits with 2", async () => {
  const result = await task("fuzz", "frames", "--seconds", "abc");
  assert.deepEqual([result.code, result.stdout], [2, ""]);
  assert.equal(
    result.stderr,
    'fuzz: --seconds: must be a number above 0, in seconds, got "abc" ' +
      "(see deno task fuzz --help)\n",
  );
});

Deno.test("a task that is asked for help explains itself, and does nothing", async () => {
  const result = await task("bench:compare", "--help");
  assert.deepEqual([result.code, result.stderr], [0, ""]);
  assert.match(result.stdout, /^Measures @mxp\/core beside its peers/);
  assert.match(result.stdout, /\n {2}--rounds N /);
});

Deno.test("every task of our own code reads its command line the same way", () => {
  const programs = Object.entries(config.tasks).flatMap(([name, command]) => {
    const path = /^deno run .*?(\S+\.ts)( |$)/.exec(command)?.[1];
    return path === undefined ? [] : [{ name, path }];
  });
  assert.ok(programs.length >= 12, `${programs.length} tasks`);
  for (const { name, path } of programs) {
    const source = readFileSync(new URL(path, ROOT), "utf8");
    assert.match(source, /\b(taskOptions|runBenchTask)\(\{/, path);
    // Both tasks of one program explain themselves under one name.
    const own = name === "check:wasm" ? "build:wasm" : name;
    assert.ok(source.includes(`name: "${own}"`), `${path} is task ${own}`);
  }
});

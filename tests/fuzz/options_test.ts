import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TaskUsageError } from "../../tools/task.ts";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() takes a target, a time and a seed", () => {
  const options = parseOptions(["ack", "--seconds", "0.5", "--seed", "0"]);
  assert.ok(options.kind === "fuzz");
  assert.deepEqual(options.targets.map(({ name }) => name), ["ack"]);
  assert.equal(options.seconds, 0.5);
  assert.equal(options.seed, 0);
  assert.equal(options.isKept, false);
});

Deno.test("parseOptions() takes all targets but the one with a bug, and draws a seed", () => {
  const options = parseOptions(["all", "--keep"]);
  assert.ok(options.kind === "fuzz");
  assert.ok(options.targets.length > 10);
  assert.ok(options.targets.every(({ isFaulty }) => !isFaulty));
  assert.ok(Number.isSafeInteger(options.seed));
  assert.equal(options.isKept, true);
});

Deno.test("parseOptions() reads the input that a target is given", () => {
  const path = fileURLToPath(import.meta.url);
  const options = parseOptions(["ack", "--input", path]);
  assert.ok(options.kind === "replay");
  assert.ok(options.input.length > 100);
});

Deno.test("parseOptions() refuses what makes no sense, and says what does", () => {
  const refusals: readonly [readonly string[], RegExp][] = [
    [[], /^Name one target, or all: got none$/],
    [["ack", "call"], /^Name one target, or all: got ack call$/],
    [["nope"], /^There is no target "nope": --list names them$/],
    [["ack", "--seconds", "abc"], /^--seconds: .* got "abc"$/],
    [["ack", "--seed", "x"], /^--seed: .* got "x"$/],
    [["ack", "--input", "no/such"], /^--input: .* no\/such$/],
    [["all", "--input", "no/such"], /^--input: .* one target/],
  ];
  for (const [args, message] of refusals) {
    assert.throws(() => parseOptions(args), (error) => {
      assert.ok(error instanceof TaskUsageError);
      assert.match(error.message, message);
      return true;
    });
  }
});

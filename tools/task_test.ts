import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import {
  choiceOption,
  countOption,
  parseNothing,
  readTask,
  secondsOption,
  type Task,
  TaskUsageError,
} from "./task.ts";

const DIG: Task<number> = {
  name: "dig",
  help: "Digs.\n\n  --depth N\n",
  parse(args) {
    const { values } = parseArgs({
      args: [...args],
      options: { depth: { type: "string" } },
    });
    return countOption("depth", values.depth) ?? 7;
  },
};

Deno.test("readTask() gives the options of a command line that makes sense", () => {
  assert.deepEqual(readTask(DIG, []), { kind: "run", options: 7 });
  const request = readTask(DIG, ["--depth", "3"]);
  assert.deepEqual(request, { kind: "run", options: 3 });
});

Deno.test("readTask() gives the help wherever it is asked for, whatever else is", () => {
  for (const args of [["--help"], ["-h"], ["deep", "--fast", "--help"]]) {
    const request = readTask(DIG, args);
    assert.deepEqual(request, { kind: "help", text: "Digs.\n\n  --depth N" });
  }
});

Deno.test("readTask() says in one line what is wrong and where to look", () => {
  const see = "(see deno task dig --help)";
  const refusals: readonly [readonly string[], string][] = [
    [["--depth", "far"], '--depth: must be a whole number from 1, got "far"'],
    [["--fast"], "Unknown option '--fast'"],
    [["deep"], "Unexpected argument 'deep'"],
    [["--", "--help"], "Unexpected argument '--help'"],
    [["--depth"], "Option '--depth <value>' argument missing"],
    [["--depth", "-3"], "Option '--depth' argument is ambiguous"],
  ];
  for (const [args, reason] of refusals) {
    const request = readTask(DIG, args);
    assert.deepEqual(request, {
      kind: "refused",
      line: `dig: ${reason} ${see}`,
    });
  }
});

Deno.test("readTask() leaves a fault of the task's own as it is", () => {
  const parse = (): never => {
    throw new TypeError("Not a function");
  };
  assert.throws(() => readTask({ ...DIG, parse }, []), /^TypeError: Not a/);
});

Deno.test("parseNothing() takes no word", () => {
  parseNothing([]);
  assert.throws(() => parseNothing(["--fast"]), TypeError);
  assert.throws(() => parseNothing(["deep"]), TypeError);
});

Deno.test("countOption() takes whole numbers from the least one", () => {
  assert.equal(countOption("n", undefined), undefined);
  assert.equal(countOption("n", "1"), 1);
  assert.equal(countOption("n", "0", 0), 0);
  for (const text of ["", " ", "0", "-1", "1.5", "many", "NaN", "1e99"]) {
    assert.throws(() => countOption("n", text), TaskUsageError, text);
  }
});

Deno.test("secondsOption() takes any number above zero", () => {
  assert.equal(secondsOption("s", undefined), undefined);
  assert.equal(secondsOption("s", "0.5"), 0.5);
  for (const text of ["", "0", "-1", "abc", "Infinity", "5s"]) {
    assert.throws(() => secondsOption("s", text), TaskUsageError, text);
  }
});

Deno.test("choiceOption() takes what is on the list", () => {
  const choices = ["red", "green"] as const;
  assert.equal(choiceOption("c", undefined, choices), undefined);
  assert.equal(choiceOption("c", "red", choices), "red");
  assert.throws(() => choiceOption("c", "blue", choices), {
    message: '--c: must be red or green, got "blue"',
  });
});

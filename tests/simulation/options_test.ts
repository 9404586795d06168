import assert from "node:assert/strict";
import { TaskUsageError } from "../../tools/task.ts";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() gives a thousand seeds, those that are asked for, or one", () => {
  assert.deepEqual(parseOptions([]), { first: 1, count: 1_000 });
  assert.deepEqual(parseOptions(["--from=26", "--seeds=25"]), {
    first: 26,
    count: 25,
  });
  assert.deepEqual(parseOptions(["--seed", "17"]), { first: 17, count: 1 });
});

Deno.test("parseOptions() refuses what would run nothing, or not what is meant", () => {
  for (
    const args of [
      ["--seeds", "many"],
      ["--seeds", "0"],
      ["--from", "x"],
      ["--seed", ""],
      ["--seed", "1", "--seeds", "5"],
    ]
  ) assert.throws(() => parseOptions(args), TaskUsageError, args.join(" "));
});

import assert from "node:assert/strict";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() takes both curves when none is named", () => {
  const options = parseOptions([]);
  assert.deepEqual(options.curves, ["connections", "streams"]);
  assert.equal(options.roundCount, 3);
  assert.equal(options.maxCount, Infinity);
  assert.equal(options.outputFolder, "dist/scale");
});

Deno.test("parseOptions() takes one curve, one round, and no more than so many", () => {
  const options = parseOptions(["--quick", "--only", "streams", "--max", "99"]);
  assert.deepEqual(options.curves, ["streams"]);
  assert.equal(options.roundCount, 1);
  assert.equal(options.maxCount, 99);
  assert.ok(options.settings.seconds < parseOptions([]).settings.seconds);
});

Deno.test("parseOptions() refuses what it does not know", () => {
  for (
    const args of [
      ["--only", "agents"],
      ["--rounds", "0"],
      ["--max", "many"],
      ["--fast"],
    ]
  ) assert.throws(() => parseOptions(args));
});

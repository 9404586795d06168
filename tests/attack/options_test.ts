import assert from "node:assert/strict";
import { TaskUsageError } from "../../tools/task.ts";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() floods with everything, each at its own rate", () => {
  assert.deepEqual(parseOptions([]), {
    floods: [
      { kind: "garbage", datagramsPerSecond: 100_000 },
      { kind: "hello", datagramsPerSecond: 20_000 },
    ],
    seconds: 10,
    isFfiAllowed: false,
  });
});

Deno.test("parseOptions() floods with one kind, as fast and as long as it is told", () => {
  const args = ["--only=hello", "--rate=500", "--seconds=1.5", "--ffi"];
  assert.deepEqual(parseOptions(args), {
    floods: [{ kind: "hello", datagramsPerSecond: 500 }],
    seconds: 1.5,
    isFfiAllowed: true,
  });
});

Deno.test("parseOptions() refuses a flood that would send nothing", () => {
  for (
    const args of [
      ["--only", "rain"],
      ["--rate", "fast"],
      ["--seconds", "0"],
    ]
  ) assert.throws(() => parseOptions(args), TaskUsageError, args.join(" "));
});

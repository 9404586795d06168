import assert from "node:assert/strict";
import { measureScale } from "./scale.ts";

Deno.test("measureScale() measures connections and open streams in two processes each", async () => {
  const { curves } = await measureScale({
    curves: ["connections", "streams"],
    roundCount: 1,
    settings: {
      processWarmUpSeconds: 0.02,
      warmUpSeconds: 0.01,
      seconds: 0.03,
    },
    maxCount: 10,
    outputFolder: "",
  }, () => {});
  assert.deepEqual(curves.map(({ failures }) => failures), [[], []]);
  assert.deepEqual(
    curves.map(({ points }) => points.map(({ count }) => count)),
    [[1, 10], [10]],
  );
  for (const { rows } of curves) {
    for (const { key, cells } of rows) {
      // What one takes is not known of so few.
      if (key === "memoryEachKb") continue;
      assert.ok(cells.at(-1)!.median > 0, key);
    }
  }
});

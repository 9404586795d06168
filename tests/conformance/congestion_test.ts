import assert from "node:assert/strict";
import { createCongestionController } from "../../transport/core/congestion/create_controller.ts";
import { Cubic } from "../../transport/core/congestion/cubic.ts";
import { NewReno } from "../../transport/core/congestion/new_reno.ts";
import { testCongestionController } from "./congestion_conformance.ts";

testCongestionController({
  name: "Cubic",
  reductionFactor: 0.7,
  create: (options) => createCongestionController("cubic", options),
});

testCongestionController({
  name: "NewReno",
  reductionFactor: 0.5,
  create: (options) => createCongestionController("new-reno", options),
});

Deno.test("createCongestionController() builds what its name says", () => {
  assert.ok(createCongestionController("cubic") instanceof Cubic);
  assert.ok(createCongestionController("new-reno") instanceof NewReno);
});

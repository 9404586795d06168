import assert from "node:assert/strict";
import { PEERS } from "./catalogue.ts";
import { METRIC_NAMES } from "./metrics/mod.ts";
import { parseOptions } from "./options.ts";

Deno.test("parseOptions() takes everything when nothing is named", () => {
  const { peers, metrics, roundCount, settings } = parseOptions([]);
  assert.deepEqual(peers, PEERS);
  assert.deepEqual(metrics, METRIC_NAMES);
  assert.equal(roundCount, 3);
  assert.equal(settings.idleCount, 1_000);
});

Deno.test("parseOptions() tells metrics from peers", () => {
  const { peers, metrics, roundCount } = parseOptions([
    "--quick",
    "--only",
    "latency,mxp",
    "--only",
    "raw",
  ]);
  assert.deepEqual(peers.map(({ name }) => name), ["raw", "mxp"]);
  assert.deepEqual(metrics, ["latency"]);
  assert.equal(roundCount, 1);
});

Deno.test("parseOptions() refuses what it does not know", () => {
  assert.throws(() => parseOptions(["--only", "carrier-pigeon"]), /pigeon/);
  // A variable of the shell that is not set: it is not everything.
  assert.throws(() => parseOptions(["--only", ""]), /--only/);
  assert.throws(() => parseOptions(["--rounds", "0"]), /--rounds/);
  assert.throws(() => parseOptions(["--rounds", "1.5"]), /--rounds/);
  assert.throws(() => parseOptions(["--fast"]), TypeError);
});

Deno.test("no peer has the name of a metric, and each name is there once", () => {
  const names = [...PEERS.map(({ name }) => name), ...METRIC_NAMES];
  assert.equal(new Set(names).size, names.length);
});

import assert from "node:assert/strict";
import { PEERS } from "./catalogue.ts";
import { compare } from "./compare.ts";

Deno.test("compare() measures raw UDP and @mxp/core in two processes each", async () => {
  const results = await compare({
    peers: PEERS.filter(({ name }) => name === "raw" || name === "mxp"),
    metrics: ["latency"],
    roundCount: 2,
    settings: {
      warmUpSeconds: 0.02,
      seconds: 0.05,
      setUpCount: 1,
      idleCount: 1,
    },
    isPinned: false,
    outputFolder: "",
  }, () => {});
  assert.deepEqual(results.peers.map(({ failures }) => failures), [[], []]);
  assert.deepEqual(results.rows.map(({ key }) => key), [
    "latencyP50Us",
    "latencyP99Us",
  ]);
  for (const { peers } of results.rows) {
    assert.equal(peers.raw!.rounds.length, 2);
    assert.ok(peers.raw!.median > 0);
    assert.ok(peers.mxp!.timesRaw! > 0);
  }
  assert.ok(results.machine.processorCount > 0);
});

Deno.test("compare() names a peer that the machine lacks, and goes on", async () => {
  const raw = PEERS.find(({ name }) => name === "raw")!;
  const broker = {
    program: "no-such-broker",
    versionArgument: "--version",
    start: () => [],
  };
  const results = await compare({
    peers: [raw, { ...raw, name: "brokered", broker }],
    metrics: ["latency"],
    roundCount: 1,
    settings: {
      warmUpSeconds: 0.01,
      seconds: 0.02,
      setUpCount: 1,
      idleCount: 1,
    },
    isPinned: false,
    outputFolder: "",
  }, () => {});
  assert.equal(results.peers[1]!.missing, "no no-such-broker");
  assert.ok(results.rows[0]!.peers.raw!.median > 0);
  assert.ok(!("brokered" in results.rows[0]!.peers));
});

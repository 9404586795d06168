/**
 * Some thousand calls with key updates and changes of address: `deno task soak`
 * makes a million, and watches the memory.
 */
import assert from "node:assert/strict";
import { runSoak } from "../soak/soak.ts";

Deno.test("5,000 calls are answered once each while keys are replaced and the caller moves", async () => {
  const callCount = 5_000;
  const report = await runSoak({
    callCount,
    keyUpdatePackets: 20,
    callsPerMove: 500,
  });
  assert.deepEqual(report.errors, []);
  assert.equal(report.answeredCount, callCount);
  assert.equal(report.handledCount, callCount);
  assert.equal(report.moveCount, 10);
  assert.ok(report.noticedMoveCount >= 5, `${report.noticedMoveCount} noticed`);
  assert.ok(report.keyUpdateCount >= 8, `${report.keyUpdateCount} updates`);
  assert.equal(report.samples.length, 20);
});

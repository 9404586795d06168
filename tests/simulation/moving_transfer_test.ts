import assert from "node:assert/strict";
import {
  type MovingTransferOptions,
  simulateMovingTransfer,
} from "./moving_transfer.ts";

const MIB = 2 ** 20;

/** 100 MB/s and 20 ms: what keys and moves cost shows, not the wire. */
const FAST: MovingTransferOptions = {
  downBytes: 64 * MIB,
  upBytes: MIB,
  link: {
    latencyMs: 10,
    bandwidthBytesPerSecond: 100_000_000,
    queueBytes: 2_000_000,
  },
  keyUpdatePackets: 1_000,
  movesAt: [0.5],
  isMoveKnown: true,
};

// Issue 3, done-line 3.
Deno.test("64 MiB arrive whole through a move and a key update every 1,000 packets", () => {
  const { client, server, durationMs } = simulateMovingTransfer(FAST);
  for (const { keyUpdates } of [client, server]) {
    assert.ok(keyUpdates >= 45, `${keyUpdates} key updates`);
  }
  // 2,630 ms without a move and with the first keys.
  assert.ok(durationMs < 2_800, `${durationMs} ms`);
  assert.equal(server.probeTimeouts, 0);
});

Deno.test("8 MiB arrive whole through five moves of a translator under loss, with a key update every 100 packets", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { server } = simulateMovingTransfer({
      ...FAST,
      seed,
      downBytes: 8 * MIB,
      upBytes: 8 * MIB,
      link: { latencyMs: 10, lossRate: 0.005, jitterMs: 3 },
      keyUpdatePackets: 100,
      movesAt: [0.1, 0.3, 0.5, 0.7, 0.9],
      isMoveKnown: seed === 2,
    });
    assert.ok(server.keyUpdates > 50, `${server.keyUpdates} key updates`);
  }
});

import assert from "node:assert/strict";
import { EndpointCounters } from "./endpoint_counters.ts";

Deno.test("EndpointCounters counts datagrams and bytes of both directions, and resets", () => {
  const counters = new EndpointCounters();
  counters.onReceived(1_200);
  counters.onReceived(33);
  counters.onSent(100);
  counters.onResetSent();
  assert.deepEqual(counters.stats, {
    datagramsReceived: 2,
    bytesReceived: 1_233,
    datagramsSent: 1,
    bytesSent: 100,
    resetsSent: 1,
    limitsReached: {},
    drops: {},
  });
});

Deno.test("EndpointCounters counts each limit and each reason of a drop by itself", () => {
  const counters = new EndpointCounters();
  counters.onLimit("maxDataBytes");
  counters.onLimit("maxAckRanges");
  counters.onLimit("maxDataBytes");
  counters.onDropped("malformed");
  counters.onDropped("malformed");
  counters.onDropped("duplicate-handshake");
  const { limitsReached, drops } = counters.stats;
  assert.deepEqual(limitsReached, { maxDataBytes: 2, maxAckRanges: 1 });
  assert.deepEqual(drops, { malformed: 2, "duplicate-handshake": 1 });
});

Deno.test("EndpointCounters.stats stays what it was when more is counted", () => {
  const counters = new EndpointCounters();
  counters.onLimit("maxDataBytes");
  counters.onDropped("malformed");
  const before = counters.stats;
  counters.onReceived(1);
  counters.onLimit("maxDataBytes");
  counters.onDropped("malformed");
  assert.equal(before.datagramsReceived, 0);
  assert.deepEqual(before.limitsReached, { maxDataBytes: 1 });
  assert.deepEqual(before.drops, { malformed: 1 });
});

import assert from "node:assert/strict";
import {
  averageWindow,
  BULK_DATAGRAM_BYTES as DATAGRAM,
  BulkTransfer,
  cubicModel,
  goodput,
  renoModel,
} from "../../../tests/figures/bulk_transfer.ts";
import { kernelBytes, MAX_UNPACED_KERNEL_BYTES } from "../receive_buffer.ts";

for (const congestionControl of ["cubic", "new-reno"] as const) {
  for (const [lossRate, rounds] of [[0.01, 250], [0.05, 400], [0.2, 800]]) {
    const percent = 100 * lossRate!;
    Deno.test(`${congestionControl} sends 80 % of its model or more at ${percent} % loss and 50 ms (RFC 9438 §4.3, §5.1)`, () => {
      const model = renoModel(lossRate!);
      // the curve is below: this is the Reno-friendly region
      assert.ok(cubicModel(lossRate!, 50) < model);
      const window = averageWindow(congestionControl, {
        rttMs: 50,
        lossRate: lossRate!,
        rounds: rounds!,
      });
      assert.ok(window >= 0.8 * model, `${window} of ${model} datagrams`);
      assert.ok(window <= 1.4 * model, `${window} of ${model} datagrams`);
    });
  }
}

Deno.test("cubic sends 80 % of its model or more at 0.2 % loss and 400 ms, twice as much as Reno would (RFC 9438 §5.1)", () => {
  const path = { rttMs: 400, lossRate: 0.002, rounds: 120 };
  const model = cubicModel(path.lossRate, path.rttMs);
  assert.ok(model > 2 * renoModel(path.lossRate));
  const window = averageWindow("cubic", path);
  assert.ok(window >= 0.8 * model, `${window} of ${model} datagrams`);
});

for (const congestionControl of ["cubic", "new-reno"] as const) {
  Deno.test(`${congestionControl} keeps 80 % of what it sends when packets come late (RFC 9002 §6.1.1)`, () => {
    const clean = goodput(congestionControl, { lateRate: 0, lateMs: 0 });
    assert.ok(clean > 0.8 * 40_000, `${clean} bytes per ms`);
    for (const [lateRate, lateMs] of [[0.02, 20], [0.1, 5]] as const) {
      const received = goodput(congestionControl, { lateRate, lateMs });
      // 1 % of it where each late packet is taken for lost
      assert.ok(received > 0.8 * clean, `${received} of ${clean} bytes per ms`);
    }
  });

  for (const lossRate of [0.01, 0.05]) {
    const percent = 100 * lossRate;
    Deno.test(`${congestionControl} backs off for ${percent} % of losses among late packets as without them (RFC 9438 §4.3, §5.1)`, () => {
      const model = renoModel(lossRate);
      const window = averageWindow(congestionControl, {
        rttMs: 50,
        lossRate,
        lateRate: 0.02,
        lateMs: 20,
        rounds: 400,
      });
      assert.ok(window >= 0.8 * model, `${window} of ${model} datagrams`);
      assert.ok(window <= 1.4 * model, `${window} of ${model} datagrams`);
    });
  }
}

for (const congestionControl of ["cubic", "new-reno"] as const) {
  Deno.test(`${congestionControl} may lose every second packet of a window of 16 MiB where slow start ends`, () => {
    const bulk = new BulkTransfer({
      link: {
        latencyMs: 25,
        bandwidthBytesPerSecond: 40_000_000,
        queueBytes: 3_000_000,
      },
      client: { sendBufferBytes: 16_777_216 },
      server: { maxStreamDataBytes: 16_777_216, maxDataBytes: 33_554_432 },
    }, congestionControl);
    bulk.measure(800);
    const { received } = bulk.measure(500);
    assert.ok(bulk.client.stats.packetsLost > 2_048);
    assert.equal(bulk.client.state, "established");
    assert.ok(received > 0.8 * 40_000, `${received} bytes per ms`);
  });
}

Deno.test("cubic leaves slow start with less loss than without HyStart++ (RFC 9406)", () => {
  // a queue of three times what the path holds: 50 ms at 1.25 MB/s
  const link = {
    latencyMs: 25,
    bandwidthBytesPerSecond: 1_250_000,
    queueBytes: 190_000,
  };
  const [withIt, without] = (["cubic", "new-reno"] as const).map((name) => {
    const bulk = new BulkTransfer({ link }, name);
    const { received } = bulk.measure(2_000);
    assert.ok(received > 0.85 * 1_250, `${received} bytes per ms`);
    return bulk.client.stats.packetsLost;
  });
  // CUBIC without HyStart++ loses 244 here, with it 77
  assert.ok(withIt! < 0.6 * without!, `${withIt} and ${without} packets`);
});

for (const rttMs of [1, 2, 5, 10]) {
  Deno.test(`Pacer fills a path of ${rttMs} ms and 20 MB/s as well with timers that are 2 ms late`, () => {
    const [exact, late] = [0, 2.1].map((timerLatenessMs) => {
      const link = {
        latencyMs: rttMs / 2,
        bandwidthBytesPerSecond: 20_000_000,
        queueBytes: 150_000,
      };
      const bulk = new BulkTransfer({ link, timerLatenessMs }, "cubic");
      bulk.measure(50);
      return bulk.measure(100).sent;
    });
    assert.ok(late! > 0.95 * exact!, `${late} and ${exact} bytes per ms`);
    assert.ok(late! > 0.9 * 20_000, `${late} bytes per ms`);
  });
}

Deno.test("Recovery keeps what is in flight on an unpaced path within the receive buffer", () => {
  const bulk = new BulkTransfer({ link: { latencyMs: 0.2 } }, "cubic");
  bulk.measure(5);
  let most = 0;
  const { network } = bulk.pair;
  const count = network.filter!;
  network.filter = (...datagram) => {
    most = Math.max(most, bulk.client.stats.bytesInFlight);
    return count(...datagram);
  };
  bulk.measure(20);
  const fitting = Math.floor(MAX_UNPACED_KERNEL_BYTES / kernelBytes(DATAGRAM));
  assert.equal(most, fitting * DATAGRAM);
  assert.equal(bulk.client.stats.packetsLost, 0);
});

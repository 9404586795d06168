import assert from "node:assert/strict";
import { SeededRandom } from "./seeded_random.ts";
import { type LinkOptions, SimulatedNetwork } from "./simulated_network.ts";
import { VirtualClock } from "./virtual_clock.ts";

const A = { hostname: "10.0.0.1", port: 1 };
const B = { hostname: "10.0.0.2", port: 2 };
const COUNT = 2_000;

interface Arrival {
  readonly at: number;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Sends numbered datagrams, one a millisecond, and lists what arrives. */
function run(
  options: Partial<LinkOptions>,
  seed = 1,
  lengthBytes = 100,
): { arrivals: Arrival[]; network: SimulatedNetwork } {
  const network = new SimulatedNetwork(new SeededRandom(seed), options);
  const clock = new VirtualClock(0);
  const arrivals: Arrival[] = [];
  const collect = (): void => {
    for (
      let delivery = network.poll(clock.now());
      delivery !== undefined;
      delivery = network.poll(clock.now())
    ) {
      const bytes = delivery.datagram;
      const index = new DataView(bytes.buffer).getUint32(0);
      arrivals.push({ at: clock.now(), index, bytes });
    }
  };
  for (let index = 0; index < COUNT; index++) {
    const datagram = new Uint8Array(lengthBytes);
    new DataView(datagram.buffer).setUint32(0, index);
    network.send(clock.now(), datagram, { from: A, to: B });
    // The sender may reuse its buffer.
    datagram.fill(0xff);
    clock.advance(1);
    collect();
  }
  for (
    let at = network.nextDeliveryAt();
    at !== undefined;
    at = network.nextDeliveryAt()
  ) {
    clock.advanceTo(at);
    collect();
  }
  return { arrivals, network };
}

Deno.test("SimulatedNetwork delivers all, in order, after the latency", () => {
  const { arrivals } = run({ latencyMs: 5 });
  assert.deepEqual(
    arrivals.map(({ index }) => index),
    Array.from({ length: COUNT }, (_, index) => index),
  );
  assert.ok(arrivals.every(({ at, index }) => at === index + 5));
});

Deno.test("SimulatedNetwork has its share of the datagrams come late", () => {
  const { arrivals } = run({ latencyMs: 5, lateRate: 0.1, lateMs: 20 });
  assert.equal(arrivals.length, COUNT);
  const late = arrivals.filter(({ at, index }) => at === index + 25);
  assert.ok(late.length > 0.08 * COUNT && late.length < 0.12 * COUNT);
  const rest = arrivals.filter(({ at, index }) => at === index + 5);
  assert.equal(late.length + rest.length, COUNT);
});

Deno.test("SimulatedNetwork repeats a run from its seed", () => {
  const faults = {
    lossRate: 0.1,
    duplicateRate: 0.1,
    corruptRate: 0.1,
    jitterMs: 10,
  };
  assert.deepEqual(run(faults, 3).arrivals, run(faults, 3).arrivals);
  assert.notDeepEqual(run(faults, 3).arrivals, run(faults, 4).arrivals);
});

Deno.test("SimulatedNetwork loses, doubles, damages and reorders as told", () => {
  const lost = run({ lossRate: 0.1 }).network.stats;
  assert.ok(lost.lost > COUNT * 0.07 && lost.lost < COUNT * 0.13);
  assert.equal(lost.delivered, COUNT - lost.lost);

  const doubled = run({ duplicateRate: 0.1 }).network.stats;
  assert.ok(doubled.duplicated > COUNT * 0.07);
  assert.equal(doubled.delivered, COUNT + doubled.duplicated);

  const damaged = run({ corruptRate: 0.1 });
  const broken = damaged.arrivals.filter(({ bytes }, index) =>
    new DataView(bytes.buffer).getUint32(0) !== index ||
    bytes.subarray(4).some((byte) => byte !== 0)
  );
  assert.equal(broken.length, damaged.network.stats.corrupted);
  assert.ok(broken.length > COUNT * 0.07);

  const jittered = run({ jitterMs: 10 }).arrivals;
  assert.ok(
    jittered.some(({ index }, at) => at > 0 && index < jittered[at - 1]!.index),
  );
});

Deno.test("SimulatedNetwork sends no faster than the bandwidth, and drops what does not fit the queue", () => {
  // 100 bytes a millisecond are offered, 50 pass.
  const { arrivals, network } = run({
    latencyMs: 0,
    bandwidthBytesPerSecond: 50_000,
    queueBytes: 1_000,
  });
  const { stats } = network;
  assert.ok(stats.droppedByQueue > COUNT * 0.45);
  const passed = arrivals.length * 100;
  assert.ok(Math.abs(passed - COUNT * 50) <= 1_100);
});

Deno.test("SimulatedNetwork drops what is larger than the path carries", () => {
  assert.equal(run({ mtuBytes: 99 }).network.stats.droppedByMtu, COUNT);
  assert.equal(run({ mtuBytes: 100 }).arrivals.length, COUNT);
});

Deno.test("SimulatedNetwork.heal() ends all faults", () => {
  const network = new SimulatedNetwork(new SeededRandom(1), { lossRate: 1 });
  network.filter = () => false;
  network.configureLink(A, B, { lossRate: 1 });
  network.send(0, new Uint8Array(1), { from: A, to: B });
  network.heal();
  network.send(0, new Uint8Array(2), { from: A, to: B });
  assert.equal(network.poll(10)?.datagram.length, 2);
  assert.equal(network.poll(10), undefined);
});

Deno.test("SimulatedNetwork.rebind() shows a sender under another address", () => {
  const network = new SimulatedNetwork(new SeededRandom(1), { latencyMs: 0 });
  const outside = { hostname: "192.0.2.1", port: 77 };
  network.rebind(A, outside);
  network.send(0, new Uint8Array(1), { from: A, to: B });
  assert.deepEqual(network.poll(0)?.from, outside);
  network.send(0, new Uint8Array(1), { from: B, to: outside });
  assert.deepEqual(network.poll(0)?.to, A);
});

Deno.test("VirtualClock moves forward only", () => {
  const clock = new VirtualClock(10);
  assert.equal(clock.advance(5), 15);
  assert.equal(clock.advanceTo(3), 15);
  assert.equal(clock.advanceTo(20), 20);
  assert.throws(() => clock.advance(-1), { name: "AssertionError" });
});

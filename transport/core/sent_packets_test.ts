import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_NOT_IN_FLIGHT_PACKETS,
  type SentPacket,
  SentPackets,
} from "./sent_packets.ts";

function packet(
  packetNumber: number,
  more: Partial<SentPacket> = {},
): SentPacket {
  return {
    packetNumber,
    sentAt: packetNumber,
    sizeBytes: 1_200,
    isAckEliciting: true,
    isInFlight: true,
    frames: [],
    isMtuProbe: false,
    ...more,
  };
}

function ackOnly(packetNumber: number): SentPacket {
  return packet(packetNumber, {
    sizeBytes: 60,
    isAckEliciting: false,
    isInFlight: false,
  });
}

function numbersOf(packets: Iterable<SentPacket>): number[] {
  return Array.from(packets, (each) => each.packetNumber);
}

Deno.test("SentPackets counts bytes and ack-eliciting packets in flight (RFC 9002 §2)", () => {
  const sent = new SentPackets();
  sent.add(packet(0));
  sent.add(ackOnly(1));
  sent.add(packet(2, { sizeBytes: 500, isAckEliciting: false }));
  assert.equal(sent.bytesInFlight, 1_700);
  assert.equal(sent.ackElicitingInFlight, 1);
  assert.equal(sent.size, 3);
  sent.take(0);
  assert.equal(sent.bytesInFlight, 500);
  assert.equal(sent.ackElicitingInFlight, 0);
});

Deno.test("SentPackets.take() hands a packet back once", () => {
  const sent = new SentPackets();
  const first = packet(7);
  sent.add(first);
  assert.equal(sent.take(6), undefined);
  assert.equal(sent.take(8), undefined);
  assert.equal(sent.take(7), first);
  assert.equal(sent.take(7), undefined);
  assert.equal(sent.oldest, undefined);
  assert.equal(sent.takeOldest(), undefined);
});

Deno.test("SentPackets.add() refuses numbers that do not rise", () => {
  const sent = new SentPackets();
  sent.add(packet(3));
  assert.throws(() => sent.add(packet(3)), { name: "AssertionError" });
});

Deno.test("SentPackets finds packets across gaps in the numbers", () => {
  const sent = new SentPackets();
  for (const number of [5, 6, 10, 1_000, 2 ** 40, 2 ** 52]) {
    sent.add(packet(number));
  }
  const taken: SentPacket[] = [];
  sent.takeRange(6, 1_001, taken);
  assert.deepEqual(numbersOf(taken), [6, 10, 1_000]);
  assert.equal(sent.take(2 ** 40)?.packetNumber, 2 ** 40);
  assert.deepEqual(numbersOf(sent), [5, 2 ** 52]);
});

Deno.test("SentPackets.takeRange() does not walk the width of a range", () => {
  const sent = new SentPackets();
  const base = 2 ** 52;
  for (let index = 0; index < 100; index++) sent.add(packet(base + 2 * index));
  const taken: SentPacket[] = [];
  sent.takeRange(0, Number.MAX_SAFE_INTEGER, taken);
  assert.equal(taken.length, 100);
  assert.equal(sent.size, 0);
  assert.equal(sent.bytesInFlight, 0);
});

Deno.test("SentPackets.takeAll() empties the table in ascending order", () => {
  const sent = new SentPackets();
  for (let number = 0; number < 300; number++) sent.add(packet(number));
  assert.deepEqual(
    numbersOf(sent.takeAll()),
    Array.from({ length: 300 }, (_, n) => n),
  );
  assert.equal(sent.size, 0);
});

Deno.test("SentPackets forgets the oldest packets nobody waits for (RFC 9000 §13.2.1)", () => {
  const sent = new SentPackets();
  sent.add(packet(0));
  for (let number = 1; number <= 10_000; number++) sent.add(ackOnly(number));
  assert.equal(sent.size, 1 + MAX_NOT_IN_FLIGHT_PACKETS);
  assert.equal(sent.bytesInFlight, 1_200);
  const numbers = numbersOf(sent);
  assert.equal(numbers[0], 0);
  assert.equal(numbers[1], 10_001 - MAX_NOT_IN_FLIGHT_PACKETS);
});

Deno.test("SentPackets agrees with a Map under any operations", () => {
  const operation = fc.oneof(
    fc.record({
      type: fc.constant("add" as const),
      gap: fc.oneof(
        { weight: 5, arbitrary: fc.constant(1) },
        fc.integer({ min: 1, max: 9 }),
      ),
      size: fc.integer({ min: 1, max: 1_500 }),
      isInFlight: fc.boolean(),
    }),
    fc.record({ type: fc.constant("take" as const), at: fc.nat(400) }),
    fc.record({
      type: fc.constant("range" as const),
      at: fc.nat(400),
      length: fc.nat(30),
    }),
    fc.record({ type: fc.constant("oldest" as const) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
      const sent = new SentPackets();
      const model = new Map<number, SentPacket>();
      let next = 0;
      for (const each of operations) {
        if (each.type === "add") {
          next += each.gap;
          const added = packet(next, {
            sizeBytes: each.size,
            isInFlight: each.isInFlight,
            isAckEliciting: each.isInFlight,
          });
          sent.add(added);
          model.set(next, added);
        } else if (each.type === "take") {
          assert.equal(sent.take(each.at), model.get(each.at));
          model.delete(each.at);
        } else if (each.type === "range") {
          const taken: SentPacket[] = [];
          sent.takeRange(each.at, each.at + each.length, taken);
          const expected = [...model.keys()].filter((n) =>
            n >= each.at && n < each.at + each.length
          );
          assert.deepEqual(numbersOf(taken), expected);
          for (const number of expected) model.delete(number);
        } else {
          const [first] = model.keys();
          assert.equal(sent.takeOldest()?.packetNumber, first);
          if (first !== undefined) model.delete(first);
        }
        const inFlight = [...model.values()].filter((p) => p.isInFlight);
        assert.equal(
          sent.bytesInFlight,
          inFlight.reduce((sum, p) => sum + p.sizeBytes, 0),
        );
        assert.equal(sent.ackElicitingInFlight, inFlight.length);
        assert.equal(sent.size, model.size);
        assert.equal(sent.oldest, model.values().next().value);
      }
      assert.deepEqual(numbersOf(sent), [...model.keys()]);
    }),
    { numRuns: 60 },
  );
});

import assert from "node:assert/strict";
import type { OutgoingDatagram } from "./carrier/carrier.ts";
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_DATAGRAMS,
  OutgoingBatch,
} from "./outgoing_batch.ts";

const TO = { hostname: "127.0.0.1", port: 9 };
const MAX_DATAGRAM_BYTES = 65_507;

/** Writes a datagram, as an endpoint would. */
function write(batch: OutgoingBatch, length: number, seed: number): void {
  const room = batch.room();
  assert.equal(room.length, MAX_DATAGRAM_BYTES);
  room.subarray(0, length).fill(seed);
  batch.add(room, { length, to: TO, isSeparate: false });
}

/** What a batch hands on: sizes, and the bytes that stand for each datagram. */
function sent(batch: OutgoingBatch): [number, number][] {
  const seen: [number, number][] = [];
  batch.sendWith((datagrams: readonly OutgoingDatagram[]) => {
    for (const { datagram, to } of datagrams) {
      assert.equal(to, TO);
      assert.ok(datagram.every((byte) => byte === datagram[0]));
      seen.push([datagram.length, datagram[0]!]);
    }
    return [];
  });
  return seen;
}

Deno.test("OutgoingBatch hands on what was written, and then holds nothing", () => {
  const batch = new OutgoingBatch(MAX_DATAGRAM_BYTES);
  assert.deepEqual(sent(batch), []);
  write(batch, 1_200, 1);
  write(batch, 70, 2);
  write(batch, MAX_DATAGRAM_BYTES, 3);
  assert.deepEqual(sent(batch), [[1_200, 1], [70, 2], [MAX_DATAGRAM_BYTES, 3]]);
  assert.deepEqual(sent(batch), []);
});

Deno.test("OutgoingBatch is full at a number of datagrams, and at a number of bytes", () => {
  const batch = new OutgoingBatch(MAX_DATAGRAM_BYTES);
  for (let index = 0; index < MAX_BATCH_DATAGRAMS; index++) {
    assert.ok(!batch.isFull);
    write(batch, 10, index + 1);
  }
  assert.ok(batch.isFull);
  assert.equal(sent(batch).length, MAX_BATCH_DATAGRAMS);
  assert.ok(!batch.isFull);
  write(batch, MAX_BATCH_BYTES - 1, 1);
  assert.ok(!batch.isFull);
  write(batch, MAX_DATAGRAM_BYTES, 2);
  assert.ok(batch.isFull);
  assert.deepEqual(sent(batch), [
    [MAX_BATCH_BYTES - 1, 1],
    [MAX_DATAGRAM_BYTES, 2],
  ]);
});

Deno.test("OutgoingBatch returns what has to wait", () => {
  const batch = new OutgoingBatch(MAX_DATAGRAM_BYTES);
  write(batch, 5, 1);
  const pending = [{ to: TO, sending: Promise.resolve() }];
  assert.equal(batch.sendWith(() => pending), pending);
});

Deno.test("OutgoingBatch keeps what was written while other batches are filled and sent", () => {
  const batch = new OutgoingBatch(MAX_DATAGRAM_BYTES);
  write(batch, 1_200, 1);
  const room = batch.room().subarray(0, 1_200);
  room.fill(2);
  // As an observer does that sends what it is shown over another transport.
  for (const seed of [3, 4]) {
    const other = new OutgoingBatch(MAX_DATAGRAM_BYTES);
    write(other, MAX_DATAGRAM_BYTES, seed);
    assert.deepEqual(sent(other), [[MAX_DATAGRAM_BYTES, seed]]);
  }
  batch.add(room, { length: room.length, to: TO, isSeparate: false });
  assert.deepEqual(sent(batch), [[1_200, 1], [1_200, 2]]);
});

Deno.test("OutgoingBatch keeps what is being sent while it is filled again", () => {
  const batch = new OutgoingBatch(MAX_DATAGRAM_BYTES);
  write(batch, 100, 1);
  batch.sendWith(([first]) => {
    write(batch, 200, 2);
    assert.ok(first!.datagram.every((byte) => byte === 1));
    return [];
  });
  assert.deepEqual(sent(batch), [[200, 2]]);
});

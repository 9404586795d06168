import assert from "node:assert/strict";
import { CHECKSUM_MEMORY } from "../protocol/mod.ts";
import { createStreamPair } from "../tests/support/byte_stream_pair.ts";
import { MessageChannel } from "./message_channel.ts";
import { MESSAGE_MEMORY, MessageMemory } from "./message_memory.ts";

const LARGE = 1024 * 1024;

Deno.test("MessageMemory.take() gives the memory of a message as long as this one again", () => {
  const memory = new MessageMemory();
  const first = memory.take(LARGE);
  assert.equal(first.length, LARGE);
  assert.notEqual(memory.take(LARGE), first);
  memory.giveBack(first);
  assert.equal(memory.freeBytes, LARGE);
  assert.equal(memory.take(LARGE - 1), first);
  assert.equal(memory.freeBytes, 0);
});

Deno.test("MessageMemory.take() gives no message memory that is far larger", () => {
  const memory = new MessageMemory();
  const large = memory.take(LARGE);
  memory.giveBack(large);
  const length = LARGE / 2 - 1;
  assert.equal(memory.take(length).length, length);
  assert.equal(memory.take(LARGE), large);
});

Deno.test("MessageMemory.giveBack() keeps all of the memory of a message that was shorter", () => {
  const memory = new MessageMemory();
  const message = memory.detach(memory.take(LARGE), 1_000);
  assert.equal(message.length, 1_000);
  memory.giveBack(message);
  assert.equal(memory.freeBytes, LARGE);
  assert.equal(memory.take(LARGE).buffer, message.buffer);
});

Deno.test("MessageMemory.giveBack() keeps so many bytes at most, those that came last", () => {
  const memory = new MessageMemory(3 * LARGE);
  const taken = Array.from({ length: 5 }, () => memory.take(LARGE));
  for (const each of taken) memory.giveBack(each);
  assert.equal(memory.freeBytes, 3 * LARGE);
  memory.giveBack(memory.take(3 * LARGE + 1));
  assert.equal(memory.freeBytes, 3 * LARGE);
  for (const each of taken.slice(2).toReversed()) {
    assert.equal(memory.take(LARGE), each);
  }
  // What most messages use is never taken from anybody.
  const shared = memory.take(1_000);
  assert.equal(shared, CHECKSUM_MEMORY);
  memory.giveBack(shared);
  memory.giveBack(memory.detach(shared, 1_000));
  assert.equal(memory.freeBytes, 0);
});

Deno.test("MessageChannels keep no memory of large messages, however many there are", async () => {
  const payload = new Uint8Array(LARGE);
  const message = { type: 0x12, messageId: 1n, traceId: 1n, payload };
  const channels: MessageChannel[] = [];
  for (let count = 0; count < 8; count++) {
    const [ours] = createStreamPair();
    const channel = new MessageChannel(ours);
    channels.push(channel);
    await channel.send(message);
    // Of the one before, which has been given back.
    const { freeBytes } = MESSAGE_MEMORY;
    assert.ok(freeBytes > 0);
    await channel.send(message);
    assert.equal(MESSAGE_MEMORY.freeBytes, freeBytes);
  }
  const { freeBytes } = MESSAGE_MEMORY;
  await Promise.all(channels.map((channel) => channel.send(message)));
  assert.equal(MESSAGE_MEMORY.freeBytes, freeBytes);
});

import assert from "node:assert/strict";
import {
  assertRefused,
  callOf,
  messageOf,
  NodeRig,
  settle,
} from "../tests/support/node_rig.ts";
import { createStreamPair } from "../tests/support/byte_stream_pair.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import {
  decodeAck,
  decodeEvent,
  encodeEvent,
  encodeValue,
  MessageFlags,
  MessageType,
} from "../protocol/mod.ts";
import { CallError } from "./error.ts";
import { MessageChannel } from "./message_channel.ts";
import { ackOf } from "./node_answer.ts";
import { REQUEST_TIMEOUT_MS } from "./node_config.ts";
import {
  encodeOutgoingEvent,
  publishEvent,
  publishEvents,
  subscribeTopic,
  unsubscribeTopic,
} from "./registry_client.ts";
import { SENDING_TURNS } from "./sending_turns.ts";
import { StatusCode } from "./status_code.ts";

/** Publishes at once, not when it is the publisher's turn. */
function publishInHub({ hub }: NodeRig, value: string): void {
  const event = {
    ...encodeValue(value),
    topic: "a",
    sequence: 0,
    extensions: [],
  };
  hub.publish("a", { event, flags: 0, messageId: 1n, traceId: 1n }, 10);
}

Deno.test("NodeSession sends matching events on one stream, in order, with its own numbers", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "orders.*", rig.options);
  await subscribeTopic(rig, "bills", rig.options);
  for (const topic of ["orders.1", "other", "bills", "orders.2"]) {
    await rig.publish(topic);
  }
  await settle();
  assert.equal(rig.opened.length, 1);
  const channel = new MessageChannel(rig.opened[0]!);
  for (const [index, topic] of ["orders.1", "bills", "orders.2"].entries()) {
    const message = await channel.receive();
    assert.equal(message?.type, MessageType.EVENT);
    assert.equal(message?.traceId, 6n);
    const event = decodeEvent(message!.payload);
    assert.equal(event.topic, topic);
    assert.equal(event.sequence, index);
    assert.equal(new TextDecoder().decode(event.body), topic);
  }
  await unsubscribeTopic(rig, "bills", rig.options);
  await rig.publish("bills");
  await rig.publish("orders.3");
  const last = await channel.receive();
  assert.equal(decodeEvent(last!.payload).topic, "orders.3");
});

Deno.test("NodeSession forwards sealed events unopened", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", Uint8Array.of(1, 2), MessageFlags.ENCRYPTED);
  const message = await new MessageChannel(rig.opened[0]!).receive();
  assert.equal(message?.flags, MessageFlags.ENCRYPTED);
});

Deno.test("NodeSession refuses bad topics and serves the publisher's stream on", async () => {
  const rig = new NodeRig();
  const channel = new MessageChannel(rig.open());
  const send = (topic: string, flags: number): Promise<void> =>
    channel.send(messageOf(
      MessageType.EVENT,
      encodeEvent({ ...encodeValue(1), topic, sequence: 0 }),
      flags,
    ));
  for (const topic of ["mxp.x", "a*", ""]) {
    await send(topic, 0);
    const answer = await channel.receive();
    assert.equal(answer?.type, MessageType.ERROR);
  }
  await send("quiet", 0);
  await channel.send(messageOf(MessageType.CALL, callOf("mxp.ping", 1)));
  assert.equal((await channel.receive())?.type, MessageType.ERROR);
  await send("good", MessageFlags.REQUIRES_ACK);
  const answer = await channel.receive();
  assert.equal(answer?.type, MessageType.ACK);
  assert.equal(decodeAck(answer!.payload).messageId, 5n);
  channel.finish();
  assert.equal(await channel.receive(), undefined);
});

Deno.test("NodeSession never makes a publisher wait for a slow subscriber", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", 0);
  await settle();
  rig.opened[0]!.peer.isBlocked = true;
  const count = 1_024 + 10;
  for (let index = 1; index <= count + 1; index++) {
    await rig.publish("a", index);
  }
  assert.equal(rig.session.droppedEventCount, 10);
  rig.opened[0]!.peer.unblock();
  const channel = new MessageChannel(rig.opened[0]!);
  const sequences: number[] = [];
  for (let index = 0; index < 3; index++) {
    sequences.push(decodeEvent((await channel.receive())!.payload).sequence);
  }
  // One was on its way when the stream stalled; then a gap of ten.
  assert.deepEqual(sequences, [0, 1, 12]);
});

Deno.test("NodeSession lets the event loop turn while events come and go, and drops none of a reader", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  const publisher = new MessageChannel(rig.open());
  const count = 5_000;
  for (let index = 0; index < count; index++) {
    const flags = index === count - 1 ? MessageFlags.REQUIRES_ACK : 0;
    const event = encodeEvent({
      ...encodeValue(index),
      topic: "a",
      sequence: 0,
    });
    publisher.push(messageOf(MessageType.EVENT, event, flags));
  }
  let hasTurned = false;
  const timer = setTimeout(() => {
    hasTurned = true;
  });
  assert.equal((await publisher.receive())?.type, MessageType.ACK);
  clearTimeout(timer);
  assert.ok(hasTurned);
  const channel = new MessageChannel(rig.opened[0]!);
  for (let index = 0; index < count; index++) {
    const { sequence, body } = decodeEvent((await channel.receive())!.payload);
    assert.equal(sequence, index);
    assert.equal(new TextDecoder().decode(body), `${index}`);
  }
  assert.equal(rig.session.droppedEventCount, 0);
  publisher.finish();
  assert.equal(await publisher.receive(), undefined);
});

Deno.test("NodeSession counts an event until the subscriber's stream has taken it", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
  rig.opened[0]!.peer.isBlocked = true;
  await rig.publish("a", new Uint8Array(1_000));
  await settle();
  assert.ok(rig.queueBudget.usedBytes > 1_000);
  rig.opened[0]!.peer.unblock();
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
  rig.opened[0]!.peer.isBlocked = true;
  for (let index = 0; index < 3; index++) await rig.publish("a");
  await settle();
  assert.ok(rig.queueBudget.usedBytes > 0);
  rig.closed.resolve();
  rig.opened[0]!.peer.fail(new CallError("CANCELLED", "gone"));
  await settle();
  assert.equal(rig.queueBudget.usedBytes, 0);
});

Deno.test("NodeSession forgets the subscriptions of a peer that stops its events", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  rig.opened[0]!.peer.fail(new CallError("CANCELLED", "stopped"));
  await rig.publish("a");
  await settle();
  assert.equal(rig.hub.subscriptionCount, 0);
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a", "again");
  await settle();
  assert.equal(rig.opened.length, 2);
  const message = await new MessageChannel(rig.opened[1]!).receive();
  assert.equal(
    new TextDecoder().decode(decodeEvent(message!.payload).body),
    "again",
  );
});

Deno.test("NodeSession forgets the subscriptions of a stopped stream at once, and none that come after it", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  const stopped = rig.opened[0]!.peer;
  // One event waits for room, and one for the stream.
  stopped.isBlocked = true;
  await rig.publish("a");
  await rig.publish("a");
  await settle();
  stopped.fail(new CallError("CANCELLED", "stopped"));
  stopped.onStopped!(StatusCode.OK);
  assert.equal(rig.hub.subscriptionCount, 0);
  assert.ok(rig.session.subscribe("a"), "it is new again");
  assert.ok(rig.session.subscribe("b"));
  await rig.publish("b");
  await settle();
  assert.equal(rig.hub.subscriptionCount, 2);
  const message = await new MessageChannel(rig.opened[1]!).receive();
  assert.equal(decodeEvent(message!.payload).topic, "b");
  assert.equal(rig.queueBudget.usedBytes, 0);
});

Deno.test("NodeSession sends nothing new on a stream that was stopped while its turn to send came", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  await rig.publish("a");
  await settle();
  const stopped = rig.opened[0]!.peer;
  // Others send so much that the next event waits for its turn.
  await SENDING_TURNS.take(1);
  await SENDING_TURNS.take(1_000_000);
  publishInHub(rig, "before");
  await settle();
  stopped.fail(new CallError("CANCELLED", "stopped"));
  stopped.onStopped!(StatusCode.OK);
  rig.session.subscribe("a");
  publishInHub(rig, "after");
  await SENDING_TURNS.take(1);
  await settle();
  assert.equal(rig.hub.subscriptionCount, 1);
  const message = await new MessageChannel(rig.opened[1]!).receive();
  assert.equal(
    new TextDecoder().decode(decodeEvent(message!.payload).body),
    "after",
  );
});

Deno.test("NodeSession forgets everything when its connection ends", async () => {
  const rig = new NodeRig();
  await subscribeTopic(rig, "a", rig.options);
  rig.closed.resolve();
  await settle();
  assert.equal(rig.hub.subscriptionCount, 0);
  await assertRefused("CANCELLED", subscribeTopic(rig, "a", rig.options));
});

Deno.test("publishEvents() takes as long as it needs while the node acknowledges some, and asks for nothing after the last", async () => {
  const clock = new TimerClock();
  const [ours, theirs] = createStreamPair();
  const count = 1_000;
  let published = 0n;
  const publishing = publishEvents(
    { openStream: () => Promise.resolve(ours) },
    Array.from(
      { length: count },
      (_, index) =>
        encodeOutgoingEvent({ topic: "a", content: encodeValue(index) }),
    ),
    { messageId: 0n, traceId: 1n, clock, nextMessageId: () => ++published },
  );
  const node = new MessageChannel(theirs);
  let isAcked = false;
  for (let index = 0; index < count; index++) {
    const message = await node.receive();
    // Three times the limit of one request, in all.
    clock.advance(3 * REQUEST_TIMEOUT_MS / count);
    isAcked = (message!.flags & MessageFlags.REQUIRES_ACK) !== 0;
    if (!isAcked) continue;
    await node.send(ackOf(message!));
    await settle();
  }
  assert.ok(isAcked);
  await publishing;
  assert.equal(await node.receive(), undefined);
  assert.equal(theirs.stopCode, undefined);
  assert.equal(clock.timerCount, 0);
});

Deno.test("publishEvent() waits for as long as the node takes more of a large event, and then for its limit", async () => {
  const clock = new TimerClock();
  const [ours] = createStreamPair();
  const content = encodeValue(new Uint8Array(1_000_000));
  let extendedCount = 0;
  let failure: unknown;
  const publishing = publishEvent(
    { openStream: () => Promise.resolve(ours) },
    encodeOutgoingEvent({ topic: "a", content }),
    {
      messageId: 1n,
      traceId: 1n,
      timeoutMs: 100,
      clock,
      onProgress: () => extendedCount++,
    },
  ).catch((error) => failure = error);
  await settle();
  for (let left = 900_000; left >= 0; left -= 100_000) {
    ours.undeliveredBytes = left;
    clock.advance(100);
    await settle();
    assert.equal(failure, undefined, `${left} bytes left`);
  }
  assert.equal(extendedCount, 10);
  clock.advance(100);
  await publishing;
  assert.ok(failure instanceof CallError);
  assert.equal(failure.code, "DEADLINE_EXCEEDED");
  assert.equal(clock.timerCount, 0);
});

Deno.test("publishEvent() gives up a node that takes nothing of a large event within its limit", async () => {
  const clock = new TimerClock();
  const [ours] = createStreamPair();
  const event = encodeOutgoingEvent({
    topic: "a",
    content: encodeValue(new Uint8Array(1_000_000)),
  });
  ours.undeliveredBytes = event.payload.length;
  const publishing = publishEvent(
    { openStream: () => Promise.resolve(ours) },
    event,
    { messageId: 1n, traceId: 1n, timeoutMs: 100, clock },
  );
  await settle();
  clock.advance(100);
  await assertRefused("DEADLINE_EXCEEDED", publishing);
});

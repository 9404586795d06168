import assert from "node:assert/strict";
import type { Frame, StreamFrame } from "../../../protocol/mod.ts";
import {
  decodeFrames,
  pollEvents,
  readAvailable,
  ROOMY_LIMITS,
  StreamPair,
} from "../../../tests/support/stream_pair.ts";
import type { StreamManager, StreamManagerFrame } from "./manager.ts";

const INTERACTIVE = { priority: 1 } as const;
const UNI = { priority: 1, isUnidirectional: true } as const;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const typesOf = (manager: StreamManager): string[] =>
  pollEvents(manager).map((event) => event.type);

/** A frame of the peer, with what is not said left at its default. */
function stream(
  streamId: number,
  offset: number,
  length: number,
  isFin = false,
): StreamManagerFrame {
  return {
    type: "stream",
    streamId,
    isOpen: false,
    priority: undefined,
    offset,
    data: new Uint8Array(length),
    isFin,
  };
}

function assertViolation(
  manager: StreamManager,
  frame: StreamManagerFrame,
  code: string,
): void {
  assert.throws(() => manager.handleFrame(frame), { code, fault: "peer" });
}

// ── Writing ─────────────────────────────────────────────────────────────────

Deno.test("writeFrames() puts a small message in one frame: open, data and end", () => {
  const pair = new StreamPair();
  const id = pair.initiator.open(INTERACTIVE)!;
  assert.equal(id, 0);
  assert.equal(pair.initiator.write(id, text("hi")), 2);
  pair.initiator.finish(id);
  const packet = pair.send(pair.initiator)!;
  // Type, stream, priority, length, two bytes.
  assert.deepEqual(packet.bytes, Uint8Array.of(0x17, 0, 1, 2, 104, 105));
  assert.deepEqual(packet.sent, [{
    type: "stream",
    streamId: 0,
    priority: 1,
    offset: 0,
    length: 2,
    isFin: true,
  }]);
  assert.equal(pair.initiator.hasPendingFrames, false);
  assert.equal(pair.send(pair.initiator), undefined);
});

Deno.test("write() copies: the caller may change its bytes at once", () => {
  const pair = new StreamPair();
  const id = pair.initiator.open(INTERACTIVE)!;
  const bytes = text("hello");
  pair.initiator.write(id, bytes);
  bytes.fill(0);
  pair.settle();
  assert.deepEqual(readAvailable(pair.responder, id), text("hello"));
});

Deno.test("write() of nothing announces a stream, open() alone does not", () => {
  const pair = new StreamPair();
  const id = pair.initiator.open({ priority: 2 })!;
  assert.equal(pair.initiator.hasPendingFrames, false);
  pair.initiator.write(id, new Uint8Array(0));
  const packet = pair.send(pair.initiator)!;
  assert.deepEqual(packet.bytes, Uint8Array.of(0x11, 0, 2));
  pair.lose(packet);
  assert.deepEqual(pair.send(pair.initiator)!.bytes, packet.bytes);
  pair.deliver(packet);
  assert.deepEqual(pollEvents(pair.responder), [{ type: "stream-opened", id }]);
});

Deno.test("finish() sends an end without data, also on a stream never written", () => {
  const pair = new StreamPair();
  const late = pair.initiator.open(INTERACTIVE)!;
  pair.initiator.write(late, text("a"));
  pair.settle();
  pair.initiator.finish(late);
  assert.deepEqual(
    pair.send(pair.initiator)!.bytes,
    Uint8Array.of(0x14, late, 1),
  );
  const empty = pair.initiator.open(INTERACTIVE)!;
  pair.initiator.finish(empty);
  assert.deepEqual(
    pair.send(pair.initiator)!.bytes,
    Uint8Array.of(0x15, empty, 1),
  );
});

Deno.test("writeFrames() never passes the limit and wastes little of it", () => {
  for (let limit = 1; limit < 200; limit++) {
    const pair = new StreamPair();
    const id = pair.initiator.open(INTERACTIVE)!;
    pair.initiator.write(id, new Uint8Array(500));
    pair.initiator.finish(id);
    const packet = pair.send(pair.initiator, limit);
    if (packet === undefined) {
      assert(limit < 5);
      continue;
    }
    assert(packet.bytes.length >= limit - 1);
    pair.deliver(packet);
    pair.acknowledge(packet);
    pair.settle();
    assert.equal(readAvailable(pair.responder, id).length, 500);
  }
});

Deno.test("writeFrames() leaves a sliver of a packet empty rather than cut a message", () => {
  const pair = new StreamPair();
  for (let i = 0; i < 2; i++) {
    const id = pair.initiator.open(INTERACTIVE)!;
    pair.initiator.write(id, new Uint8Array(100));
    pair.initiator.finish(id);
  }
  const [frame, ...rest] = decodeFrames(pair.send(pair.initiator, 160)!.bytes);
  assert(frame?.type === "stream" && frame.data.length === 100);
  assert.deepEqual(rest, []);
});

Deno.test("writeFrames() sends classes in order: control, then interactive, then bulk", () => {
  const pair = new StreamPair();
  for (const priority of [2, 1, 0] as const) {
    const id = pair.initiator.open({ priority })!;
    pair.initiator.write(id, text("x"));
  }
  const frames = decodeFrames(pair.send(pair.initiator)!.bytes);
  assert.deepEqual(
    frames.map((frame) => frame.type === "stream" && frame.priority),
    [0, 1, 2],
  );
  pair.responder.handleFrame(frames[2] as StreamManagerFrame);
  pair.responder.handleFrame(frames[0] as StreamManagerFrame);
  // The answers leave in the class that the opener chose.
  pair.responder.write(0, text("bulk"));
  pair.responder.write(8, text("control"));
  assert.deepEqual(
    decodeFrames(pair.send(pair.responder)!.bytes)
      .map((frame) => frame.type === "stream" && frame.streamId),
    [8, 0],
  );
});

Deno.test("write() takes what fits, and stream-writable says when to go on", () => {
  const pair = new StreamPair({ sendBufferBytes: 100 });
  const { initiator } = pair;
  const id = initiator.open(INTERACTIVE)!;
  assert.equal(initiator.write(id, new Uint8Array(70)), 70);
  assert.equal(initiator.streamState(id)?.writableBytes, 30);
  assert.equal(initiator.write(id, new Uint8Array(70)), 30);
  assert.equal(initiator.write(id, new Uint8Array(1)), 0);
  assert.deepEqual(pollEvents(initiator), []);
  const packet = pair.send(initiator)!;
  assert.deepEqual(pollEvents(initiator), []);
  pair.acknowledge(packet);
  assert.deepEqual(pollEvents(initiator), [{ type: "stream-writable", id }]);
  assert.equal(initiator.write(id, new Uint8Array(70)), 70);
  pair.acknowledge(pair.send(initiator)!);
  assert.deepEqual(pollEvents(initiator), []);
});

Deno.test("tryWrite() takes all or nothing, and nobody waits for room", () => {
  const pair = new StreamPair({ sendBufferBytes: 100 });
  const { initiator } = pair;
  const id = initiator.open(INTERACTIVE)!;
  assert.ok(initiator.tryWrite(id, new Uint8Array(70)));
  assert.ok(!initiator.tryWrite(id, new Uint8Array(31)));
  assert.ok(initiator.tryWrite(id, new Uint8Array(30)));
  assert.equal(initiator.streamState(id)?.writableBytes, 0);
  const packet = pair.send(initiator)!;
  assert.equal(decodeFrames(packet.bytes).length, 1);
  pair.acknowledge(packet);
  assert.deepEqual(pollEvents(initiator), []);
  initiator.finish(id);
  assert.ok(!initiator.tryWrite(id, new Uint8Array(1)));
  assert.ok(!initiator.tryWrite(4_000, new Uint8Array(1)));
});

Deno.test("tryWrite() of the last bytes ends the direction, if it takes them", () => {
  const pair = new StreamPair({ sendBufferBytes: 100 });
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  assert.ok(!initiator.tryWrite(id, new Uint8Array(101), true));
  assert.ok(initiator.tryWrite(id, new Uint8Array(40)));
  assert.ok(initiator.tryWrite(id, new Uint8Array(2), true));
  assert.ok(!initiator.tryWrite(id, new Uint8Array(1), true));
  const frames = decodeFrames(pair.send(initiator)!.bytes);
  assert.deepEqual(
    frames.map((frame) => frame.type === "stream" && frame.isFin),
    [true],
  );
  for (const frame of frames) responder.handleFrame(frame as StreamFrame);
  assert.equal(responder.read(id)?.length, 42);
  assert.equal(responder.isReadFinished(id), true);
});

Deno.test("write() shares one bound among all streams, and wakes them when it is free", () => {
  const pair = new StreamPair({
    sendBufferBytes: 20_000,
    maxBufferedBytes: 20_000,
  });
  const { initiator } = pair;
  const [a, b] = [initiator.open(INTERACTIVE)!, initiator.open(INTERACTIVE)!];
  assert.equal(initiator.write(a, new Uint8Array(30_000)), 20_000);
  // Never nothing: a few full streams do not silence the others.
  assert.equal(initiator.write(b, new Uint8Array(30_000)), 4_096);
  assert.equal(initiator.write(b, new Uint8Array(1)), 0);
  for (let packet; (packet = pair.send(initiator)) !== undefined;) {
    pair.acknowledge(packet);
  }
  assert.deepEqual(new Set(typesOf(initiator)), new Set(["stream-writable"]));
  assert.equal(initiator.streamState(a)?.writableBytes, 20_000);
  assert.equal(initiator.streamState(b)?.writableBytes, 20_000);
  // What a reset lets go is free again, too.
  assert.equal(initiator.write(a, new Uint8Array(20_000)), 20_000);
  initiator.reset(a, 0);
  assert.equal(initiator.streamState(b)?.writableBytes, 20_000);
});

Deno.test("write() refuses after finish, after reset, and where nothing can be sent", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const [a, b] = [initiator.open(INTERACTIVE)!, initiator.open(INTERACTIVE)!];
  const uni = responder.open(UNI)!;
  responder.write(uni, text("x"));
  pair.settle();
  initiator.finish(a);
  initiator.reset(b, 1);
  for (const id of [a, b, uni, 400]) {
    assert.throws(() => initiator.write(id, text("x")), {
      code: "STREAM_STATE",
      fault: "caller",
    });
  }
  // What is over can be ended again without harm.
  for (const id of [a, b, uni, 400]) {
    initiator.finish(id);
    initiator.stopSending(400, 1);
    initiator.reset(400, 1);
  }
});

// ── Credit ──────────────────────────────────────────────────────────────────

Deno.test("A reader that does not read holds back the sender at the stream's credit (RFC 9000 §4.1)", () => {
  const pair = new StreamPair({ limits: { maxStreamDataBytes: 1_000 } });
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, new Uint8Array(5_000));
  pair.settle();
  assert.equal(responder.streamState(id)?.readableBytes, 1_000);
  assert.equal(initiator.hasPendingFrames, false);
  let read = responder.read(id)!.length;
  while (read < 500) read += responder.read(id)!.length;
  const frames = pair.settle();
  assert(frames.some((frame) => frame.type === "stream-max-data"));
  assert(responder.streamState(id)!.readableBytes >= 500);
});

Deno.test("The credit of the connection holds back all streams together (RFC 9000 §4.1)", () => {
  const pair = new StreamPair({ limits: { maxDataBytes: 1_000 } });
  const { initiator, responder } = pair;
  const ids = [0, 1, 2].map(() => initiator.open(INTERACTIVE)!);
  for (const id of ids) initiator.write(id, new Uint8Array(600));
  pair.settle();
  const readable = () =>
    ids.reduce(
      (sum, id) => sum + (responder.streamState(id)?.readableBytes ?? 0),
      0,
    );
  assert.equal(readable(), 1_000);
  assert.equal(initiator.hasPendingFrames, false);
  // A finished but empty stream needs no credit, nor does a reset.
  const empty = initiator.open(INTERACTIVE)!;
  initiator.finish(empty);
  pair.settle();
  assert(
    pollEvents(responder).some((event) =>
      event.type === "stream-opened" && event.id === empty
    ),
  );
  const before = readable();
  const taken = readAvailable(responder, ids[0]!).length;
  assert.equal(taken, 600);
  const frames = pair.settle();
  assert(frames.some((frame) => frame.type === "connection-max-data"));
  assert.equal(readable(), before - taken + 600);
});

Deno.test("Lost credit is sent again with its newest value (RFC 9000 §13.3)", () => {
  const pair = new StreamPair({
    limits: { maxStreamDataBytes: 1_000, maxDataBytes: 1_000 },
  });
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, new Uint8Array(5_000));
  pair.settle();
  readAvailable(responder, id);
  const lost = pair.send(responder)!;
  assert.deepEqual(decodeFrames(lost.bytes), [
    { type: "connection-max-data", maxData: 2_000 },
    { type: "stream-max-data", streamId: id, maxData: 2_000 },
  ]);
  pair.lose(lost);
  const again = pair.send(responder)!;
  assert.deepEqual(decodeFrames(again.bytes), decodeFrames(lost.bytes));
  pair.deliver(again);
  pair.deliver(pair.send(initiator)!);
  readAvailable(responder, id);
  // Lost while more has become available: one frame, the newest value.
  pair.lose(again);
  assert.deepEqual(decodeFrames(pair.send(responder)!.bytes), [
    { type: "connection-max-data", maxData: 3_000 },
    { type: "stream-max-data", streamId: id, maxData: 3_000 },
  ]);
});

Deno.test("Old credit changes nothing (RFC 9000 §4.1)", () => {
  const pair = new StreamPair({ limits: { maxStreamDataBytes: 10 } });
  const { initiator } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, new Uint8Array(30));
  pair.send(initiator);
  initiator.handleFrame({ type: "stream-max-data", streamId: id, maxData: 9 });
  initiator.handleFrame({ type: "connection-max-data", maxData: 1 });
  assert.equal(initiator.hasPendingFrames, false);
});

Deno.test("handleFrame() refuses data beyond the stream's credit (RFC 9000 §4.1)", () => {
  const { responder } = new StreamPair({ limits: { maxStreamDataBytes: 100 } });
  responder.handleFrame(stream(0, 90, 10));
  assertViolation(responder, stream(0, 90, 11), "FLOW_CONTROL");
  assertViolation(responder, stream(4, 101, 0, true), "FLOW_CONTROL");
  assertViolation(
    responder,
    { type: "reset-stream", streamId: 4, code: 0, finalSize: 101 },
    "FLOW_CONTROL",
  );
});

Deno.test("handleFrame() refuses data beyond the connection's credit (RFC 9000 §4.1)", () => {
  const { responder } = new StreamPair({ limits: { maxDataBytes: 100 } });
  responder.handleFrame(stream(0, 40, 10));
  responder.handleFrame(stream(0, 0, 50));
  responder.handleFrame(stream(4, 49, 1));
  assertViolation(responder, stream(0, 50, 1), "FLOW_CONTROL");
  assertViolation(
    responder,
    { type: "reset-stream", streamId: 8, code: 0, finalSize: 1 },
    "FLOW_CONTROL",
  );
});

Deno.test("No credit is sent for a stream whose size is known (RFC 9000 §3.2)", () => {
  const pair = new StreamPair({ limits: { maxStreamDataBytes: 100 } });
  const id = pair.initiator.open(INTERACTIVE)!;
  pair.initiator.write(id, new Uint8Array(90));
  pair.initiator.finish(id);
  pair.settle();
  readAvailable(pair.responder, id);
  assert.deepEqual(pair.settle(), []);
});

// ── Final size ──────────────────────────────────────────────────────────────

Deno.test("handleFrame() refuses a final size that changes or is passed (RFC 9000 §4.5)", () => {
  const { responder } = new StreamPair();
  responder.handleFrame(stream(0, 0, 10, true));
  responder.handleFrame(stream(0, 10, 0, true));
  responder.handleFrame(stream(0, 3, 4));
  assertViolation(responder, stream(0, 10, 1), "FINAL_SIZE");
  assertViolation(responder, stream(0, 0, 9, true), "FINAL_SIZE");
  assertViolation(responder, stream(0, 0, 11, true), "FINAL_SIZE");
  for (const finalSize of [9, 11]) {
    assertViolation(
      responder,
      { type: "reset-stream", streamId: 0, code: 0, finalSize },
      "FINAL_SIZE",
    );
  }
});

Deno.test("handleFrame() refuses a final size below what arrived (RFC 9000 §4.5)", () => {
  const { responder } = new StreamPair();
  responder.handleFrame(stream(0, 5, 5));
  assertViolation(responder, stream(0, 0, 9, true), "FINAL_SIZE");
  assertViolation(
    responder,
    { type: "reset-stream", streamId: 0, code: 0, finalSize: 9 },
    "FINAL_SIZE",
  );
});

Deno.test("A second reset with another size is refused, with the same ignored (RFC 9000 §4.5)", () => {
  const { responder } = new StreamPair();
  const reset = { type: "reset-stream", streamId: 0, code: 7 } as const;
  responder.handleFrame({ ...reset, finalSize: 5 });
  responder.handleFrame({ ...reset, finalSize: 5 });
  assertViolation(responder, { ...reset, finalSize: 6 }, "FINAL_SIZE");
  assert.deepEqual(typesOf(responder), ["stream-opened", "stream-reset"]);
});

// ── Identifiers and limits ──────────────────────────────────────────────────

Deno.test("handleFrame() refuses frames for streams that we never opened (RFC 9000 §19.8)", () => {
  const { initiator } = new StreamPair();
  initiator.open(INTERACTIVE);
  for (
    const frame of [
      stream(4, 0, 1),
      { type: "reset-stream", streamId: 4, code: 0, finalSize: 0 },
      { type: "stop-sending", streamId: 4, code: 0 },
      { type: "stream-max-data", streamId: 4, maxData: 1 },
      { type: "stop-sending", streamId: 1, code: 0 },
    ] as const
  ) assertViolation(initiator, frame, "STREAM_STATE");
});

Deno.test("handleFrame() refuses frames for a direction that a stream does not have (RFC 9000 §19.4, §19.5, §19.8, §19.10)", () => {
  const { initiator } = new StreamPair();
  const ours = initiator.open(UNI)!;
  assertViolation(initiator, stream(ours, 0, 1), "STREAM_STATE");
  assertViolation(
    initiator,
    { type: "reset-stream", streamId: ours, code: 0, finalSize: 0 },
    "STREAM_STATE",
  );
  const theirs = 3;
  for (let i = 0; i < 2; i++) {
    assertViolation(
      initiator,
      { type: "stop-sending", streamId: theirs, code: 0 },
      "STREAM_STATE",
    );
    assertViolation(
      initiator,
      { type: "stream-max-data", streamId: theirs, maxData: 1 },
      "STREAM_STATE",
    );
    initiator.handleFrame(stream(theirs, 0, 1));
  }
});

Deno.test("handleFrame() refuses an opening of our own stream", () => {
  const { initiator } = new StreamPair();
  const id = initiator.open(INTERACTIVE)!;
  assertViolation(initiator, {
    ...stream(id, 0, 1) as Frame & { type: "stream" },
    isOpen: true,
    priority: 1,
  }, "STREAM_STATE");
});

Deno.test("handleFrame() opens lower streams too, up to the limit (RFC 9000 §2.1, §4.6)", () => {
  const { responder } = new StreamPair({ limits: { maxBidiStreams: 3 } });
  responder.handleFrame({ type: "stop-sending", streamId: 8, code: 1 });
  assert.deepEqual(pollEvents(responder), [
    { type: "stream-opened", id: 0 },
    { type: "stream-opened", id: 4 },
    { type: "stream-opened", id: 8 },
    { type: "stream-stopped", id: 8, code: 1 },
  ]);
  assertViolation(responder, stream(12, 0, 0), "STREAM_LIMIT");
  assertViolation(
    responder,
    stream(Number.MAX_SAFE_INTEGER - 3, 0, 0),
    "STREAM_LIMIT",
  );
  assert.equal(responder.streamCount, 3);
});

Deno.test("open() stops at the limit until the peer raises it (RFC 9000 §4.6)", () => {
  const pair = new StreamPair({ limits: { maxBidiStreams: 4 } });
  const { initiator, responder } = pair;
  const ids = [0, 1, 2, 3].map(() => initiator.open(INTERACTIVE)!);
  assert.equal(initiator.open(INTERACTIVE), undefined);
  const close = (id: number) => {
    initiator.finish(id);
    pair.settle();
    responder.finish(id);
    pair.settle();
    pollEvents(responder);
    return pair.settle();
  };
  close(ids[0]!);
  assert.equal(initiator.open(INTERACTIVE), undefined);
  close(ids[1]!);
  const available = pollEvents(initiator).filter((event) =>
    event.type === "streams-available"
  );
  assert.deepEqual(available, [{ type: "streams-available" }]);
  assert.equal(initiator.open(INTERACTIVE), 16);
  assert.equal(initiator.open(INTERACTIVE), 20);
  assert.equal(initiator.open(INTERACTIVE), undefined);
  // An older limit that arrives late takes nothing back.
  initiator.handleFrame({
    type: "max-streams",
    isUnidirectional: false,
    maximum: 1,
  });
  assert.deepEqual(pollEvents(initiator), []);
});

Deno.test("Streams that stay open leave the others to be opened again and again", () => {
  for (const openCount of [0, 3, 5, 6, 9]) {
    const pair = new StreamPair({ limits: { maxBidiStreams: 10 } });
    const { initiator, responder } = pair;
    const open = (): number => {
      const id = initiator.open(INTERACTIVE);
      assert.ok(id !== undefined, `${openCount} stay open`);
      initiator.write(id, text("x"));
      pair.settle();
      return id;
    };
    for (let index = 0; index < openCount; index++) open();
    for (let index = 0; index < 50; index++) {
      const id = open();
      initiator.finish(id);
      pair.settle();
      responder.finish(id);
      readAvailable(responder, id);
      pair.settle();
      pollEvents(responder);
      pair.settle();
    }
    let moreCount = 0;
    while (initiator.open(INTERACTIVE) !== undefined) moreCount++;
    assert.ok(moreCount >= 1 && moreCount <= 10 - openCount);
  }
});

Deno.test("The last streams are granted when the others are taken, without one that ends", () => {
  const pair = new StreamPair({ limits: { maxUniStreams: 10 } });
  const { initiator, responder } = pair;
  for (let index = 0; index < 3; index++) {
    const id = initiator.open(UNI)!;
    initiator.finish(id);
    pair.settle();
    pollEvents(responder);
  }
  for (let index = 0; index < 10; index++) {
    const id = initiator.open(UNI);
    assert.ok(id !== undefined, `${index} are open`);
    initiator.write(id, text("x"));
    pair.settle();
  }
  assert.equal(initiator.open(UNI), undefined);
});

Deno.test("Readers that do not read leave their share of the connection's credit to the others", () => {
  for (const unreadBytes of [0, 400, 600, 900]) {
    const pair = new StreamPair({ limits: { maxDataBytes: 1_000 } });
    const { initiator, responder } = pair;
    const slow = initiator.open(INTERACTIVE)!;
    initiator.write(slow, new Uint8Array(unreadBytes));
    pair.settle();
    const fast = initiator.open(INTERACTIVE)!;
    let readBytes = 0;
    for (let index = 0; index < 100; index++) {
      initiator.write(fast, new Uint8Array(90));
      pair.settle();
      readBytes += readAvailable(responder, fast).length;
      pair.settle();
    }
    assert.equal(readBytes, 9_000, `${unreadBytes} bytes stay unread`);
  }
});

Deno.test("Long streams that nobody reads leave room for short ones, and for long ones that are read", () => {
  const windowBytes = 256 * 1024;
  for (const unreadBytes of [200_000, 240_000, 248_000, 1_000_000]) {
    const pair = new StreamPair({ limits: { maxDataBytes: windowBytes } });
    const { initiator, responder } = pair;
    for (let index = 0; index < 4; index++) {
      const unread = initiator.open(INTERACTIVE)!;
      initiator.write(unread, new Uint8Array(unreadBytes / 4));
      pair.settle();
    }
    const long = initiator.open(INTERACTIVE)!;
    let longBytes = 0;
    for (let index = 0; index < 500; index++) {
      const short = initiator.open(INTERACTIVE)!;
      initiator.write(short, new Uint8Array(500));
      initiator.finish(short);
      initiator.write(long, new Uint8Array(1_000));
      pair.settle();
      const message = `${unreadBytes} bytes stay unread, message ${index}`;
      assert.equal(readAvailable(responder, short).length, 500, message);
      longBytes += readAvailable(responder, long).length;
      responder.finish(short);
      pair.settle();
      pollEvents(responder);
      pollEvents(initiator);
    }
    if (unreadBytes < windowBytes - windowBytes / 16) {
      assert.equal(longBytes, 500_000, `${unreadBytes} bytes stay unread`);
    }
  }
});

Deno.test("Of what is kept for short streams a long one takes no more than its first 16 KiB, whatever a datagram holds", () => {
  const datagramBytes = 60_000;
  const pair = new StreamPair({
    limits: { maxDataBytes: 8 << 20, maxStreamDataBytes: 8 << 20 },
    sendBufferBytes: 8 << 20,
  });
  const { initiator, responder } = pair;
  for (const length of [8 << 20, ...new Array(5).fill(datagramBytes)]) {
    const unread = initiator.open(INTERACTIVE)!;
    initiator.write(unread, new Uint8Array(length));
    pair.settle(datagramBytes);
  }
  const short = initiator.open(INTERACTIVE)!;
  initiator.write(short, new Uint8Array(500));
  pair.settle(datagramBytes);
  assert.equal(readAvailable(responder, short).length, 500);
});

Deno.test("A grant that is for short streams only costs no more where many long ones wait", () => {
  const quickestMs = (count: number): number => {
    const maxDataBytes = 384_000;
    const pair = new StreamPair({
      limits: { maxDataBytes, maxBidiStreams: count + 1 },
    });
    const { initiator } = pair;
    for (let index = 0; index < count; index++) {
      initiator.write(initiator.open(INTERACTIVE)!, new Uint8Array(40_000));
    }
    let maxData = 20_000 * count + maxDataBytes / 32;
    const grant = (byteCount: number): void => {
      maxData += byteCount;
      initiator.handleFrame({ type: "connection-max-data", maxData });
    };
    grant(0);
    while (pair.send(initiator, 1_100) !== undefined);
    const short = initiator.open(INTERACTIVE)!;
    initiator.write(short, new Uint8Array(11_000));
    while (pair.send(initiator, 1_100) !== undefined);
    const takenMs = Array.from({ length: 7 }, () => {
      const begunAt = performance.now();
      for (let index = 0; index < 1_000; index++) grant(1);
      return performance.now() - begunAt;
    });
    return Math.min(...takenMs);
  };
  quickestMs(100);
  const [few, many] = [quickestMs(20), quickestMs(1_000)];
  // Fifty times as long where each of them is asked.
  assert.ok(many < 10 * few + 5, `${many} ms, and ${few} ms for a few`);
});

Deno.test("A long stream comes through a connection's window of any size", () => {
  const size = 18_000;
  for (const windowBytes of [1, 2, 31, 32, 33, 64, 1_200, 2 ** 50]) {
    const pair = new StreamPair({ limits: { maxDataBytes: windowBytes } });
    const { initiator, responder } = pair;
    const id = initiator.open(INTERACTIVE)!;
    initiator.write(id, new Uint8Array(size));
    let readBytes = 0;
    for (let isStalled = false; !isStalled;) {
      pair.settle();
      const { length } = readAvailable(responder, id);
      readBytes += length;
      isStalled = length === 0;
    }
    assert.equal(readBytes, size, `a window of ${windowBytes} bytes`);
  }
});

Deno.test("The last credit is granted when the rest is used up, without a read", () => {
  const pair = new StreamPair({ limits: { maxDataBytes: 1_000 } });
  const { initiator, responder } = pair;
  const read = initiator.open(INTERACTIVE)!;
  initiator.write(read, new Uint8Array(300));
  pair.settle();
  readAvailable(responder, read);
  const unread = initiator.open(INTERACTIVE)!;
  initiator.write(unread, new Uint8Array(1_200));
  pair.settle();
  assert.equal(responder.streamState(unread)?.readableBytes, 1_000);
});

Deno.test("A stream is not given back before its bytes were read", () => {
  const pair = new StreamPair({ limits: { maxUniStreams: 1 } });
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, text("unread"));
  initiator.finish(id);
  pair.settle();
  pollEvents(responder);
  assert.equal(initiator.open(UNI), undefined);
  assert.deepEqual(responder.read(id), text("unread"));
  assert.equal(responder.streamState(id)?.isFinished, true);
  pair.settle();
  assert.equal(initiator.open(UNI), 5);
});

// ── Ends ────────────────────────────────────────────────────────────────────

Deno.test("A stream that ended in both directions is forgotten, and late frames are ignored", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, text("question"));
  initiator.finish(id);
  const question = pair.send(initiator)!;
  pair.deliver(question);
  pair.acknowledge(question);
  assert.deepEqual(readAvailable(responder, id), text("question"));
  responder.write(id, text("answer"));
  responder.finish(id);
  pair.settle();
  assert.deepEqual(typesOf(responder), [
    "stream-opened",
    "stream-readable",
    "stream-finished",
  ]);
  assert.deepEqual(typesOf(initiator), ["stream-finished", "stream-readable"]);
  assert.deepEqual(readAvailable(initiator, id), text("answer"));
  assert.equal(initiator.streamState(id)?.isFinished, true);
  pair.settle();
  assert.equal(initiator.streamCount, 0);
  assert.equal(responder.streamCount, 0);
  assert.equal(initiator.streamState(id), undefined);
  assert.equal(initiator.read(id), undefined);
  pair.deliver(question);
  pair.acknowledge(question);
  pair.lose(question);
  for (
    const frame of [
      { type: "reset-stream", streamId: id, code: 0, finalSize: 8 },
      { type: "stop-sending", streamId: id, code: 0 },
      { type: "stream-max-data", streamId: id, maxData: 1 << 30 },
    ] as const
  ) responder.handleFrame(frame);
  assert.deepEqual(pollEvents(responder), []);
  assert.deepEqual(pair.settle(), []);
});

Deno.test("Late frames of a stream that is over are ignored while it waits to be forgotten, whatever they say", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, text("question"));
  initiator.finish(id);
  pair.settle();
  readAvailable(responder, id);
  responder.write(id, text("answer"));
  responder.finish(id);
  pair.settle();
  pollEvents(responder);
  // Nothing has left since: it is still there.
  assert.equal(responder.streamState(id)?.isFinished, true);
  for (
    const frame of [
      stream(id, 5_000, 1),
      stream(id, 0, 3, true),
      { type: "reset-stream", streamId: id, code: 0, finalSize: 9 },
      { type: "stop-sending", streamId: id, code: 0 },
      { type: "stream-max-data", streamId: id, maxData: 1 << 30 },
    ] as const
  ) responder.handleFrame(frame);
  assert.deepEqual(pollEvents(responder), []);
  assert.equal(responder.hasPendingFrames, false);
});

Deno.test("isReadFinished() says what streamState() does, from the opening until the stream is forgotten", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const told = (manager: StreamManager, id: number): boolean | undefined => {
    const isFinished = manager.isReadFinished(id);
    assert.equal(isFinished, manager.streamState(id)?.isFinished);
    return isFinished;
  };
  assert.equal(told(responder, 0), undefined);
  const [whole, reset, stopped] = [UNI, UNI, UNI].map((options) => {
    const id = initiator.open(options)!;
    initiator.write(id, text("unread"));
    return id;
  });
  initiator.finish(whole!);
  // Nothing can come where only this end sends.
  assert.equal(told(initiator, whole!), true);
  pair.settle();
  assert.equal(told(responder, whole!), false);
  responder.read(whole!);
  assert.equal(told(responder, whole!), true);
  responder.stopSending(stopped!, 1);
  initiator.reset(reset!, 1);
  pair.settle();
  assert.equal(told(responder, reset!), false);
  assert.equal(told(responder, stopped!), false);
  pollEvents(responder);
  pair.settle();
  // Forgotten with the next frames, of which there need not be any.
  pair.send(responder);
  assert.deepEqual(
    [whole, reset, stopped].map((id) => told(responder, id!)),
    [undefined, undefined, undefined],
  );
});

Deno.test("stream-readable is said once for many frames, and again after it was taken", () => {
  const { responder } = new StreamPair();
  responder.handleFrame(stream(0, 10, 10));
  assert.deepEqual(typesOf(responder), ["stream-opened"]);
  responder.handleFrame(stream(0, 0, 10));
  responder.handleFrame(stream(0, 20, 10));
  assert.deepEqual(typesOf(responder), ["stream-readable"]);
  responder.handleFrame(stream(0, 0, 10));
  assert.deepEqual(typesOf(responder), []);
  responder.handleFrame(stream(0, 30, 0, true));
  assert.deepEqual(typesOf(responder), ["stream-readable"]);
  responder.handleFrame(stream(0, 30, 0, true));
  assert.deepEqual(typesOf(responder), []);
});

Deno.test("reset() is repeated until it is acknowledged, with its final size (RFC 9000 §3.1, §13.3)", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(300));
  pair.deliver(pair.send(initiator, 100)!);
  initiator.reset(id, 42);
  initiator.reset(id, 43);
  for (let i = 0; i < 3; i++) {
    const packet = pair.send(initiator)!;
    assert.deepEqual(decodeFrames(packet.bytes), [
      { type: "reset-stream", streamId: id, code: 42, finalSize: 95 },
    ]);
    pair.lose(packet);
  }
  assert.equal(initiator.streamCount, 1);
  pair.settle();
  assert.equal(initiator.streamCount, 0);
  assert.deepEqual(pollEvents(responder).at(-1), {
    type: "stream-reset",
    id,
    code: 42,
  });
  assert.equal(responder.streamState(id)?.resetCode, 42);
  assert.equal(responder.streamState(id)?.isFinished, false);
  assert.equal(responder.read(id), undefined);
});

Deno.test("A reset gives the credit of unread and missing bytes back (RFC 9000 §4.5)", () => {
  const pair = new StreamPair({ limits: { maxDataBytes: 1_000 } });
  const { initiator } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(2_000));
  const [first] = [pair.send(initiator, 300)!, pair.send(initiator, 2_000)];
  pair.deliver(first);
  assert.equal(initiator.hasPendingFrames, false);
  initiator.reset(id, 1);
  const frames = pair.settle();
  assert.deepEqual(frames, [
    { type: "reset-stream", streamId: id, code: 1, finalSize: 1_000 },
    { type: "connection-max-data", maxData: 2_000 },
  ]);
});

Deno.test("A reset after everything arrived changes nothing (RFC 9000 §3.2)", () => {
  const { responder } = new StreamPair();
  responder.handleFrame(stream(0, 0, 4, true));
  responder.handleFrame({
    type: "reset-stream",
    streamId: 0,
    code: 5,
    finalSize: 4,
  });
  assert.deepEqual(typesOf(responder), ["stream-opened", "stream-readable"]);
  assert.equal(readAvailable(responder, 0).length, 4);
  assert.equal(responder.streamState(0)?.isFinished, true);
});

Deno.test("A finished stream whose data is missing can still be reset, and stays until that is acknowledged", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(300));
  initiator.finish(id);
  const head = pair.send(initiator, 200)!;
  const tail = pair.send(initiator)!;
  pair.deliver(tail);
  pair.acknowledge(tail);
  initiator.reset(id, 9);
  pair.lose(head);
  assert.deepEqual(pair.settle(), [
    { type: "reset-stream", streamId: id, code: 9, finalSize: 300 },
  ]);
  pair.settle();
  assert.equal(initiator.streamCount, 0);
  assert.deepEqual(pollEvents(responder).at(-1), {
    type: "stream-reset",
    id,
    code: 9,
  });
});

Deno.test("A reset of what was delivered does nothing (RFC 9000 §3.1)", () => {
  const pair = new StreamPair();
  const id = pair.initiator.open(INTERACTIVE)!;
  pair.initiator.finish(id);
  pair.settle();
  pair.initiator.reset(id, 1);
  assert.deepEqual(pair.settle(), []);
});

Deno.test("stopSending() makes the peer reset with the same code (RFC 9000 §3.5)", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(INTERACTIVE)!;
  initiator.write(id, new Uint8Array(50_000));
  pair.deliver(pair.send(initiator)!);
  responder.stopSending(id, 77);
  const stop = pair.send(responder)!;
  assert.deepEqual(decodeFrames(stop.bytes), [
    { type: "stop-sending", streamId: id, code: 77 },
  ]);
  pair.lose(stop);
  pair.settle();
  assert.deepEqual(pollEvents(initiator), [
    { type: "stream-stopped", id, code: 77 },
  ]);
  assert.throws(() => initiator.write(id, text("more")), {
    code: "STREAM_STOPPED",
    closeCode: 77,
  });
  initiator.finish(id);
  assert.equal(initiator.streamState(id)?.writableBytes, 0);
  // Whoever asked for it is not told of the reset.
  assert.deepEqual(typesOf(responder), ["stream-opened", "stream-readable"]);
  // A second stop that arrives late is nothing new.
  pair.deliver(stop);
  assert.deepEqual(pollEvents(initiator), []);
  // The other direction goes on.
  responder.write(id, text("bye"));
  responder.finish(id);
  pair.settle();
  assert.deepEqual(readAvailable(initiator, id), text("bye"));
});

Deno.test("After stopSending() what still comes is dropped, and its credit returns", () => {
  const pair = new StreamPair({ limits: { maxDataBytes: 1_000 } });
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(900));
  const packets = [pair.send(initiator, 500)!, pair.send(initiator, 500)!];
  pair.deliver(packets[0]!);
  responder.stopSending(id, 1);
  pair.deliver(packets[1]!);
  assert.equal(responder.streamState(id)?.readableBytes, 0);
  assert.equal(responder.read(id), undefined);
  const frames = decodeFrames(pair.send(responder)!.bytes);
  assert.deepEqual(frames, [
    { type: "connection-max-data", maxData: 1_900 },
    { type: "stop-sending", streamId: id, code: 1 },
  ]);
  // Still under control: credit of the stream, final size.
  assertViolation(responder, stream(id, 1 << 18, 1), "FLOW_CONTROL");
});

Deno.test("stopSending() that is overtaken by the end sends nothing", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, text("a"));
  pair.settle();
  responder.stopSending(id, 1);
  initiator.finish(id);
  pair.deliver(pair.send(initiator)!);
  assert.equal(responder.hasPendingFrames, false);
});

Deno.test("stopSending() after the end arrived sends nothing, and closes", () => {
  const pair = new StreamPair();
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, text("unread"));
  initiator.finish(id);
  pair.settle();
  responder.stopSending(id, 1);
  assert.deepEqual(pair.settle(), []);
  assert.equal(responder.streamState(id)?.isFinished, false);
  pollEvents(responder);
  pair.settle();
  assert.equal(responder.streamCount, 0);
});

// ── Loss ────────────────────────────────────────────────────────────────────

Deno.test("onFrameLost() sends again exactly what is missing (RFC 9000 §13.3)", () => {
  const pair = new StreamPair();
  const { initiator } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(3_000));
  initiator.finish(id);
  const packets = [1_000, 1_000, 1_100].map((size) =>
    pair.send(initiator, size)!
  );
  pair.acknowledge(packets[1]!);
  // Declared lost although a later copy of it was acknowledged.
  for (const packet of packets) pair.lose(packet);
  const sent = pair.settle(3_000).map((frame) => {
    assert(frame.type === "stream");
    return [frame.isOpen, frame.offset, frame.data.length, frame.isFin];
  });
  const first = packets[0]!.sent[0]! as { length: number };
  const second = packets[1]!.sent[0]! as { offset: number; length: number };
  const third = second.offset + second.length;
  assert.deepEqual(sent, [
    [true, 0, first.length, false],
    [false, third, 3_000 - third, true],
  ]);
});

Deno.test("An end that was lost alone is sent again, alone", () => {
  const pair = new StreamPair();
  const { initiator } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, text("abc"));
  pair.settle();
  initiator.finish(id);
  for (let i = 0; i < 3; i++) {
    const packet = pair.send(initiator)!;
    assert.deepEqual(packet.bytes, Uint8Array.of(0x14, id, 3));
    pair.lose(packet);
  }
  assert.equal(pair.settle().length, 1);
  assert.deepEqual(typesOf(initiator), ["stream-finished"]);
});

Deno.test("Data sent again needs no credit (RFC 9000 §4.1)", () => {
  const pair = new StreamPair({ limits: { maxDataBytes: 500 } });
  const { initiator, responder } = pair;
  const id = initiator.open(UNI)!;
  initiator.write(id, new Uint8Array(500));
  const packet = pair.send(initiator)!;
  assert.equal(initiator.hasPendingFrames, false);
  pair.lose(packet);
  assert.equal(initiator.hasPendingFrames, true);
  pair.settle();
  assert.equal(readAvailable(responder, id).length, 500);
});

Deno.test("onFrameAcked() and onFrameLost() ignore frames that are not of streams", () => {
  const { initiator } = new StreamPair();
  for (
    const frame of [
      { type: "ack", largest: 1 },
      { type: "ping", wish: 0 },
      { type: "other", id: 1 },
    ] as const
  ) {
    initiator.onFrameAcked(frame);
    initiator.onFrameLost(frame);
  }
  assert.equal(initiator.hasPendingFrames, false);
});

Deno.test("Lost limits are sent again with their newest value", () => {
  const pair = new StreamPair({
    limits: { maxUniStreams: 2, maxBidiStreams: 2 },
  });
  const { initiator, responder } = pair;
  initiator.finish(initiator.open(UNI)!);
  initiator.finish(initiator.open(INTERACTIVE)!);
  pair.deliver(pair.send(initiator)!);
  responder.finish(0);
  pair.acknowledge(pair.send(responder)!);
  pollEvents(responder);
  const packet = pair.send(responder)!;
  assert.deepEqual(decodeFrames(packet.bytes), [
    { type: "max-streams", isUnidirectional: false, maximum: 3 },
    { type: "max-streams", isUnidirectional: true, maximum: 3 },
  ]);
  pair.lose(packet);
  assert.deepEqual(pair.send(responder)!.bytes, packet.bytes);
});

Deno.test("A stream of the peer counts as open until all was told of it", () => {
  const pair = new StreamPair({ limits: { maxUniStreams: 2 } });
  const { initiator, responder } = pair;
  const openAndEnd = (): boolean => {
    const id = initiator.open(UNI);
    if (id !== undefined) initiator.finish(id);
    return id !== undefined;
  };
  while (openAndEnd());
  pair.settle();
  // Both are over, but the application knows nothing of them yet.
  assert.equal(openAndEnd(), false);
  assert.equal(responder.streamCount, 2);
  pollEvents(responder);
  pair.settle();
  assert.equal(responder.streamCount, 0);
  while (openAndEnd());
  pair.settle();
  assert.equal(responder.streamCount, 2);
});

// ── Many ────────────────────────────────────────────────────────────────────

Deno.test("Ten thousand streams pass through, and none is remembered", () => {
  const pair = new StreamPair({
    limits: { ...ROOMY_LIMITS, maxUniStreams: 10_000 },
  });
  const { initiator, responder } = pair;
  const message = new Uint8Array(20);
  for (let i = 0; i < 10_000; i++) {
    const id = initiator.open(UNI)!;
    initiator.write(id, message);
    initiator.finish(id);
  }
  let count = 0;
  for (let packet; (packet = pair.send(initiator)) !== undefined;) {
    pair.deliver(packet);
    pair.acknowledge(packet);
    for (const event of pollEvents(responder)) {
      if (event.type !== "stream-readable") continue;
      count++;
      assert.equal(readAvailable(responder, event.id).length, 20);
    }
  }
  assert.equal(count, 10_000);
  pollEvents(initiator);
  pair.settle();
  assert.equal(initiator.streamCount, 0);
  assert.equal(responder.streamCount, 0);
  assert.notEqual(initiator.open(UNI), undefined);
});

// ── Streams before the handshake ────────────────────────────────────────────

Deno.test("settleLimits() raises what early streams may send, and new ones too (RFC 9001 §4.6.2)", () => {
  const pair = new StreamPair({
    limits: { maxDataBytes: 10, maxStreamDataBytes: 6, maxBidiStreams: 2 },
  });
  const { initiator } = pair;
  const first = initiator.open(INTERACTIVE)!;
  const second = initiator.open(INTERACTIVE)!;
  assert.equal(initiator.open(INTERACTIVE), undefined);
  initiator.write(first, new Uint8Array(20));
  initiator.write(second, new Uint8Array(20));
  pair.send(initiator);
  assert.equal(initiator.hasPendingFrames, false, "the credit is used up");
  initiator.settleLimits({ ...ROOMY_LIMITS, maxStreamDataBytes: 15 });
  assert.deepEqual(typesOf(initiator), ["streams-available"]);
  const third = initiator.open(INTERACTIVE)!;
  initiator.write(third, new Uint8Array(20));
  const lengths = pair.send(initiator)!.sent.map((frame) =>
    frame.type === "stream" ? [frame.streamId, frame.offset + frame.length] : []
  );
  assert.deepEqual(lengths.sort(), [[first, 15], [second, 15], [third, 15]]);
});

Deno.test("settleLimits() holds to a lower grant, and refuses one that was passed already", () => {
  const early = (): StreamManager => {
    const { initiator } = new StreamPair();
    initiator.write(initiator.open(INTERACTIVE)!, new Uint8Array(8));
    initiator.write(initiator.open(INTERACTIVE)!, new Uint8Array(8));
    return initiator;
  };
  for (
    const [limits, code] of [
      [{ maxBidiStreams: 1 }, "STREAM_LIMIT"],
      [{ maxStreamDataBytes: 7 }, "FLOW_CONTROL"],
      [{ maxDataBytes: 15 }, "FLOW_CONTROL"],
    ] as const
  ) {
    const initiator = early();
    new StreamPair().send(initiator);
    assert.throws(
      () => initiator.settleLimits({ ...ROOMY_LIMITS, ...limits }),
      { code, fault: "peer" },
    );
  }
  const initiator = early();
  initiator.settleLimits({
    maxDataBytes: 7,
    maxStreamDataBytes: 5,
    maxBidiStreams: 2,
    maxUniStreams: 0,
  });
  const { sent } = new StreamPair().send(initiator)!;
  assert.deepEqual(
    sent.map((frame) => frame.type === "stream" && frame.length),
    [5, 2],
  );
  assert.equal(initiator.open(INTERACTIVE), undefined);
  assert.equal(initiator.open(UNI), undefined);
});

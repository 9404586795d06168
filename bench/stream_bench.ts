/**
 * How many small messages a pair of stream managers moves in a second: frames
 * only, without keys, sockets or loss recovery.
 *
 * Each iteration moves 10,000 messages of 64 bytes, so 10 ms an iteration are
 * a million messages a second.
 *
 * @module
 */
import { ByteReader } from "../internal/byte_reader.ts";
import { ByteWriter } from "../internal/byte_writer.ts";
import { decodeFrame } from "../protocol/frame/mod.ts";
import type { SentFrame } from "../transport/core/sent_frame.ts";
import {
  StreamManager,
  type StreamManagerFrame,
} from "../transport/core/stream/manager.ts";

const MESSAGE_COUNT = 10_000;
const MESSAGE = new Uint8Array(64).fill(7);

const LIMITS = {
  maxDataBytes: 4 << 20,
  maxStreamDataBytes: 1 << 20,
  maxBidiStreams: 1_000,
  maxUniStreams: 20_000,
};

function createManager(isInitiator: boolean): StreamManager {
  return new StreamManager({
    isInitiator,
    local: LIMITS,
    peer: LIMITS,
    sendBufferBytes: 512 * 1024,
  });
}

/** Two managers, and packets that always arrive. */
class BenchPair {
  readonly sender: StreamManager = createManager(true);
  readonly receiver: StreamManager = createManager(false);
  readonly #buffer: Uint8Array;

  constructor(packetBytes: number) {
    this.#buffer = new Uint8Array(packetBytes);
  }

  /** Carries everything that either end has to say. */
  settle(): void {
    while (
      this.#carry(this.sender, this.receiver) ||
      this.#carry(this.receiver, this.sender)
    );
  }

  #carry(from: StreamManager, to: StreamManager): boolean {
    if (!from.hasPendingFrames) return false;
    const writer = new ByteWriter(this.#buffer);
    const sent: SentFrame[] = [];
    from.writeFrames(writer, this.#buffer.length, sent);
    if (writer.offset === 0) return false;
    const reader = new ByteReader(writer.written);
    while (reader.remaining > 0) {
      to.handleFrame(decodeFrame(reader) as StreamManagerFrame);
    }
    for (const frame of sent) from.onFrameAcked(frame);
    for (let event = to.pollEvent(); event; event = to.pollEvent()) {
      if (event.type === "stream-readable") { while (to.read(event.id)); }
    }
    while (from.pollEvent());
    return true;
  }
}

/** Ten thousand streams at a time, each with one message and its end. */
function moveStreams(pair: BenchPair): void {
  const { sender } = pair;
  for (let i = 0; i < MESSAGE_COUNT; i++) {
    const id = sender.open({ priority: 1, isUnidirectional: true })!;
    sender.write(id, MESSAGE);
    sender.finish(id);
  }
  pair.settle();
}

/** The same with at most 100 streams at a time. */
function moveStreamsInTurns(pair: BenchPair): void {
  const { sender } = pair;
  for (let i = 0; i < MESSAGE_COUNT; i += 100) {
    for (let j = 0; j < 100; j++) {
      const id = sender.open({ priority: 1, isUnidirectional: true })!;
      sender.write(id, MESSAGE);
      sender.finish(id);
    }
    pair.settle();
  }
}

/** All messages on one stream, as far as its credit goes at a time. */
function moveOnOneStream(pair: BenchPair, id: number): void {
  const { sender } = pair;
  for (let i = 0; i < MESSAGE_COUNT; i++) {
    if (sender.write(id, MESSAGE) < MESSAGE.length) pair.settle();
  }
  pair.settle();
}

for (const packetBytes of [1_200, 60_000]) {
  const group = `10,000 messages of 64 B, packets of ${packetBytes} B`;
  const many = new BenchPair(packetBytes);
  Deno.bench("10,000 streams at a time", { group, baseline: true }, () => {
    moveStreams(many);
  });
  const few = new BenchPair(packetBytes);
  Deno.bench("100 streams at a time", { group }, () => {
    moveStreamsInTurns(few);
  });
  const one = new BenchPair(packetBytes);
  const id = one.sender.open({ priority: 1 })!;
  Deno.bench("one stream", { group }, () => {
    moveOnOneStream(one, id);
  });
}

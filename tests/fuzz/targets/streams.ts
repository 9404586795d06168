/**
 * Streams without packets: two honest managers and a pipe that loses, repeats
 * and reorders, and one manager that is sent any frames.
 *
 * @module
 */
import {
  ByteReader,
  ByteWriter,
  decodeFrame,
  isUnidirectional,
  type Priority,
  ProtocolError,
} from "../../../protocol/mod.ts";
import { TransportError } from "../../../transport/core/error.ts";
import type { SentFrame } from "../../../transport/core/sent_frame.ts";
import {
  StreamManager,
  type StreamManagerFrame,
} from "../../../transport/core/stream/manager.ts";
import { type PipePacket, StreamPair } from "../../support/stream_pair.ts";
import { magnitudeOf } from "../signature.ts";
import {
  attempt,
  DEFAULT_BUDGET,
  type FuzzTarget,
  require,
} from "../target.ts";
import { encodeFrame } from "../../support/encode_frame.ts";
import { SAMPLE_FRAMES } from "./frames.ts";

/** Small, so that every limit is met. */
const LIMITS = {
  maxDataBytes: 3_000,
  maxStreamDataBytes: 1_000,
  maxBidiStreams: 4,
  maxUniStreams: 3,
} as const;

/** Streams that one end may make the other remember. */
const GRANTED_STREAMS = LIMITS.maxBidiStreams + LIMITS.maxUniStreams;

/** Packets that may be on their way. */
const MAX_IN_FLIGHT = 32;

/** Rounds after which a healed pipe has to have brought everything. */
const MAX_HEAL_ROUNDS = 2_000;

/** Whether a frame is one for the stream manager. */
function isStreamFrame(frame: { readonly type: string }): boolean {
  return [
    "stream",
    "reset-stream",
    "stop-sending",
    "stream-max-data",
    "connection-max-data",
    "max-streams",
  ].includes(frame.type);
}

/** Byte at an offset of a stream: tells streams, directions and offsets apart. */
function byteAt(sender: number, id: number, offset: number): number {
  return (offset * 7 + (offset >>> 8) + id * 31 + sender * 128) & 0xff;
}

/** One direction of a stream as its two applications see it. */
interface Direction {
  writtenBytes: number;
  readBytes: number;
  isFinished: boolean;
  isGivenUp: boolean;
}

/** An application at one end. */
class App {
  readonly manager: StreamManager;
  /** Streams that this end knows. */
  readonly ids: number[] = [];
  readonly #end: number;
  readonly #directions: Map<string, Direction>;
  readonly #words: Set<string>;
  #openedCount = 0;

  constructor(
    end: number,
    manager: StreamManager,
    directions: Map<string, Direction>,
    words: Set<string>,
  ) {
    this.#end = end;
    this.manager = manager;
    this.#directions = directions;
    this.#words = words;
  }

  /** What this end sends, or receives, on a stream. */
  direction(id: number, isSending: boolean): Direction {
    const key = `${isSending ? this.#end : 1 - this.#end} ${id}`;
    let found = this.#directions.get(key);
    if (found === undefined) {
      found = {
        writtenBytes: 0,
        readBytes: 0,
        isFinished: false,
        isGivenUp: false,
      };
      this.#directions.set(key, found);
    }
    return found;
  }

  open(priority: Priority, isOneWay: boolean): void {
    const id = this.manager.open({ priority, isUnidirectional: isOneWay });
    if (id !== undefined) {
      this.ids.push(id);
      this.#openedCount++;
    }
    this.#words.add(`open:${id !== undefined}`);
  }

  write(id: number, length: number): void {
    const direction = this.direction(id, true);
    const bytes = Uint8Array.from(
      { length },
      (_, index) => byteAt(this.#end, id, direction.writtenBytes + index),
    );
    const outcome = attempt(
      TransportError,
      () => this.manager.write(id, bytes),
    );
    bytes.fill(0xcc);
    if ("refusal" in outcome) {
      this.#words.add(outcome.refusal);
      return;
    }
    require(!direction.isFinished, "nothing is taken after the end");
    direction.writtenBytes += outcome.value;
    this.#words.add(`write:${magnitudeOf(outcome.value)}`);
  }

  finish(id: number): void {
    if (this.manager.streamState(id) === undefined) return;
    this.manager.finish(id);
    this.direction(id, true).isFinished = true;
  }

  reset(id: number): void {
    this.manager.reset(id, 7);
    this.direction(id, true).isGivenUp = true;
  }

  stop(id: number): void {
    this.manager.stopSending(id, 8);
    this.direction(id, false).isGivenUp = true;
  }

  read(id: number): boolean {
    const direction = this.direction(id, false);
    const bytes = this.manager.read(id);
    if (bytes === undefined) return false;
    for (const byte of bytes) {
      require(
        byte === byteAt(1 - this.#end, id, direction.readBytes++),
        "what is read is what was written, in order",
      );
    }
    require(
      direction.readBytes <= direction.writtenBytes,
      "nothing is read that was not written",
    );
    this.#words.add(`read:${magnitudeOf(bytes.length)}`);
    return true;
  }

  takeEvents(): void {
    for (
      let event = this.manager.pollEvent();
      event !== undefined;
      event = this.manager.pollEvent()
    ) {
      this.#words.add(event.type);
      if (event.type === "stream-opened") this.ids.push(event.id);
    }
    require(
      // Own ones wait for their events to be taken: that is no peer's doing.
      // Those of the peer make room once they are over and all was told of them,
      // and are forgotten with the next packet, before which no more can follow.
      this.manager.streamCount <= 2 * GRANTED_STREAMS + this.#openedCount,
      "a peer cannot make more streams than were granted",
    );
  }
}

/** Two applications, two managers and a pipe. */
class PipeWorld {
  readonly #pair = new StreamPair({
    limits: LIMITS,
    sendBufferBytes: 700,
    maxBufferedBytes: 6_000,
  });
  readonly #inFlight: PipePacket[] = [];
  readonly #directions = new Map<string, Direction>();
  readonly #words = new Set<string>();
  readonly #apps: readonly [App, App];

  constructor() {
    const { initiator, responder } = this.#pair;
    this.#apps = [
      new App(0, initiator, this.#directions, this.#words),
      new App(1, responder, this.#directions, this.#words),
    ];
  }

  run(input: Uint8Array): string {
    const reader = new ByteReader(input);
    let last = -1;
    while (reader.remaining > 0) {
      const code = reader.u8();
      this.#step(code, reader.u8());
      // Which step follows which is the nearest thing to a way that was taken.
      this.#words.add(`step:${last}:${code & 15}:${code >>> 7}`);
      last = code & 15;
    }
    this.#words.add(`streams:${this.#pair.initiator.streamCount}`);
    this.#heal();
    this.#words.add(`left:${this.#pair.initiator.streamCount}`);
    return [...this.#words].join(" ");
  }

  #step(code: number, argument: number): void {
    const app = this.#apps[code >>> 7]!;
    const id = app.ids[argument % app.ids.length];
    switch (code & 15) {
      case 0:
        return app.open((argument % 3) as Priority, argument > 127);
      case 1:
      case 2:
        if (id !== undefined) app.write(id, (code >>> 4 & 7) * 100 + argument);
        return;
      case 3:
        if (id !== undefined) app.finish(id);
        return;
      case 4:
        if (id !== undefined) app.reset(id);
        return;
      case 5:
        if (id !== undefined) app.stop(id);
        return;
      case 6:
        if (id !== undefined) app.read(id);
        return;
      case 7:
      case 8:
      case 9:
        return this.#send(app.manager, 40 + argument * 5);
      case 10:
        return this.#deliver(argument, true);
      case 11:
        // It arrives, but nobody hears of it: it will be sent again.
        return this.#deliver(argument, false);
      case 12: {
        const packet = this.#take(argument);
        if (packet !== undefined) this.#pair.lose(packet);
        return;
      }
      case 13: {
        const packet = this.#inFlight[argument % this.#inFlight.length];
        if (packet !== undefined) this.#pair.deliver(packet);
        return;
      }
      default:
        return app.takeEvents();
    }
  }

  #send(from: StreamManager, packetBytes: number): void {
    if (this.#inFlight.length >= MAX_IN_FLIGHT) return;
    const packet = this.#pair.send(from, packetBytes);
    if (packet === undefined) return;
    require(packet.bytes.length <= packetBytes, "frames keep to their room");
    this.#inFlight.push(packet);
  }

  #deliver(argument: number, isHeardOf: boolean): void {
    const packet = this.#take(argument);
    if (packet === undefined) return;
    this.#pair.deliver(packet);
    if (isHeardOf) this.#pair.acknowledge(packet);
    else this.#pair.lose(packet);
  }

  #take(argument: number): PipePacket | undefined {
    return this.#inFlight.splice(argument % (this.#inFlight.length || 1), 1)[0];
  }

  /** What was on its way is lost; from now on nothing is, and everything arrives. */
  #heal(): void {
    for (const packet of this.#inFlight.splice(0)) this.#pair.lose(packet);
    for (let round = 0;; round++) {
      require(round < MAX_HEAL_ROUNDS, "a healed pipe comes to rest");
      const isQuiet = this.#pair.settle(1_100).length === 0;
      let isRead = false;
      for (const app of this.#apps) {
        app.takeEvents();
        for (const id of new Set(app.ids)) {
          while (app.read(id)) isRead = true;
        }
      }
      if (isQuiet && !isRead) break;
    }
    for (const [key, direction] of this.#directions) {
      const [sender, id] = key.split(" ").map(Number) as [number, number];
      const isOneWayBack = isUnidirectional(id) &&
        (id & 2) >>> 1 !== sender;
      if (direction.isGivenUp || isOneWayBack) continue;
      require(
        direction.readBytes === direction.writtenBytes,
        "everything that was written arrives once the pipe is healed",
      );
    }
  }
}

const STREAM_PAIR: FuzzTarget = {
  name: "stream-pair",
  subject: "two stream managers, applications and a bad pipe, step by step",
  maxLength: 600,
  budget: { ...DEFAULT_BUDGET, baseMs: 250, baseBytes: 64 << 20 },
  seeds: () => [
    // Open, write, finish, send, deliver, read, events.
    Uint8Array.of(0, 1, 1, 90, 3, 0, 7, 255, 10, 0, 0x8e, 0, 0x86, 0, 14, 0),
    // Both directions, a lost packet, a repeated one.
    Uint8Array.of(
      0,
      0,
      0x71,
      250,
      7,
      9,
      12,
      0,
      7,
      200,
      13,
      0,
      10,
      0,
      0x8e,
      0,
      0x81,
      99,
      0x83,
      0,
      0x87,
      99,
      10,
      0,
    ),
    // Reset and stop after data.
    Uint8Array.of(
      0,
      0,
      1,
      50,
      7,
      99,
      10,
      0,
      0x8e,
      0,
      0x85,
      0,
      4,
      0,
      0x87,
      99,
      10,
      0,
      7,
      9,
      11,
      0,
    ),
    // One-way streams to the limit.
    Uint8Array.of(0, 200, 0, 200, 0, 200, 0, 200, 1, 9, 3, 0, 7, 99),
  ],
  run: (input) => new PipeWorld().run(input),
};

const STREAMS_HOSTILE: FuzzTarget = {
  name: "streams-hostile",
  subject: "a stream manager that is sent any frames, between own steps",
  maxLength: 8_192,
  budget: { ...DEFAULT_BUDGET, baseMs: 100, baseBytes: 32 << 20 },
  dictionary: SAMPLE_FRAMES.filter(isStreamFrame).map(encodeFrame),
  seeds: () => [
    ...SAMPLE_FRAMES.filter(isStreamFrame).map((frame) => encodeFrame(frame)),
    // Own steps hide behind the type of padding: open, write, send.
    Uint8Array.of(0, 0, 0, 1, 0, 2, 0, 5),
  ],
  run: runHostileFrames,
};

function runHostileFrames(input: Uint8Array): string {
  const manager = new StreamManager({
    isInitiator: false,
    local: LIMITS,
    peer: LIMITS,
    sendBufferBytes: 700,
  });
  const words = new Set<string>();
  const reader = new ByteReader(input);
  const sent: SentFrame[] = [];
  let last = "";
  let openedCount = 0;
  while (reader.remaining > 0) {
    const isOwnStep = input[reader.offset] === 0;
    if (isOwnStep) {
      reader.u8();
      const step = `step${(input[reader.offset] ?? 0) & 7}`;
      if (step === "step0") openedCount++;
      runOwnStep(manager, reader, sent, words);
      words.add(`step:${last}:${step}`);
      last = step;
      continue;
    }
    const decoded = attempt(ProtocolError, () => decodeFrame(reader));
    if ("refusal" in decoded) {
      words.add(decoded.refusal);
      break;
    }
    const frame = decoded.value;
    if (!isStreamFrame(frame)) continue;
    const outcome = attempt(
      TransportError,
      () => manager.handleFrame(frame as StreamManagerFrame),
    );
    words.add(`frame:${last}:${frame.type}`);
    last = frame.type;
    if ("refusal" in outcome) {
      words.add(outcome.refusal);
      break;
    }
    require(
      manager.streamCount <= GRANTED_STREAMS + openedCount,
      "a peer cannot make more streams than were granted",
    );
  }
  words.add(`streams:${manager.streamCount}`);
  return [...words].join(" ");
}

function runOwnStep(
  manager: StreamManager,
  reader: ByteReader,
  sent: SentFrame[],
  words: Set<string>,
): void {
  const code = reader.u8();
  const id = reader.u8() & 31;
  switch (code & 7) {
    case 0:
      manager.open({ priority: 1, isUnidirectional: id > 15 });
      return;
    case 1: {
      const outcome = attempt(
        TransportError,
        () => manager.write(id, new Uint8Array(code)),
      );
      words.add("refusal" in outcome ? outcome.refusal : "write");
      return;
    }
    case 2:
      return manager.finish(id);
    case 3:
      return manager.reset(id, code);
    case 4:
      return manager.stopSending(id, code);
    case 5: {
      const writer = new ByteWriter(new Uint8Array(1_100));
      manager.writeFrames(writer, 40 + code, sent);
      require(writer.offset <= 40 + code, "frames keep to their room");
      words.add(`wrote:${magnitudeOf(writer.offset)}`);
      return;
    }
    case 6: {
      const frame = sent.splice(id % (sent.length || 1), 1)[0];
      if (frame === undefined) return;
      if (code > 127) manager.onFrameLost(frame);
      else manager.onFrameAcked(frame);
      return;
    }
    default:
      for (let taken = 0; taken < 8; taken++) {
        const event = manager.pollEvent();
        if (event !== undefined) words.add(event.type);
      }
      words.add(`read:${manager.read(id) !== undefined}`);
  }
}

/** The targets of this file. */
export const STREAM_TARGETS: readonly FuzzTarget[] = [
  STREAM_PAIR,
  STREAMS_HOSTILE,
];

/**
 * A peer that holds the keys: whatever it puts into its packets is taken or
 * answered with a close, and never mistaken for a bug of ours.
 *
 * @module
 */
import { concat } from "../../../internal/concat.ts";
import { ByteReader, ByteWriter } from "../../../protocol/mod.ts";
import { CloseCode, TransportError } from "../../../transport/core/error.ts";
import { HostilePeer } from "../../support/hostile_peer.ts";
import { magnitudeOf } from "../signature.ts";
import {
  attempt,
  DEFAULT_BUDGET,
  type FuzzTarget,
  require,
} from "../target.ts";
import { encodeFrame } from "../../support/encode_frame.ts";
import { SAMPLE_FRAMES } from "./frames.ts";

/** Steps of one input. */
const MAX_STEPS = 64;

/** Deadlines until a silent connection has to be over. */
const MAX_TIMEOUTS = 2_000;

/** Events that one packet may cause: one for each frame, and those are bounded. */
const MAX_EVENTS_PER_STEP = 5_000;

/** Streams of either side that a step may name. */
const STREAM_ID_LIMIT = 24;

/** Small, so that limits are met. */
const CONFIG = {
  maxBidiStreams: 4,
  maxUniStreams: 4,
  maxDataBytes: 4_000,
  maxStreamDataBytes: 2_000,
  sendBufferBytes: 2_000,
  idleTimeoutMs: 1_000,
  keepAliveIntervalMs: 300,
} as const;

/** The peer, and the application at the other end. */
class World {
  readonly #peer = new HostilePeer({ config: CONFIG });
  readonly #words = new Set<string>();

  run(input: Uint8Array): string {
    const reader = new ByteReader(input);
    for (let step = 0; step < MAX_STEPS && reader.remaining > 0; step++) {
      const code = input[reader.offset]! & 7;
      this.#step(reader);
      this.#drain();
      this.#words.add(`step:${code}:${this.#peer.connection.state}`);
    }
    this.#words.add(`end:${this.#peer.connection.state}`);
    this.#outlast();
    return [...this.#words].join(" ");
  }

  #step(reader: ByteReader): void {
    const peer = this.#peer;
    const code = reader.u8();
    switch (code & 7) {
      case 0:
      case 1:
      case 2: {
        const length = Math.min(reader.u16(), reader.remaining);
        return peer.send(reader.bytes(length));
      }
      case 3: {
        const flags = reader.u8();
        const length = Math.min(reader.u16(), reader.remaining);
        return peer.send(reader.bytes(length), flags);
      }
      case 4:
        peer.packetNumber += reader.u16();
        return;
      case 5:
        peer.now += reader.u16() & 0x3ff;
        return peer.endpoint.handleTimeout(peer.now);
      default:
        return this.#act(code >>> 3, reader.u8());
    }
  }

  /** A step of the application: it may be refused, as it does not look first. */
  #act(code: number, argument: number): void {
    const { connection, now } = this.#peer;
    const id = argument % STREAM_ID_LIMIT;
    const outcome = attempt(TransportError, () => {
      switch (code & 7) {
        case 0:
          connection.openStream({
            priority: 1,
            isUnidirectional: argument > 127,
          });
          return;
        case 1:
          connection.writeStream(id, new Uint8Array(argument * 8));
          return;
        case 2:
          return connection.finishStream(id);
        case 3:
          return connection.resetStream(id, argument);
        case 4:
          return connection.stopSending(id, argument);
        case 5:
          while (connection.readStream(id) !== undefined);
          return;
        case 6:
          connection.sendDatagram(new Uint8Array(argument));
          return connection.ping();
        default:
          if (argument > 250) connection.close(now, argument, "over");
      }
    });
    this.#words.add(
      "refusal" in outcome ? outcome.refusal : `act:${code & 7}`,
    );
  }

  /** Takes events and answers; {@linkcode HostilePeer.frames} decodes each of them. */
  #drain(): void {
    const events = this.#peer.events();
    require(
      events.length <= MAX_EVENTS_PER_STEP,
      "a peer cannot fill the memory with events",
    );
    for (const event of events) {
      if (event.type !== "connection") continue;
      this.#words.add(event.event.type);
      if (event.event.type !== "closed") continue;
      const { error } = event.event;
      require(error.fault !== "internal", `no bug of ours: ${error.stack}`);
      this.#words.add(
        `${error.code}:${
          error.message.replaceAll(/\s/g, "_").replaceAll(/\d+/g, "#").slice(
            0,
            60,
          )
        }`,
      );
    }
    const frames = this.#peer.frames();
    this.#words.add(`answers:${magnitudeOf(frames.length)}`);
    for (const frame of frames) {
      this.#words.add(`answer:${frame.type}`);
      require(
        frame.type !== "close" || frame.code !== CloseCode.INTERNAL_ERROR,
        "no close says that the bug is ours",
      );
    }
  }

  /** From now on the peer is silent: the connection ends and is forgotten. */
  #outlast(): void {
    const { endpoint } = this.#peer;
    for (let turn = 0; endpoint.stats.connectionCount > 0; turn++) {
      const deadline = endpoint.pollTimeout();
      require(deadline !== undefined, "what waits has a deadline");
      require(turn < MAX_TIMEOUTS, "a connection ends when its peer is silent");
      this.#peer.now = Math.max(this.#peer.now, deadline);
      endpoint.handleTimeout(this.#peer.now);
      this.#drain();
    }
  }
}

/** Encodes a step of one packet. */
function packetStep(...frames: Uint8Array[]): Uint8Array {
  const plaintext = concat(...frames);
  const writer = new ByteWriter(new Uint8Array(3 + plaintext.length));
  writer.u8(0);
  writer.u16(plaintext.length);
  writer.bytes(plaintext);
  return writer.buffer;
}

const CONNECTION: FuzzTarget = {
  name: "connection",
  subject: "a connection whose peer holds the keys and sends any frames",
  maxLength: 4_096,
  budget: { ...DEFAULT_BUDGET, baseMs: 500, baseBytes: 64 << 20 },
  dictionary: SAMPLE_FRAMES.map(encodeFrame),
  seeds: () => {
    const frames = SAMPLE_FRAMES.map(encodeFrame);
    return [
      ...frames.map((frame) => packetStep(frame)),
      // A stream, read and answered; an ack of what came back.
      concat(
        packetStep(frames[2]!),
        Uint8Array.of(6 + (5 << 3), 4, 6 + (1 << 3), 4, 6 + (2 << 3), 4),
        packetStep(frames[7]!),
        Uint8Array.of(5, 0xff, 3),
      ),
      // Own streams, a stop, a reset, gaps in the packet numbers.
      concat(
        Uint8Array.of(6, 0, 6, 200, 6 + (1 << 3), 1, 4, 3, 0),
        packetStep(frames[17]!),
        Uint8Array.of(4, 0, 1, 3, 0x80, 1, 0, 0x50),
      ),
      Uint8Array.of(6 + (6 << 3), 99, 5, 50, 0, 6 + (7 << 3), 255),
    ];
  },
  run: (input) => new World().run(input),
};

/** The targets of this file. */
export const CONNECTION_TARGETS: readonly FuzzTarget[] = [CONNECTION];

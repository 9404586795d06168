/**
 * Two stream managers joined by a pipe of packets in memory: frames only, no
 * clock, no keys. Whoever holds the pipe decides what becomes of each packet.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { decodeFrame, type Frame } from "../../protocol/frame/mod.ts";
import type { SentFrame } from "../../transport/core/sent_frame.ts";
import {
  type StreamLimits,
  StreamManager,
  type StreamManagerFrame,
} from "../../transport/core/stream/manager.ts";
import type { StreamEvent } from "../../transport/core/stream/stream_event.ts";

/** Limits that a test rarely reaches by accident. */
export const ROOMY_LIMITS: StreamLimits = {
  maxDataBytes: 1 << 20,
  maxStreamDataBytes: 1 << 18,
  maxBidiStreams: 100,
  maxUniStreams: 100,
};

/** A packet on its way. */
export interface PipePacket {
  /** Whether the initiator sent it. */
  readonly isFromInitiator: boolean;
  /** Its frames, encoded. */
  readonly bytes: Uint8Array;
  /** The records of its frames. */
  readonly sent: readonly SentFrame[];
}

/** Options of {@linkcode StreamPair}. */
export interface StreamPairOptions {
  /**
   * What each end grants the other.
   *
   * @default {ROOMY_LIMITS}
   */
  readonly limits?: Partial<StreamLimits>;
  /**
   * Send buffer of each stream.
   *
   * @default {65,536}
   */
  readonly sendBufferBytes?: number;
  /** Send buffers of all streams. */
  readonly maxBufferedBytes?: number;
}

/**
 * The frames of an encoded packet.
 *
 * @param bytes The packet.
 * @returns Its frames; their arrays are views.
 */
export function decodeFrames(bytes: Uint8Array): Frame[] {
  const reader = new ByteReader(bytes);
  const frames: Frame[] = [];
  while (reader.remaining > 0) frames.push(decodeFrame(reader));
  return frames;
}

/** Two ends and the pipe between them. */
export class StreamPair {
  /** The end that sent the hello. */
  readonly initiator: StreamManager;
  /** The other end. */
  readonly responder: StreamManager;

  /**
   * Makes two ends with the same limits.
   *
   * @param options Limits and buffers.
   */
  constructor(options: StreamPairOptions = {}) {
    const limits = { ...ROOMY_LIMITS, ...options.limits };
    const common = {
      local: limits,
      peer: limits,
      sendBufferBytes: options.sendBufferBytes ?? 65_536,
      ...(options.maxBufferedBytes === undefined
        ? {}
        : { maxBufferedBytes: options.maxBufferedBytes }),
    };
    this.initiator = new StreamManager({ isInitiator: true, ...common });
    this.responder = new StreamManager({ isInitiator: false, ...common });
  }

  /**
   * Lets one end write a packet.
   *
   * @param from The end.
   * @param packetBytes Room for frames.
   * @returns The packet, or `undefined` when there is nothing to say.
   */
  send(from: StreamManager, packetBytes = 1_100): PipePacket | undefined {
    const writer = new ByteWriter(new Uint8Array(packetBytes));
    const sent: SentFrame[] = [];
    from.writeFrames(writer, packetBytes, sent);
    if (writer.offset === 0) return undefined;
    return {
      isFromInitiator: from === this.initiator,
      bytes: writer.written,
      sent,
    };
  }

  /**
   * Delivers a packet. Its buffer is overwritten afterwards, as that of a
   * receive loop is.
   *
   * @param packet The packet.
   */
  deliver(packet: PipePacket): void {
    const to = packet.isFromInitiator ? this.responder : this.initiator;
    const bytes = packet.bytes.slice();
    for (const frame of decodeFrames(bytes)) {
      to.handleFrame(frame as StreamManagerFrame);
    }
    bytes.fill(0xee);
  }

  /** Tells the sender that a packet arrived. */
  acknowledge(packet: PipePacket): void {
    const from = packet.isFromInitiator ? this.initiator : this.responder;
    for (const frame of packet.sent) from.onFrameAcked(frame);
  }

  /** Tells the sender that a packet was lost, true or not. */
  lose(packet: PipePacket): void {
    const from = packet.isFromInitiator ? this.initiator : this.responder;
    for (const frame of packet.sent) from.onFrameLost(frame);
  }

  /**
   * Exchanges packets without a fault until neither end has anything to say.
   *
   * @param packetBytes Room for frames in each packet.
   * @returns The frames that travelled, in order.
   */
  settle(packetBytes = 1_100): Frame[] {
    const frames: Frame[] = [];
    for (let isIdle = false; !isIdle;) {
      isIdle = true;
      for (const from of [this.initiator, this.responder]) {
        const packet = this.send(from, packetBytes);
        if (packet === undefined) continue;
        isIdle = false;
        frames.push(...decodeFrames(packet.bytes));
        this.deliver(packet);
        this.acknowledge(packet);
      }
    }
    return frames;
  }
}

/**
 * Takes all events of an end.
 *
 * @param manager The end.
 * @returns The events, in order.
 */
export function pollEvents(manager: StreamManager): StreamEvent[] {
  const events: StreamEvent[] = [];
  for (
    let event = manager.pollEvent();
    event !== undefined;
    event = manager.pollEvent()
  ) events.push(event);
  return events;
}

/**
 * Reads what is there.
 *
 * @param manager The end.
 * @param id The stream.
 * @returns All bytes that could be read.
 */
export function readAvailable(manager: StreamManager, id: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (
    let chunk = manager.read(id);
    chunk !== undefined;
    chunk = manager.read(id)
  ) chunks.push(chunk);
  return concat(...chunks);
}

/**
 * Frames about streams that wait to be sent, besides their data: credit,
 * limits, resets and stops. Each is written with its newest value.
 *
 * @module
 */
import { Fifo } from "../../../internal/fifo.ts";
import type { ByteWriter } from "../../../internal/byte_writer.ts";
import {
  connectionMaxDataFrameLength,
  encodeConnectionMaxDataFrame,
  encodeMaxStreamsFrame,
  encodeResetStreamFrame,
  encodeStopSendingFrame,
  encodeStreamMaxDataFrame,
  maxStreamsFrameLength,
  resetStreamFrameLength,
  stopSendingFrameLength,
  streamMaxDataFrameLength,
} from "../../../protocol/frame/mod.ts";
import type { ReceiveWindow } from "../flow_control.ts";
import type { SentFrame } from "../sent_frame.ts";
import type { Stream } from "./stream.ts";
import type { PeerStreamCount } from "./stream_limits.ts";

/** Where the newest values of the connection's own frames are. */
export interface ConnectionGrants {
  /** Credit of the connection. */
  readonly window: ReceiveWindow;
  /** Bidirectional streams of the peer. */
  readonly peerBidi: PeerStreamCount;
  /** Unidirectional streams of the peer. */
  readonly peerUni: PeerStreamCount;
}

/** Where a frame goes. */
interface Room {
  readonly writer: ByteWriter;
  readonly limitBytes: number;
  readonly sent: SentFrame[];
}

/** What waits: marks for the connection, a queue of streams for the rest. */
export class ControlFrames {
  readonly #grants: ConnectionGrants;
  readonly #streams = new Fifo<Stream>();
  #isMaxDataPending = false;
  #isMaxBidiPending = false;
  #isMaxUniPending = false;

  /**
   * Starts with nothing to send.
   *
   * @param grants Where the values come from.
   */
  constructor(grants: ConnectionGrants) {
    this.#grants = grants;
  }

  /** Whether anything waits. */
  get hasPending(): boolean {
    return this.#isMaxDataPending || this.#isMaxBidiPending ||
      this.#isMaxUniPending || this.#nextStream() !== undefined;
  }

  /**
   * Puts a stream in the queue, to write what it has pending by then.
   *
   * @param stream The stream.
   */
  queue(stream: Stream): void {
    if (stream.isControlQueued) return;
    stream.isControlQueued = true;
    this.#streams.push(stream);
  }

  /** Bytes came or were consumed: the connection's credit may be worth a frame. */
  onCreditChange(): void {
    const { window } = this.#grants;
    this.#isMaxDataPending ||= window.isUpdateDue || window.isShareDue;
  }

  /**
   * The peer has opened a stream, or one of its streams is over: the limit may be
   * worth a frame.
   *
   * @param isUni The stream's direction.
   */
  onStreamCountChange(isUni: boolean): void {
    if (isUni) this.#isMaxUniPending ||= this.#grants.peerUni.isUpdateDue;
    else this.#isMaxBidiPending ||= this.#grants.peerBidi.isUpdateDue;
  }

  /** The connection's credit was lost on its way. */
  repeatConnectionMaxData(): void {
    this.#isMaxDataPending = true;
  }

  /**
   * A limit was lost on its way.
   *
   * @param isUni Its direction.
   */
  repeatMaxStreams(isUni: boolean): void {
    if (isUni) this.#isMaxUniPending = true;
    else this.#isMaxBidiPending = true;
  }

  /**
   * A frame of a stream was lost on its way: it is written again if the stream
   * still has a use for it.
   *
   * @param stream The stream.
   * @param type Which frame.
   */
  repeat(
    stream: Stream,
    type: "reset-stream" | "stop-sending" | "stream-max-data",
  ): void {
    if (type === "reset-stream") stream.send?.onResetLost();
    else if (type === "stop-sending") stream.recv?.onStopLost();
    else stream.recv?.onMaxDataLost();
    this.queue(stream);
  }

  /**
   * Writes what waits and fits.
   *
   * @param writer Where to write.
   * @param limitBytes Offset that must not be passed.
   * @param sent Gets a record of each frame.
   * @returns Whether nothing was left for want of room.
   */
  writeFrames(
    writer: ByteWriter,
    limitBytes: number,
    sent: SentFrame[],
  ): boolean {
    const room = { writer, limitBytes, sent };
    if (!this.#writeConnectionFrames(room)) return false;
    for (
      let stream = this.#nextStream();
      stream !== undefined;
      stream = this.#nextStream()
    ) {
      if (!writeStreamFrames(stream, room)) return false;
    }
    return true;
  }

  #writeConnectionFrames(room: Room): boolean {
    const { window } = this.#grants;
    if (this.#isMaxDataPending) {
      const maxData = window.nextLimitBytes;
      if (!fits(room, connectionMaxDataFrameLength(maxData))) return false;
      encodeConnectionMaxDataFrame(room.writer, maxData);
      room.sent.push({ type: "connection-max-data" });
      window.onLimitSent();
      this.#isMaxDataPending = false;
    }
    if (this.#isMaxBidiPending) {
      if (!writeMaxStreams(room, this.#grants.peerBidi, false)) return false;
      this.#isMaxBidiPending = false;
    }
    if (this.#isMaxUniPending) {
      if (!writeMaxStreams(room, this.#grants.peerUni, true)) return false;
      this.#isMaxUniPending = false;
    }
    return true;
  }

  /** The first stream in the queue that still has something to say. */
  #nextStream(): Stream | undefined {
    for (
      let stream = this.#streams.peek();
      stream !== undefined;
      stream = this.#streams.peek()
    ) {
      if (
        stream.send?.isResetPending || stream.recv?.isStopPending ||
        stream.recv?.isMaxDataPending
      ) return stream;
      this.#streams.shift();
      stream.isControlQueued = false;
    }
    return undefined;
  }
}

function fits(room: Room, length: number): boolean {
  return room.writer.offset + length <= room.limitBytes;
}

function writeMaxStreams(
  room: Room,
  count: PeerStreamCount,
  isUnidirectional: boolean,
): boolean {
  const maximum = count.nextMaximum;
  if (!fits(room, maxStreamsFrameLength(maximum))) return false;
  encodeMaxStreamsFrame(room.writer, { isUnidirectional, maximum });
  room.sent.push({ type: "max-streams", isUnidirectional });
  count.onMaximumSent();
  return true;
}

function writeStreamFrames(stream: Stream, room: Room): boolean {
  const { id: streamId, send, recv } = stream;
  if (send?.isResetPending) {
    const frame = {
      streamId,
      code: send.resetCode!,
      finalSize: send.finalSize,
    };
    if (!fits(room, resetStreamFrameLength(frame))) return false;
    encodeResetStreamFrame(room.writer, frame);
    room.sent.push({ type: "reset-stream", streamId });
    send.isResetPending = false;
  }
  if (recv?.isStopPending) {
    const frame = { streamId, code: recv.stopCode! };
    if (!fits(room, stopSendingFrameLength(frame))) return false;
    encodeStopSendingFrame(room.writer, frame);
    room.sent.push({ type: "stop-sending", streamId });
    recv.isStopPending = false;
  }
  if (recv?.isMaxDataPending) {
    const frame = { streamId, maxData: recv.maxDataBytes };
    if (!fits(room, streamMaxDataFrameLength(frame))) return false;
    encodeStreamMaxDataFrame(room.writer, frame);
    room.sent.push({ type: "stream-max-data", streamId });
    recv.onMaxDataSent();
  }
  return true;
}

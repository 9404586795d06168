/**
 * All streams of a connection: frames in, frames and events out.
 *
 * The manager routes: a stream's own rules are in {@linkcode SendStream} and
 * {@linkcode RecvStream}, the existence of streams in {@linkcode StreamTable},
 * turns and credit for sending in {@linkcode DataFrames}, what the application is
 * told in {@linkcode StreamEventQueue}. Nothing here looks at every stream:
 * whatever has something to say waits in a queue.
 *
 * A stream is forgotten when both directions are over, everything was read and
 * its events were taken.
 *
 * @module
 */
import type { ByteWriter } from "../../../internal/byte_writer.ts";
import {
  isUnidirectional,
  type MaxStreamsFrame,
  type Priority,
  type ResetStreamFrame,
  type StopSendingFrame,
  type StreamFrame,
  type StreamMaxDataFrame,
} from "../../../protocol/mod.ts";
import {
  DEFAULT_MAX_BUFFERED_BYTES,
  DEFAULT_MAX_STREAM_STRETCHES,
} from "../config.ts";
import { TransportError } from "../error.ts";
import type { ObservedStreamState } from "../observer.ts";
import { Fifo } from "../../../internal/fifo.ts";
import { ReceiveWindow } from "../flow_control.ts";
import type { SentFrame, SentStreamFrame } from "../sent_frame.ts";
import { ControlFrames } from "./control_frames.ts";
import { DataFrames } from "./data_frames.ts";
import type { RecvStream } from "./recv_stream.ts";
import { SendSpace } from "./send_space.ts";
import type { Stream } from "./stream.ts";
import type { StreamEvent } from "./stream_event.ts";
import { StreamEventQueue } from "./stream_event_queue.ts";
import type { StreamLimits } from "./stream_limits.ts";
import type { StreamManagerFrame } from "./stream_manager_frame.ts";
import { StreamTable } from "./stream_table.ts";

export type { StreamLimits } from "./stream_limits.ts";
export type { StreamManagerFrame } from "./stream_manager_frame.ts";

/** Options of a {@linkcode StreamManager}. */
export interface StreamManagerOptions {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** What we grant the peer. */
  readonly local: StreamLimits;
  /** What the peer granted us. */
  readonly peer: StreamLimits;
  /** Bytes that one stream holds for sending before it pushes back. */
  readonly sendBufferBytes: number;
  /**
   * Bytes that all streams together hold for sending. A stream that holds next
   * to nothing may pass it by 4 KiB, so that a few full streams do not silence
   * all others.
   *
   * @default {DEFAULT_MAX_BUFFERED_BYTES}
   */
  readonly maxBufferedBytes?: number;
  /**
   * Separate stretches of a stream that wait behind a gap; more end the connection.
   *
   * @default {DEFAULT_MAX_STREAM_STRETCHES}
   */
  readonly maxStretches?: number;
}

/** Options of {@linkcode StreamManager.open}. */
export interface OpenStreamOptions {
  /** Class in which both ends send. */
  readonly priority: Priority;
  /**
   * Whether only this end sends.
   *
   * @default {false}
   */
  readonly isUnidirectional?: boolean;
}

/** What is known of a stream. */
export interface StreamState {
  /** How many bytes can be read now. */
  readonly readableBytes: number;
  /** Whether everything was read and the peer ended its direction; always on a stream that only we send on. */
  readonly isFinished: boolean;
  /** The peer's code, when it gave its direction up; `isFinished` is `false` then. */
  readonly resetCode: number | undefined;
  /** How many bytes a write takes now. */
  readonly writableBytes: number;
  /** How many bytes were written and not acknowledged yet. */
  readonly heldBytes: number;
  /** Whether they wait for the peer's application to read what it has. */
  readonly isHeldBack: boolean;
}

/** The streams of one connection. */
export class StreamManager {
  readonly #streams: StreamTable;
  readonly #window: ReceiveWindow;
  readonly #space: SendSpace;
  readonly #control: ControlFrames;
  readonly #data: DataFrames;
  readonly #events: StreamEventQueue;
  /** Called when a stream has come further, where somebody watches. */
  onStateChange:
    | ((stream: Stream, state: ObservedStreamState) => void)
    | undefined;
  /** Streams that are over, and were told to be, and wait to be forgotten. */
  readonly #closed = new Fifo<Stream>();

  /**
   * Starts without streams.
   *
   * @param options Who we are, and the limits of both ends.
   */
  constructor(options: StreamManagerOptions) {
    this.#streams = new StreamTable({
      isInitiator: options.isInitiator,
      local: options.local,
      peer: options.peer,
      maxStretches: options.maxStretches ?? DEFAULT_MAX_STREAM_STRETCHES,
      onPeerOpened: (stream) => {
        this.onStateChange?.(stream, "open");
        this.#events.push(stream, { type: "stream-opened", id: stream.id });
        this.#control.onStreamCountChange(isUnidirectional(stream.id));
      },
    });
    this.#events = new StreamEventQueue(this.#streams);
    this.#window = new ReceiveWindow(options.local.maxDataBytes);
    this.#space = new SendSpace(
      options.sendBufferBytes,
      options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    );
    this.#control = new ControlFrames({
      window: this.#window,
      peerBidi: this.#streams.peerBidi,
      peerUni: this.#streams.peerUni,
    });
    this.#data = new DataFrames(options.peer.maxDataBytes);
  }

  /** How many streams are remembered. */
  get streamCount(): number {
    return this.#streams.size;
  }

  // ── What the application does ─────────────────────────────────────────────

  /**
   * Opens a stream. The peer learns of it with the first write (an empty one
   * will do), finish or reset.
   *
   * @param options Class and direction.
   * @returns Its id, or `undefined` when the peer's limit is reached; the event
   * `streams-available` says when to try again.
   */
  open(options: OpenStreamOptions): number | undefined {
    const stream = this.#streams.open(options.isUnidirectional ?? false);
    if (stream === undefined) return undefined;
    stream.priority = options.priority;
    this.onStateChange?.(stream, "open");
    return stream.id;
  }

  /**
   * Takes bytes for a stream, as many as its send buffer has room for.
   *
   * @param id The stream.
   * @param bytes What to send; copied. None at all announces the stream.
   * @returns How many bytes were taken. When it is fewer than given, the event
   * `stream-writable` says when to go on.
   * @throws {TransportError} `STREAM_STATE` after `finish` or `reset`, or when
   * this end has nothing to send there; `STREAM_STOPPED` after the peer's stop.
   */
  write(id: number, bytes: Uint8Array): number {
    const stream = this.#streams.get(id);
    const send = stream?.send;
    if (stream === undefined || send === undefined) {
      throw new TransportError(
        "STREAM_STATE",
        `Stream ${id}: not open for sending`,
      );
    }
    send.checkWritable();
    const count = Math.min(bytes.length, this.#space.roomFor(send));
    if (count === bytes.length) send.write(bytes);
    else {
      if (count > 0) send.write(bytes.subarray(0, count));
      this.#space.wait(stream);
    }
    this.#space.onWritten(count);
    this.#data.schedule(stream);
    return count;
  }

  /**
   * Takes bytes for a stream if its send buffer has room for all of them.
   *
   * @param id The stream.
   * @param bytes What to send; copied.
   * @param isLast Whether our direction ends with them.
   * @returns Whether they were taken. If not, nothing was.
   */
  tryWrite(id: number, bytes: Uint8Array, isLast = false): boolean {
    const stream = this.#streams.get(id);
    const send = stream?.send;
    if (
      stream === undefined || send === undefined || !send.isWritable ||
      this.#space.roomFor(send) < bytes.length
    ) return false;
    send.write(bytes);
    this.#space.onWritten(bytes.length);
    if (isLast) {
      send.finish();
      this.#space.stopWaiting(stream);
    }
    this.#data.schedule(stream);
    return true;
  }

  /**
   * Ends our direction after what was written. Does nothing on a stream whose
   * sending has ended in any way: an event has said how.
   *
   * @param id The stream.
   */
  finish(id: number): void {
    const stream = this.#streams.get(id);
    if (stream?.send === undefined) return;
    stream.send.finish();
    this.#space.stopWaiting(stream);
    this.#data.schedule(stream);
  }

  /**
   * Gives our direction up; what was not delivered is dropped. Does nothing
   * when everything was delivered or the direction was given up before.
   *
   * @param id The stream.
   * @param code The reason, for the peer.
   */
  reset(id: number, code: number): void {
    const stream = this.#streams.get(id);
    const send = stream?.send;
    if (stream === undefined || send === undefined) return;
    const heldBytes = send.bufferedBytes;
    if (send.reset(code)) this.#onSendReset(stream, heldBytes);
  }

  /**
   * Asks the peer to give its direction up, and drops what comes from now on.
   *
   * @param id The stream.
   * @param code The reason, for the peer.
   */
  stopSending(id: number, code: number): void {
    const stream = this.#streams.get(id);
    const recv = stream?.recv;
    if (stream === undefined || recv === undefined) return;
    recv.stop(code);
    this.#returnCredit(stream, recv);
    this.#control.queue(stream);
    this.#closeIfDone(stream);
  }

  /**
   * Takes the next bytes of a stream and returns their credit to the peer.
   *
   * @param id The stream.
   * @param into Where they are put, as many as there are and fit; without it they
   * get memory of their own.
   * @returns At least one byte, or `undefined`: whether there will be more,
   * {@linkcode StreamManager.streamState} says. The caller owns the bytes, but
   * short ones may share their `buffer` with others: do not transfer it. A view of
   * `into` where that was given.
   */
  read(id: number, into?: Uint8Array): Uint8Array | undefined {
    const stream = this.#streams.get(id);
    const recv = stream?.recv;
    if (stream === undefined || recv === undefined) return undefined;
    const chunk = recv.read(into);
    if (chunk === undefined) return undefined;
    this.#returnCredit(stream, recv);
    this.#closeIfDone(stream);
    return chunk;
  }

  /**
   * Whether a stream was read to its end.
   *
   * @param id The stream.
   * @returns `isFinished` of {@linkcode StreamManager.streamState}, or `undefined`
   * where that has none.
   */
  isReadFinished(id: number): boolean | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    return stream.recv === undefined || stream.recv.isFinished;
  }

  /**
   * What is known of a stream. After a read it still answers until frames are
   * written next.
   *
   * @param id The stream.
   * @returns `undefined` when the stream never existed, or is over in both
   * directions: read to its end, unless `stream-reset` was polled or
   * `stopSending` called.
   */
  streamState(id: number): StreamState | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    const { send, recv } = stream;
    return {
      readableBytes: recv?.readableBytes ?? 0,
      isFinished: recv?.isFinished ?? true,
      resetCode: recv?.resetCode,
      writableBytes: send?.isWritable ? this.#space.roomFor(send) : 0,
      heldBytes: send?.bufferedBytes ?? 0,
      isHeldBack: send?.isHeldBack ?? false,
    };
  }

  /** The next event, if any. */
  pollEvent(): StreamEvent | undefined {
    const event = this.#events.shift();
    const { toldOfAll } = this.#events;
    if (toldOfAll?.isClosed === true) this.#forgetLater(toldOfAll);
    if (event?.type === "stream-reset") {
      // Nothing is forgotten before frames are written next.
      const stream = this.#streams.get(event.id)!;
      stream.recv?.onResetReported();
      this.#closeIfDone(stream);
    }
    return event;
  }

  /**
   * Takes the limits of the handshake, where streams were opened before it with
   * lower ones (RFC 9001 §4.6.2).
   *
   * @param peer What the peer grants.
   * @throws {TransportError} `STREAM_LIMIT` or `FLOW_CONTROL` when it is less
   * than what was used already.
   */
  settleLimits(peer: StreamLimits): void {
    const isRaised = this.#streams.settleLimits(peer);
    for (const { send } of this.#streams.values()) {
      if (send === undefined || send.finalSize <= peer.maxStreamDataBytes) {
        continue;
      }
      throw new TransportError(
        "FLOW_CONTROL",
        `Early data: ${send.finalSize} bytes of a stream, the peer grants ${peer.maxStreamDataBytes}`,
        { fault: "peer" },
      );
    }
    this.#data.settleCredit(peer.maxDataBytes);
    for (const stream of this.#streams.values()) {
      stream.send?.settleCredit(peer.maxStreamDataBytes);
      this.#data.schedule(stream);
    }
    if (isRaised) this.#events.pushAvailable();
  }

  // ── Frames that arrive ────────────────────────────────────────────────────

  /**
   * Takes a frame of the peer.
   *
   * @param frame The frame; its data is borrowed, copied.
   * @throws {TransportError} `FLOW_CONTROL`, `FINAL_SIZE`, `STREAM_STATE`,
   * `STREAM_LIMIT` or `LIMIT`: the peer broke a rule and the connection ends.
   */
  handleFrame(frame: StreamManagerFrame): void {
    switch (frame.type) {
      case "stream":
        return this.handleStreamFrame(frame);
      case "reset-stream":
        return this.#handleReset(frame);
      case "stop-sending":
        return this.#handleStop(frame);
      case "stream-max-data":
        return this.#handleStreamMaxData(frame);
      case "connection-max-data":
        return this.#data.raiseCredit(frame.maxData);
      case "max-streams":
        return this.#handleMaxStreams(frame);
    }
  }

  /**
   * As {@linkcode StreamManager.handleFrame}, of the frame that most are.
   *
   * @param frame The frame; its data is borrowed, copied.
   * @throws {TransportError} As `handleFrame`.
   */
  handleStreamFrame(frame: StreamFrame): void {
    const stream = this.#streams.find(frame.streamId, "recv");
    if (frame.isOpen) this.#handleOpen(frame, stream);
    const recv = stream?.recv;
    if (stream === undefined || recv === undefined) return;
    const growth = recv.growthOf(
      frame.offset + frame.data.length,
      frame.isFin,
    );
    this.#receive(growth);
    const isNews = recv.handleData(frame, growth);
    if (isNews) this.#events.pushReadable(stream);
    else this.#returnCredit(stream, recv);
    // Only an end completes a side without a read.
    if (frame.isFin || !isNews) this.#closeIfDone(stream);
  }

  #handleOpen(frame: StreamFrame, stream: Stream | undefined): void {
    if (this.#streams.isLocal(frame.streamId)) {
      throw new TransportError(
        "STREAM_STATE",
        `Stream ${frame.streamId}: opened by the peer, but it is ours`,
        { fault: "peer" },
      );
    }
    if (stream !== undefined) stream.priority = frame.priority!;
  }

  #handleReset(frame: ResetStreamFrame): void {
    const stream = this.#streams.find(frame.streamId, "recv");
    const recv = stream?.recv;
    if (stream === undefined || recv === undefined) return;
    const growth = recv.growthOf(frame.finalSize, true);
    this.#receive(growth);
    if (recv.handleReset(frame.code, frame.finalSize, growth)) {
      this.onStateChange?.(stream, "reset-received");
      this.#events.push(stream, {
        type: "stream-reset",
        id: stream.id,
        code: frame.code,
      });
    }
    this.#returnCredit(stream, recv);
    this.#closeIfDone(stream);
  }

  #handleStop(frame: StopSendingFrame): void {
    const stream = this.#streams.find(frame.streamId, "send");
    const send = stream?.send;
    if (stream === undefined || send === undefined) return;
    const heldBytes = send.bufferedBytes;
    if (!send.handleStop(frame.code)) return;
    this.#onSendReset(stream, heldBytes);
    this.#events.push(stream, {
      type: "stream-stopped",
      id: stream.id,
      code: frame.code,
    });
  }

  #handleStreamMaxData(frame: StreamMaxDataFrame): void {
    const stream = this.#streams.find(frame.streamId, "send");
    if (stream?.send === undefined) return;
    stream.send.raiseCredit(frame.maxData);
    this.#data.schedule(stream);
  }

  #handleMaxStreams(frame: MaxStreamsFrame): void {
    const isRaised = this.#streams.raiseLimit(
      frame.isUnidirectional,
      frame.maximum,
    );
    if (isRaised) this.#events.pushAvailable();
  }

  // ── Frames that leave ─────────────────────────────────────────────────────

  /** Whether {@linkcode StreamManager.writeFrames} has something to write. */
  get hasPendingFrames(): boolean {
    return this.#control.hasPending || this.#data.hasPending;
  }

  /**
   * Writes as many frames as fit: resets, stops and credit first, then data in
   * the order of the scheduler.
   *
   * @param writer Where to write.
   * @param limitBytes Offset that must not be passed.
   * @param sent Gets a record of each frame, to be handed back when its packet
   * was acknowledged or lost.
   */
  writeFrames(
    writer: ByteWriter,
    limitBytes: number,
    sent: SentFrame[],
  ): void {
    this.#forgetClosed();
    if (this.#control.writeFrames(writer, limitBytes, sent)) {
      this.#data.writeFrames(writer, limitBytes, sent);
    }
  }

  /**
   * Learns that the peer has a frame.
   *
   * @param frame A record from {@linkcode StreamManager.writeFrames}; others
   * are ignored.
   */
  onFrameAcked(frame: SentFrame): void {
    if (frame.type === "stream") return this.onStreamFrameAcked(frame);
    if (frame.type !== "reset-stream") return;
    const stream = this.#streams.get(frame.streamId);
    const send = stream?.send;
    if (stream === undefined || send === undefined || send.isDone) return;
    send.onResetAcked();
    this.#closeIfDone(stream);
  }

  /**
   * As {@linkcode StreamManager.onFrameAcked}, of the frame that most are.
   *
   * @param frame A record from {@linkcode StreamManager.writeFrames}.
   */
  onStreamFrameAcked(frame: SentStreamFrame): void {
    const stream = this.#streams.get(frame.streamId);
    const send = stream?.send;
    if (stream === undefined || send === undefined || send.isDone) return;
    const releasedBytes = send.onFrameAcked(frame);
    if (releasedBytes > 0) this.#release(stream, releasedBytes);
    if (send.isDone) {
      this.onStateChange?.(stream, "delivered");
      this.#events.push(stream, { type: "stream-finished", id: stream.id });
    }
    this.#closeIfDone(stream);
  }

  /**
   * Learns that a frame was probably lost: what still matters of it is sent
   * again, with its newest value (RFC 9000 §13.3).
   *
   * @param frame A record from {@linkcode StreamManager.writeFrames}; others
   * are ignored.
   */
  onFrameLost(frame: SentFrame): void {
    switch (frame.type) {
      case "connection-max-data":
        return this.#control.repeatConnectionMaxData();
      case "max-streams":
        return this.#control.repeatMaxStreams(frame.isUnidirectional);
      case "stream":
      case "reset-stream":
      case "stop-sending":
      case "stream-max-data":
        break;
      default:
        return;
    }
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined || stream.isClosed) return;
    if (frame.type === "stream") {
      stream.send?.onFrameLost(frame);
      this.#data.schedule(stream);
    } else this.#control.repeat(stream, frame.type);
  }

  // ── Bookkeeping ───────────────────────────────────────────────────────────

  /** Counts bytes against the connection's credit (RFC 9000 §4.1). */
  #receive(growth: number): void {
    if (growth > this.#window.availableBytes) {
      throw new TransportError(
        "FLOW_CONTROL",
        `Connection: ${growth} more bytes, ${this.#window.availableBytes} were granted`,
        { limit: "maxDataBytes" },
      );
    }
    this.#window.receive(growth);
    this.#control.onCreditChange();
  }

  /** Gives back the credit of what was read or thrown away. */
  #returnCredit(stream: Stream, recv: RecvStream): void {
    const byteCount = recv.takeConsumed();
    if (byteCount === 0) return;
    this.#window.consume(byteCount);
    this.#control.onCreditChange();
    if (recv.isMaxDataPending) this.#control.queue(stream);
  }

  #onSendReset(stream: Stream, heldBytes: number): void {
    this.onStateChange?.(stream, "reset-sent");
    this.#data.withdraw(stream);
    this.#space.stopWaiting(stream);
    this.#control.queue(stream);
    this.#release(stream, heldBytes);
  }

  /** Counts bytes that left a send buffer and wakes whoever waits for room. */
  #release(stream: Stream, byteCount: number): void {
    for (const woken of this.#space.onReleased(stream, byteCount)) {
      this.#events.pushWritable(woken);
    }
  }

  #closeIfDone(stream: Stream): void {
    if (stream.isClosed || !stream.isDone) return;
    stream.isClosed = true;
    this.onStateChange?.(stream, "closed");
    if (stream.eventCount === 0) this.#forgetLater(stream);
  }

  /**
   * Has a stream forgotten that is over, and returns the right to open it if it was
   * the peer's. Not while its events wait: they need it, and a stream that is kept
   * for them is in the peer's count.
   */
  #forgetLater(stream: Stream): void {
    this.#closed.push(stream);
    if (stream.isLocal || stream.isReturned) return;
    stream.isReturned = true;
    const isUni = isUnidirectional(stream.id);
    this.#streams.onPeerClosed(isUni);
    this.#control.onStreamCountChange(isUni);
  }

  #forgetClosed(): void {
    for (
      let stream = this.#closed.shift();
      stream !== undefined;
      stream = this.#closed.shift()
    ) {
      // One with another event by now is back when that was told.
      if (stream.eventCount === 0) this.#streams.delete(stream.id);
    }
  }
}

/**
 * The sending side of a stream (RFC 9000 §3.1).
 *
 * ```text
 * ready, sending ──finish──► data sent ──all acked──► done
 *       └──────reset, or the peer's stop──► reset sent ──acked──► done
 * ```
 *
 * @module
 */
import { assert } from "../../../internal/assert.ts";
import {
  type ByteWriter,
  varintLength,
} from "../../../internal/byte_writer.ts";
import { keepHiddenClass } from "../../../internal/hidden_class.ts";
import { RangeSet } from "../../../internal/range_set.ts";
import {
  encodeStreamFrameHead,
  type Priority,
} from "../../../protocol/frame/mod.ts";
import { TransportError } from "../error.ts";
import type { SentFrame, SentStreamFrame } from "../sent_frame.ts";
import { SendBuffer } from "./send_buffer.ts";

/** Where the frames of a packet go, and what the next one may use. */
export interface FrameRoom {
  /** Where to write. */
  readonly writer: ByteWriter;
  /** Offset that must not be passed. */
  readonly limitBytes: number;
  /** Bytes that the connection's credit allows. */
  creditBytes: number;
  /** Fewest bytes of data worth a frame when not all of it fits. */
  minFragmentBytes: number;
  /** Gets the record of the frame. */
  readonly sent: SentFrame[];
}

/** Bytes to send, and what became of them. */
export class SendStream {
  readonly #id: number;
  readonly #isOpener: boolean;
  readonly #buffer = new SendBuffer();
  #maxDataBytes: number;
  /** Offset after the last byte that was ever sent. */
  #sentEnd = 0;
  /** Sent, lost, and to be sent again. */
  #lost: RangeSet | undefined;
  /** Acknowledged beyond the start of the buffer. */
  #acked: RangeSet | undefined;
  #isOpenPending = false;
  #isFinWanted = false;
  #isFinPending = false;
  #isFinAcked = false;
  #resetCode: number | undefined;
  #isResetAcked = false;
  #stopCode: number | undefined;
  /** Whether a reset has to be sent. */
  isResetPending = false;

  /**
   * Starts with nothing to send.
   *
   * @param id The stream.
   * @param isOpener Whether this end opened the stream, and so states its priority.
   * @param maxDataBytes Credit from the handshake, in bytes.
   */
  constructor(id: number, isOpener: boolean, maxDataBytes: number) {
    this.#id = id;
    this.#isOpener = isOpener;
    this.#maxDataBytes = maxDataBytes;
  }

  /** How many bytes are held. */
  get bufferedBytes(): number {
    return this.#buffer.length;
  }

  /** Whether more can be written. */
  get isWritable(): boolean {
    return !this.#isFinWanted && this.#resetCode === undefined;
  }

  /** Whether nothing more can happen: everything, or the reset, was acknowledged. */
  get isDone(): boolean {
    return this.#resetCode !== undefined
      ? this.#isResetAcked
      : this.#isFinAcked && this.#buffer.length === 0;
  }

  /** The reset's code, once the side was given up. */
  get resetCode(): number | undefined {
    return this.#resetCode;
  }

  /** What a reset states as final size: the bytes that used credit (RFC 9000 §4.5). */
  get finalSize(): number {
    return this.#sentEnd;
  }

  /** How many bytes were sent, those that have to be sent again counted once. */
  get sentBytes(): number {
    return this.#sentEnd;
  }

  /**
   * Whether there is data that only the credit of this stream holds back, while the
   * peer has all that was sent: its application has not read that.
   */
  get isHeldBack(): boolean {
    return this.#sentEnd === this.#maxDataBytes &&
      this.#sentEnd === this.#buffer.start && this.#buffer.length > 0;
  }

  /** Whether there is new data that only the connection's credit can hold back. */
  get hasCreditedData(): boolean {
    return this.#resetCode === undefined &&
      this.#sentEnd < Math.min(this.#buffer.end, this.#maxDataBytes);
  }

  /**
   * Whether a frame can be written now.
   *
   * @param creditBytes Bytes that the connection's credit allows.
   * @returns `false` when there is nothing to send or no credit for it.
   */
  isSendable(creditBytes: number): boolean {
    if (this.#resetCode !== undefined) return false;
    if (this.#isOpenPending || (this.#lost?.rangeCount ?? 0) > 0) return true;
    if (this.#isFinPending && this.#sentEnd === this.#buffer.end) return true;
    return creditBytes > 0 && this.hasCreditedData;
  }

  /**
   * Takes bytes. None at all announces the stream to the peer.
   *
   * @param bytes What to send; copied.
   */
  write(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#buffer.append(bytes);
    else if (this.#isOpener && this.#sentEnd === 0) this.#isOpenPending = true;
  }

  /**
   * Refuses a write that cannot be delivered.
   *
   * @throws {TransportError} `STREAM_STOPPED` after the peer's stop,
   * `STREAM_STATE` after `finish` or `reset`.
   */
  checkWritable(): void {
    if (this.isWritable) return;
    if (this.#stopCode !== undefined) {
      throw new TransportError(
        "STREAM_STOPPED",
        `Stream ${this.#id}: the peer stopped it with code ${this.#stopCode}`,
        { closeCode: this.#stopCode },
      );
    }
    throw new TransportError(
      "STREAM_STATE",
      `Stream ${this.#id}: written after it was ${
        this.#isFinWanted ? "finished" : "reset"
      }`,
    );
  }

  /** Ends the stream after what was written. Does nothing when it has ended. */
  finish(): void {
    if (!this.isWritable) return;
    this.#isFinWanted = true;
    this.#isFinPending = true;
  }

  /**
   * Gives the stream up.
   *
   * @param code The reason.
   * @returns Whether anything was left to give up.
   */
  reset(code: number): boolean {
    if (this.#resetCode !== undefined || this.isDone) return false;
    this.#resetCode = code;
    this.isResetPending = true;
    this.#buffer.clear();
    this.#lost = undefined;
    this.#acked = undefined;
    return true;
  }

  /**
   * Takes the peer's request to stop, and gives the stream up (RFC 9000 §3.5).
   *
   * @param code The peer's reason.
   * @returns Whether anything was left to give up.
   */
  handleStop(code: number): boolean {
    if (!this.reset(code)) return false;
    this.#stopCode = code;
    return true;
  }

  /**
   * Takes the credit of the handshake in place of the one before it.
   *
   * @param maxDataBytes Bytes that may be sent in total, at least
   * {@linkcode SendStream.finalSize}.
   */
  settleCredit(maxDataBytes: number): void {
    this.#maxDataBytes = maxDataBytes;
  }

  /**
   * Takes credit. Less than before is old news (RFC 9000 §4.1).
   *
   * @param maxDataBytes Bytes that may be sent in total.
   */
  raiseCredit(maxDataBytes: number): void {
    this.#maxDataBytes = Math.max(this.#maxDataBytes, maxDataBytes);
  }

  /**
   * Writes one frame: what was lost first, then new data, with the opening and
   * the end where they belong. {@linkcode SendStream.isSendable} holds.
   *
   * @param room Where it goes.
   * @param priority The class to state when it opens the stream.
   * @returns How many bytes were sent for the first time, or -1 when no frame
   * fits.
   */
  writeFrame(room: FrameRoom, priority: Priority): number {
    const { writer } = room;
    const end = this.#buffer.end;
    const lost = this.#lost?.first;
    const offset = lost?.start ?? this.#sentEnd;
    const available = lost !== undefined ? lost.end - lost.start : Math.max(
      0,
      Math.min(end - offset, this.#maxDataBytes - offset, room.creditBytes),
    );
    const isOpen = this.#isOpener && offset === 0;
    const spare = room.limitBytes - writer.offset - 1 -
      varintLength(this.#id) - (isOpen ? 1 : varintLength(offset));
    if (spare < 0) return -1;
    const length = available === 0
      ? 0
      : Math.min(available, spare - varintLength(Math.min(available, spare)));
    if (length < Math.min(available, room.minFragmentBytes)) return -1;
    const isFin = this.#isFinWanted && offset + length === end;
    assert(length > 0 || isOpen || isFin, "A frame says something");
    const frame: SentStreamFrame = {
      type: "stream",
      streamId: this.#id,
      priority: isOpen ? priority : undefined,
      offset,
      length,
      isFin,
    };
    encodeStreamFrameHead(writer, frame);
    if (length > 0) this.#buffer.copyInto(writer, offset, length);
    if (isOpen) this.#isOpenPending = false;
    if (isFin) this.#isFinPending = false;
    room.sent.push(frame);
    if (lost !== undefined) {
      this.#lost!.remove(offset, offset + length);
      return 0;
    }
    this.#sentEnd += length;
    return length;
  }

  /**
   * Learns that the peer has a frame.
   *
   * @param frame The record of it.
   * @returns How many bytes were let go.
   */
  onFrameAcked(frame: SentStreamFrame): number {
    if (this.#resetCode !== undefined) return 0;
    if (frame.priority !== undefined) this.#isOpenPending = false;
    if (frame.isFin) {
      this.#isFinAcked = true;
      this.#isFinPending = false;
    }
    const end = frame.offset + frame.length;
    const { start } = this.#buffer;
    if (end <= start) return 0;
    this.#lost?.remove(frame.offset, end);
    if (frame.offset > start) {
      this.#acked ??= new RangeSet();
      this.#acked.add(frame.offset, end);
      return 0;
    }
    const released = this.#acked === undefined
      ? end
      : this.#joinAcked(this.#acked, end);
    this.#buffer.release(released);
    return released - start;
  }

  /** Takes what was acknowledged before and is not behind a gap any more. */
  #joinAcked(acked: RangeSet, end: number): number {
    let released = end;
    // A repeated frame may end in the middle of one range, or where one begins.
    for (
      let next = acked.first;
      next !== undefined && next.start <= released;
      next = acked.first
    ) {
      released = Math.max(released, next.end);
      acked.remove(0, released);
    }
    return released;
  }

  /**
   * Learns that a frame was probably lost: what the peer does not have by
   * another frame is sent again.
   *
   * @param frame The record of it.
   */
  onFrameLost(frame: SentStreamFrame): void {
    if (this.#resetCode !== undefined) return;
    if (frame.isFin && !this.#isFinAcked) this.#isFinPending = true;
    // Data at offset 0 opens the stream as well.
    if (frame.priority !== undefined && this.#sentEnd === 0) {
      this.#isOpenPending = true;
    }
    const start = Math.max(frame.offset, this.#buffer.start);
    const end = frame.offset + frame.length;
    if (end <= start) return;
    this.#lost ??= new RangeSet();
    this.#lost.add(start, end);
    const acked = this.#acked;
    if (acked === undefined) return;
    const { ranges } = acked;
    // From the first that ends behind the start on: there may be thousands before.
    for (
      let index = acked.indexFrom(start + 1);
      index < ranges.length && ranges[index]!.start < end;
      index++
    ) {
      this.#lost.remove(ranges[index]!.start, ranges[index]!.end);
    }
  }

  /** Learns that the peer has the reset. */
  onResetAcked(): void {
    this.#isResetAcked = true;
    this.isResetPending = false;
  }

  /** Learns that the reset was probably lost. */
  onResetLost(): void {
    if (!this.#isResetAcked) this.isResetPending = true;
  }
}

keepHiddenClass(new SendStream(0, true, 0));

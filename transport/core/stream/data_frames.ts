/**
 * Stream frames that wait to be sent: who has data, whose turn it is, and what
 * the connection's credit allows.
 *
 * @module
 */
import type { ByteWriter } from "../../../internal/byte_writer.ts";
import { TransportError } from "../error.ts";
import { SendCredit } from "../flow_control.ts";
import { Scheduler } from "../scheduler.ts";
import type { SentFrame } from "../sent_frame.ts";
import type { SendStream } from "./send_stream.ts";
import type { Stream } from "./stream.ts";

/** Fewest bytes of a stream worth a frame at the end of a packet that has others. */
const MIN_FRAGMENT_BYTES = 64;

/**
 * Bytes of a stream that may use all of the connection's credit. What is longer leaves
 * a part of it: else a few streams that their readers leave alone would hold up every
 * message between the two, however short.
 */
const SHORT_STREAM_BYTES = 16 * 1024;

/** The part of the connection's credit that is for short streams. */
const RESERVED_SHARE = 1 / 32;

/** The queues of streams with data, an opening or an end to send. */
export class DataFrames {
  readonly #credit: SendCredit;
  #reservedBytes: number;
  readonly #scheduler = new Scheduler<Stream>();
  /** Short streams whose new data waits for the connection's credit; made for the first. */
  #starvedShort: Set<Stream> | undefined;
  /** Longer ones: apart, as most grants may be for short ones only. */
  #starvedLong: Set<Stream> | undefined;

  /**
   * Starts with nothing to send.
   *
   * @param maxDataBytes Credit of the connection.
   */
  constructor(maxDataBytes: number) {
    this.#credit = new SendCredit(maxDataBytes);
    this.#reservedBytes = reservedBytesOf(maxDataBytes);
  }

  /** Whether a frame can be written. */
  get hasPending(): boolean {
    return this.#next() !== undefined;
  }

  /**
   * Gives a stream its place, if it has something to send.
   *
   * @param stream A stream whose sending side may have changed.
   */
  schedule(stream: Stream): void {
    const { send } = stream;
    if (send === undefined || stream.isScheduled) return;
    if (send.isSendable(this.#creditFor(send))) {
      this.withdraw(stream);
      this.#scheduler.add(stream);
    } else if (send.hasCreditedData) this.#starve(stream);
  }

  /**
   * Takes away the place of a stream that sends no more data.
   *
   * @param stream The stream; a turn that it still has is passed over.
   */
  withdraw(stream: Stream): void {
    this.#starvedShort?.delete(stream);
    this.#starvedLong?.delete(stream);
  }

  /**
   * Takes credit of the connection.
   *
   * @param maxDataBytes Bytes that may be sent in total.
   */
  raiseCredit(maxDataBytes: number): void {
    if (this.#credit.raise(maxDataBytes)) this.#scheduleStarved();
  }

  /**
   * Takes the credit of the handshake, where data was sent before it.
   *
   * @param maxDataBytes Bytes that may be sent in total.
   * @throws {TransportError} `FLOW_CONTROL` when more were sent already.
   */
  settleCredit(maxDataBytes: number): void {
    if (maxDataBytes < this.#credit.usedBytes) {
      throw new TransportError(
        "FLOW_CONTROL",
        `Early data: ${this.#credit.usedBytes} bytes, the peer grants ${maxDataBytes}`,
        { fault: "peer" },
      );
    }
    this.#credit.settle(maxDataBytes);
    this.#reservedBytes = reservedBytesOf(maxDataBytes);
    this.#scheduleStarved();
  }

  /**
   * Writes as many frames as fit, in the order of the scheduler.
   *
   * @param writer Where to write.
   * @param limitBytes Offset that must not be passed.
   * @param sent Gets a record of each frame.
   */
  writeFrames(
    writer: ByteWriter,
    limitBytes: number,
    sent: SentFrame[],
  ): void {
    const room = {
      writer,
      limitBytes,
      creditBytes: 0,
      minFragmentBytes: 1,
      sent,
    };
    for (let stream = this.#next(); stream; stream = this.#next()) {
      const start = writer.offset;
      const send = stream.send!;
      room.creditBytes = this.#creditFor(send);
      const newBytes = send.writeFrame(room, stream.priority);
      if (newBytes < 0) return;
      this.#credit.use(newBytes);
      const hasMore = send.isSendable(this.#creditFor(send));
      this.#scheduler.endTurn(writer.offset - start, hasMore);
      if (!hasMore && send.hasCreditedData) this.#starve(stream);
      room.minFragmentBytes = MIN_FRAGMENT_BYTES;
    }
  }

  /** What a stream may use of the connection's credit, in bytes; may be negative. */
  #creditFor({ sentBytes }: SendStream): number {
    const { availableBytes } = this.#credit;
    const unreservedBytes = availableBytes - this.#reservedBytes;
    return sentBytes < SHORT_STREAM_BYTES
      // a datagram may hold more than is short
      ? Math.max(
        unreservedBytes,
        Math.min(availableBytes, SHORT_STREAM_BYTES - sentBytes),
      )
      : unreservedBytes;
  }

  #starve(stream: Stream): void {
    if (stream.send!.sentBytes < SHORT_STREAM_BYTES) {
      (this.#starvedShort ??= new Set()).add(stream);
    } else (this.#starvedLong ??= new Set()).add(stream);
  }

  #scheduleStarved(): void {
    const short = this.#starvedShort;
    this.#starvedShort = undefined;
    for (const stream of short ?? []) this.schedule(stream);
    if (this.#credit.availableBytes <= this.#reservedBytes) return;
    const long = this.#starvedLong;
    this.#starvedLong = undefined;
    for (const stream of long ?? []) this.schedule(stream);
  }

  /** The stream whose turn it is, past those that have nothing to send by now. */
  #next(): Stream | undefined {
    for (
      let stream = this.#scheduler.peek();
      stream !== undefined;
      stream = this.#scheduler.peek()
    ) {
      const send = stream.send!;
      if (send.isSendable(this.#creditFor(send))) return stream;
      this.#scheduler.drop();
      if (send.hasCreditedData) this.#starve(stream);
    }
    return undefined;
  }
}

/** A whole number: of a window of a few bytes none are left, or nothing would go. */
function reservedBytesOf(maxDataBytes: number): number {
  return Math.floor(maxDataBytes * RESERVED_SHARE);
}

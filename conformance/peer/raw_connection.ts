/**
 * A connection whose packets are made one by one: right ones, and whatever a
 * clause needs. It acknowledges and reads frames, and does nothing by itself.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import type { Instant } from "../../internal/instant.ts";
import { RangeSet } from "../../internal/range_set.ts";
import {
  type CloseFrame,
  decodeFrame,
  encodeAckFrame,
  encodeCloseFrame,
  encodePingFrame,
  type Frame,
  isAckEliciting,
  type StreamFrame,
} from "../../protocol/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import { check, fail } from "../clause.ts";
import { HEADER_BYTES } from "../wire/handshake_codec.ts";
import {
  ACK_FLAG,
  ELICITING_FLAG,
  type OpenedPacket,
  PacketKeys,
  PHASE_FLAG,
  PROBE_FLAG,
} from "../wire/packet_codec.ts";
import { Parameter } from "../wire/parameter_codec.ts";
import type { Agreed } from "./handshake.ts";
import { RawStream } from "./raw_stream.ts";
import type { UdpSocket } from "./udp_socket.ts";

/** How often what got no answer is sent again, in milliseconds. */
const REPEAT_MS = 400;

/** How long a wait lasts when nobody says otherwise, in milliseconds. */
export const DEFAULT_WAIT_MS = 3_000;

/** Flags that a sealed packet may have. */
const SEALED_FLAGS = ELICITING_FLAG | ACK_FLAG | PHASE_FLAG | PROBE_FLAG;

/** Most ranges that our acks report. */
const MAX_RANGES = 32;

/** The bit of a stream id that says that the node opened the stream. */
const NODE_STREAM_BIT = 0x02;

/** A frame that came, and how. */
export interface ReceivedFrame {
  /** The frame; its bytes are its own. */
  readonly frame: Frame;
  /** The packet that held it. */
  readonly packet: OpenedPacket;
  /** When it came. */
  readonly at: Instant;
  /** The socket that it came to. */
  readonly socket: UdpSocket;
}

/** How a packet is sent. */
export interface SendOptions {
  /** Its number; the next one when absent. */
  readonly packetNumber?: number;
  /**
   * Its flags without the key phase.
   *
   * @default {ELICITING_FLAG}
   */
  readonly flags?: number;
  /**
   * The byte behind the flags.
   *
   * @default {0}
   */
  readonly reservedByte?: number;
  /** Generation of the keys; the one in use when absent. */
  readonly generation?: number;
  /** Where it leaves; the connection's first socket when absent. */
  readonly socket?: UdpSocket;
  /** Which of the node's ids it carries; that of the handshake when absent. */
  readonly connectionId?: Uint8Array;
}

/** How a wait goes. */
export interface WaitOptions {
  /**
   * How long it may take, in milliseconds.
   *
   * @default {DEFAULT_WAIT_MS}
   */
  readonly withinMs?: number;
  /** Sends again what the answer depends on. */
  readonly repeat?: () => void;
  /**
   * How often, in milliseconds.
   *
   * @default {REPEAT_MS}
   */
  readonly repeatMs?: number;
}

/** One end of an established connection. */
export class RawConnection {
  /** What the handshake gave. */
  readonly agreed: Agreed;
  /** Where it began. */
  readonly socket: UdpSocket;
  /** Round trip of the handshake, in milliseconds. */
  readonly rttMs: number;
  /** Frames that came, in order, without padding. */
  readonly frames: ReceivedFrame[] = [];
  /** Our packets that the node has acknowledged. */
  readonly acked: RangeSet = new RangeSet();
  /** The node's close, if it came. */
  close: CloseFrame | undefined;
  /** Generation of the keys that we send under. */
  generation = 0;
  /** Highest generation that the node has sent under. */
  peerGeneration = 0;
  /** Whether packets are acknowledged when they come. */
  isAcking = true;
  /** Number of the next packet. */
  nextPacketNumber = 0;
  /** Packets that came. */
  packetCount = 0;
  readonly #send: PacketKeys;
  readonly #receive: PacketKeys;
  readonly #received: RangeSet = new RangeSet();
  readonly #streams = new Map<number, RawStream>();
  readonly #limit: () => Instant;
  /** How many bytes the node takes on all streams together. */
  #creditBytes: number;
  #isFinishSent = false;
  #isConfirmed = false;
  #nextBidi = 0;

  /**
   * @param agreed What the handshake gave.
   * @param socket Where it took place.
   * @param timing Its round trip, and when all waits end.
   */
  constructor(
    agreed: Agreed,
    socket: UdpSocket,
    timing: { readonly rttMs: number; readonly limit: () => Instant },
  ) {
    this.agreed = agreed;
    this.socket = socket;
    this.rttMs = timing.rttMs;
    this.#limit = timing.limit;
    this.#creditBytes = agreed.parameters.number(Parameter.MAX_DATA);
    this.#send = new PacketKeys(agreed.suite, agreed.sendSecret);
    this.#receive = new PacketKeys(agreed.suite, agreed.receiveSecret);
  }

  /** Whether the node has sent a packet that opens. */
  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  // ── What leaves ───────────────────────────────────────────────────────────

  /**
   * Makes a packet, without the finish in front of it.
   *
   * @param plaintext Its frames.
   * @param options Number, flags, keys.
   * @returns The packet and its number.
   */
  seal(
    plaintext: Uint8Array,
    options: SendOptions = {},
  ): { readonly packet: Uint8Array; readonly packetNumber: number } {
    const packetNumber = options.packetNumber ?? this.nextPacketNumber;
    this.nextPacketNumber = Math.max(this.nextPacketNumber, packetNumber + 1);
    const packet = this.#send.seal({
      connectionId: options.connectionId ?? this.agreed.peerConnectionId,
      packetNumber,
      flags: options.flags ?? ELICITING_FLAG,
      reservedByte: options.reservedByte ?? 0,
      plaintext,
      generation: options.generation ?? this.generation,
    });
    return { packet, packetNumber };
  }

  /**
   * Sends a packet. Until the node has answered, the finish goes in front.
   *
   * @param plaintext Its frames.
   * @param options Number, flags, keys, socket.
   * @returns Its number.
   */
  send(plaintext: Uint8Array, options: SendOptions = {}): number {
    const { packet, packetNumber } = this.seal(plaintext, options);
    this.sendPacket(packet, options.socket);
    return packetNumber;
  }

  /**
   * Sends a packet that is made already.
   *
   * @param packet The packet.
   * @param socket Where it leaves.
   */
  sendPacket(packet: Uint8Array, socket: UdpSocket = this.socket): void {
    // With a ticket the node answers before it has the finish.
    const isDone = this.agreed.isResumed
      ? this.acked.rangeCount > 0
      : this.#isConfirmed;
    if (isDone) return socket.send(packet);
    const { finish } = this.agreed;
    const datagram = new Uint8Array(finish.length + packet.length);
    datagram.set(finish);
    datagram.set(packet, finish.length);
    this.#isFinishSent = true;
    socket.send(datagram);
  }

  /**
   * Opens a stream of ours in both directions.
   *
   * @returns Its id.
   */
  openStream(): number {
    return 4 * this.#nextBidi++;
  }

  /** Sends a ping and waits until it is acknowledged. */
  async ping(what = "a ping is not acknowledged"): Promise<void> {
    await this.deliver(pingFrame(), what);
  }

  /**
   * Sends frames until they are acknowledged.
   *
   * @param plaintext The frames.
   * @param what What to say when they are not.
   * @param options How they are sent.
   * @returns Numbers of the packets.
   */
  async deliver(
    plaintext: Uint8Array,
    what: string,
    options: SendOptions = {},
  ): Promise<number[]> {
    const numbers = [this.send(plaintext, options)];
    await this.waitFor(
      what,
      () => numbers.some((number) => this.isAcked(number)) || undefined,
      { repeat: () => numbers.push(this.send(plaintext, options)) },
    );
    return numbers;
  }

  // ── What comes ────────────────────────────────────────────────────────────

  /**
   * What came on a stream.
   *
   * @param id The stream.
   */
  stream(id: number): RawStream {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = new RawStream(
        this.agreed.parameters.number(Parameter.MAX_STREAM_DATA),
      );
      this.#streams.set(id, stream);
    }
    return stream;
  }

  /**
   * How far our direction of a stream may go, by the credit that came so far.
   *
   * @param id The stream.
   * @returns An offset.
   */
  sendLimit(id: number): number {
    const { creditEnd, sentEnd } = this.stream(id);
    let sentBytes = 0;
    for (const stream of this.#streams.values()) sentBytes += stream.sentEnd;
    return Math.min(creditEnd, this.#creditBytes - sentBytes + sentEnd);
  }

  /**
   * Whether the node has acknowledged a packet.
   *
   * @param packetNumber Its number.
   */
  isAcked(packetNumber: number): boolean {
    return this.acked.ranges.some(({ start, end }) =>
      packetNumber >= start && packetNumber < end
    );
  }

  /**
   * Waits until something holds, taking what comes.
   *
   * @param what What to say when it does not come to hold.
   * @param condition Gives a value as soon as it holds.
   * @param options How long, and what to send again.
   * @returns The value.
   * @throws {ClauseFailure} When the time is over.
   */
  async waitFor<Value>(
    what: string,
    condition: () => Value | undefined,
    options: WaitOptions = {},
  ): Promise<Value> {
    const end = Math.min(
      systemClock() + (options.withinMs ?? DEFAULT_WAIT_MS),
      this.#limit(),
    );
    const repeatMs = (options.repeatMs ?? REPEAT_MS) + this.rttMs;
    let repeatAt = systemClock() + repeatMs;
    for (;;) {
      const value = condition();
      if (value !== undefined) return value;
      const now = systemClock();
      if (now >= end) break;
      if (now >= repeatAt && options.repeat !== undefined) {
        options.repeat();
        repeatAt = now + repeatMs;
      }
      await this.#takeOne(Math.min(end, repeatAt));
    }
    const { close } = this;
    fail(
      close === undefined
        ? what
        : `${what}: the node closed with code ${hex(close.code)}${
          close.reason === "" ? "" : ` (${close.reason})`
        }`,
    );
  }

  /**
   * Takes what comes for a while.
   *
   * @param durationMs How long.
   */
  async listen(durationMs: number): Promise<void> {
    const end = Math.min(systemClock() + durationMs, this.#limit());
    while (systemClock() < end) await this.#takeOne(end);
  }

  /**
   * Takes a datagram that came to any socket of this connection.
   *
   * @param datagram The datagram.
   * @param at When it came.
   * @param socket Where it came.
   * @returns How many packets of it opened.
   */
  take(datagram: Uint8Array, at: Instant, socket: UdpSocket): number {
    let count = 0;
    let rest = datagram;
    while (rest.length > HEADER_BYTES) {
      const end = HEADER_BYTES + (rest[18]! | rest[19]! << 8);
      const opened = this.#receive.open(
        rest.subarray(0, end),
        this.peerGeneration,
      );
      if (opened !== undefined) {
        count++;
        this.#takePacket(opened, at, socket);
      }
      rest = rest.subarray(end);
    }
    return count;
  }

  /** Ends the connection politely, if the node has not. */
  end(): void {
    if (this.close !== undefined || !this.#isFinishSent) return;
    this.send(closeFrame(0), { flags: 0 });
  }

  async #takeOne(until: Instant): Promise<void> {
    const received = await this.socket.receive(until);
    if (received === undefined) return;
    this.take(received.bytes, received.at, this.socket);
  }

  #takePacket(packet: OpenedPacket, at: Instant, socket: UdpSocket): void {
    checkHeader(packet);
    this.#isConfirmed = true;
    this.packetCount++;
    const { packetNumber } = packet;
    const isNew = !this.#received.ranges.some(({ start, end }) =>
      packetNumber >= start && packetNumber < end
    );
    if (!isNew) fail(`the node used packet number ${packetNumber} twice`);
    this.#received.add(packetNumber, packetNumber + 1);
    this.peerGeneration = Math.max(this.peerGeneration, packet.generation);
    const reader = new ByteReader(packet.plaintext);
    let contents = 0;
    while (reader.remaining > 0) {
      const frame = this.#readFrame(reader);
      if (frame.type === "padding") continue;
      if (isAckEliciting(frame.type)) contents |= ELICITING_FLAG;
      if (frame.type === "ack") contents |= ACK_FLAG;
      this.frames.push({ frame, packet, at, socket });
      this.#takeFrame(frame);
      if (frame.type === "close") return;
    }
    const flags = packet.flags & (ELICITING_FLAG | ACK_FLAG);
    check(
      flags === contents,
      `the node sent a packet with the flags ${
        hex(packet.flags)
      }: its frames ask for ${hex(contents)}`,
    );
    if ((contents & ELICITING_FLAG) !== 0 && this.isAcking) {
      this.sendAck(socket);
    }
  }

  #readFrame(reader: ByteReader): Frame {
    try {
      return decodeFrame(reader);
    } catch (error) {
      fail(`the node sent a frame that cannot be decoded: ${error}`);
    }
  }

  #takeFrame(frame: Frame): void {
    switch (frame.type) {
      case "ack":
        for (const { start, end } of frame.ranges) this.acked.add(start, end);
        break;
      case "stream":
        checkOpen(frame);
        this.stream(frame.streamId).receive(frame);
        break;
      case "reset-stream":
        this.stream(frame.streamId).resetCode = frame.code;
        break;
      case "stop-sending":
        this.stream(frame.streamId).stopCode = frame.code;
        break;
      case "stream-max-data": {
        const stream = this.stream(frame.streamId);
        stream.creditEnd = Math.max(stream.creditEnd, frame.maxData);
        break;
      }
      case "connection-max-data":
        this.#creditBytes = Math.max(this.#creditBytes, frame.maxData);
        break;
      case "close":
        this.close = frame;
        break;
      default:
        break;
    }
  }

  /**
   * Acknowledges everything that came.
   *
   * @param socket Where the packet leaves.
   */
  sendAck(socket: UdpSocket = this.socket): void {
    const ranges = this.#received.ranges.toReversed().slice(0, MAX_RANGES);
    if (ranges.length === 0) return;
    const writer = new ByteWriter(new Uint8Array(1_000));
    encodeAckFrame(writer, {
      largest: ranges[0]!.end - 1,
      delayMicros: 0,
      ranges,
    });
    this.send(writer.written.slice(), { flags: ACK_FLAG, socket });
  }
}

/** Insists on a header, and on contents, that no peer closes because of. */
function checkHeader({ flags, reservedByte, plaintext }: OpenedPacket): void {
  check(
    (flags & ~SEALED_FLAGS) === 0,
    `the node sent a sealed packet with the flags ${hex(flags)}`,
  );
  check(
    reservedByte === 0,
    `the node sent a packet whose reserved byte is ${reservedByte}`,
  );
  check(plaintext.length > 0, "the node sent a packet without a frame");
}

/** Insists on OPEN where the node's own streams begin, and nowhere else. */
function checkOpen({ streamId, offset, isOpen }: StreamFrame): void {
  const isExpected = (streamId & NODE_STREAM_BIT) !== 0 && offset === 0;
  check(
    isOpen === isExpected,
    `the node sent a frame at offset ${offset} of stream ${streamId} ${
      isOpen ? "with" : "without"
    } OPEN`,
  );
}

function hex(number: number): string {
  return `0x${number.toString(16).padStart(2, "0")}`;
}

/** A ping frame. */
export function pingFrame(): Uint8Array {
  return written((writer) => encodePingFrame(writer));
}

/**
 * A close frame.
 *
 * @param code Why.
 */
export function closeFrame(code: number): Uint8Array {
  return written((writer) => encodeCloseFrame(writer, { code, reason: "" }));
}

/**
 * Writes frames.
 *
 * @param write Writes them, at most 1,100 bytes.
 * @returns New bytes.
 */
export function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(1_100));
  write(writer);
  return writer.written.slice();
}

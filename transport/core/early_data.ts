/**
 * The initiator's streams before the handshake is done: what of them leaves
 * with the hello, and what becomes of it, at either end.
 *
 * As long as nobody knows whether the responder takes the ticket, the streams
 * live with limits that no responder is below: its own, of the connection that
 * gave the ticket, and a hello's worth of bytes.
 *
 * @module
 */
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { decodeFrame } from "../../protocol/frame/mod.ts";
import { MAX_EARLY_STREAMS, MIN_HELLO_DATAGRAM_BYTES } from "./config.ts";
import { TransportError } from "./error.ts";
import type { SentFrame } from "./sent_frame.ts";
import { type StreamLimits, StreamManager } from "./stream/manager.ts";
import { isStreamManagerFrame } from "./stream/stream_manager_frame.ts";
import type { StoredTicket } from "./ticket_store.ts";

/** What {@linkcode EarlyData} is made from. */
export interface EarlyDataOptions {
  /** The ticket, for this connection alone. */
  readonly ticket: StoredTicket;
  /** What we grant the peer. */
  readonly local: StreamLimits;
  /** Bytes that one stream holds for sending before it pushes back. */
  readonly sendBufferBytes: number;
  /** Bytes that all streams hold for sending. */
  readonly maxBufferedBytes: number;
  /** Separate stretches of a stream that wait behind a gap. */
  readonly maxStretches: number;
  /** Takes a ticket that was not used back. */
  readonly onUnused: (ticket: StoredTicket) => void;
  /** Learns whether the responder has taken the data, if there was any. */
  readonly onSettled: (isAccepted: boolean) => void;
}

/**
 * Size of the payload of a hello with a ticket.
 *
 * @param parameters Encoded transport parameters.
 * @param frameBytes How many bytes of frames follow.
 * @returns Bytes.
 */
export function earlyPayloadLength(
  parameters: Uint8Array,
  frameBytes: number,
): number {
  return 2 + parameters.length + frameBytes;
}

/**
 * Encodes the payload of a hello with a ticket.
 *
 * @param parameters Encoded transport parameters.
 * @param frames Frames of streams.
 * @returns New bytes.
 */
export function encodeEarlyPayload(
  parameters: Uint8Array,
  frames: Uint8Array,
): Uint8Array {
  const writer = new ByteWriter(
    new Uint8Array(earlyPayloadLength(parameters, frames.length)),
  );
  writer.u16(parameters.length);
  writer.bytes(parameters);
  writer.bytes(frames);
  return writer.buffer;
}

/**
 * Takes the payload of a hello with a ticket apart.
 *
 * @param payload What the Noise message carried.
 * @returns Views of it, or `undefined` when it is malformed.
 */
export function decodeEarlyPayload(
  payload: Uint8Array,
):
  | { readonly parameters: Uint8Array; readonly frames: Uint8Array }
  | undefined {
  const reader = new ByteReader(payload);
  const parameters = reader.bytes(reader.u16());
  const frames = reader.bytes(reader.remaining);
  return reader.isFailed ? undefined : { parameters, frames };
}

/**
 * Takes frames that came with a hello, at the responder.
 *
 * @param frames Their bytes; borrowed.
 * @param streams The streams of the connection.
 * @throws {TransportError} When the peer breaks a rule; the connection has to
 * be closed then.
 * @throws {ProtocolError} `FRAME_INVALID`, likewise.
 */
export function handleEarlyFrames(
  frames: Uint8Array,
  streams: StreamManager,
): void {
  const reader = new ByteReader(frames);
  while (reader.remaining > 0) {
    const frame = decodeFrame(reader);
    if (!isStreamManagerFrame(frame)) {
      throw new TransportError(
        "PROTOCOL_VIOLATION",
        `Early data: a frame ${frame.type}`,
      );
    }
    streams.handleFrame(frame);
  }
}

/** What an initiator with a ticket has to say before it is answered. */
export class EarlyData {
  /** The ticket that goes with it. */
  readonly ticket: StoredTicket;
  /** The streams, those of the whole connection once it stands. */
  readonly streams: StreamManager;
  /** Called with what leaves with the hello, where somebody watches; borrowed. */
  onTaken: ((frames: Uint8Array) => void) | undefined;
  readonly #options: EarlyDataOptions;
  /** What left with the hello; nothing before and afterwards. */
  #sent: SentFrame[] = [];

  /** @param options Ticket, limits and buffers. */
  constructor(options: EarlyDataOptions) {
    const { ticket, local } = options;
    this.ticket = ticket;
    this.#options = options;
    this.streams = new StreamManager({
      isInitiator: true,
      local,
      peer: earlyLimits(ticket.limits),
      sendBufferBytes: options.sendBufferBytes,
      maxBufferedBytes: options.maxBufferedBytes,
      maxStretches: options.maxStretches,
    });
  }

  /**
   * Writes what leaves with the hello; called once, when it is made.
   *
   * @param roomBytes How many bytes of frames there is room for.
   * @returns The frames. None at all: the ticket was given back, and the hello
   * has to be one without.
   */
  take(roomBytes: number): Uint8Array | undefined {
    const writer = new ByteWriter(new Uint8Array(Math.max(0, roomBytes)));
    this.streams.writeFrames(writer, writer.buffer.length, this.#sent);
    if (writer.offset === 0) {
      this.#options.onUnused(this.ticket);
      return undefined;
    }
    this.onTaken?.(writer.written);
    return writer.written;
  }

  /**
   * The handshake is done.
   *
   * @param isAccepted Whether the responder has what left with the hello;
   * otherwise it is sent again, in the packets of the connection.
   * @param peer What the responder grants.
   * @throws {TransportError} `STREAM_LIMIT` or `FLOW_CONTROL` when that is less
   * than what was used already.
   */
  settle(isAccepted: boolean, peer: StreamLimits): void {
    if (this.#sent.length > 0) this.#options.onSettled(isAccepted);
    this.streams.settleLimits(peer);
    for (const frame of this.#sent) {
      if (isAccepted) this.streams.onFrameAcked(frame);
      else this.streams.onFrameLost(frame);
    }
    this.#sent = [];
  }
}

function earlyLimits(granted: StreamLimits): StreamLimits {
  return {
    maxDataBytes: Math.min(granted.maxDataBytes, MIN_HELLO_DATAGRAM_BYTES),
    maxStreamDataBytes: Math.min(
      granted.maxStreamDataBytes,
      MIN_HELLO_DATAGRAM_BYTES,
    ),
    maxBidiStreams: Math.min(granted.maxBidiStreams, MAX_EARLY_STREAMS),
    maxUniStreams: Math.min(granted.maxUniStreams, MAX_EARLY_STREAMS),
  };
}

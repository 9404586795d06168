/**
 * Everything that waits to be sent in packets, in its order, and what became of
 * it.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import { AckFrequency } from "./ack_frequency.ts";
import type { ConnectionIds } from "./connection_ids.ts";
import { ControlQueue } from "./control_queue.ts";
import { DatagramQueue } from "./datagram_queue.ts";
import type { PacketSpaceOptions } from "./packet_space_options.ts";
import type { SentFrame } from "./sent_frame.ts";
import { StreamManager } from "./stream/manager.ts";
import { TicketQueue } from "./ticket_queue.ts";

/** What one end has to say to the other, beside acknowledgements. */
export class OutgoingFrames {
  /** Pings, path challenges and their answers. */
  readonly control: ControlQueue;
  /** Connection ids, both ends'. */
  readonly ids: ConnectionIds;
  /** How often the peer should acknowledge. */
  readonly ackFrequency: AckFrequency;
  /** What may be lost. */
  readonly datagrams: DatagramQueue;
  /** The streams. */
  readonly streams: StreamManager;
  /** Session tickets. */
  readonly tickets: TicketQueue = new TicketQueue();

  /** @param options Limits of both ends, and who counts those that are reached. */
  constructor(options: PacketSpaceOptions) {
    const { config, onLimit, result } = options;
    const { peerParameters } = result;
    this.ids = options.ids;
    this.control = new ControlQueue(config.maxPathResponses, onLimit);
    this.ackFrequency = new AckFrequency(peerParameters.maxAckDelayMs);
    this.datagrams = new DatagramQueue(
      config.datagramQueueLength,
      onLimit,
    );
    this.streams = options.streams ?? new StreamManager({
      isInitiator: options.isInitiator,
      local: options.parameters,
      peer: peerParameters,
      sendBufferBytes: config.sendBufferBytes,
      maxBufferedBytes: config.maxBufferedBytes,
      maxStretches: config.maxStreamStretches,
    });
  }

  /** Whether anything is worth a packet: ids for paths to come are not. */
  get hasPending(): boolean {
    return this.streams.hasPendingFrames || this.ids.peer.hasPending ||
      this.datagrams.outgoingCount > 0 || this.control.hasPending ||
      this.tickets.hasPending;
  }

  /**
   * Writes all but the control queue, as far as it fits.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param options Gets a record of each frame that is repeated when it is lost,
   * and what an empty packet has room for.
   */
  writeFrames(
    writer: ByteWriter,
    limit: number,
    options: { readonly sent: SentFrame[]; readonly roomBytes: number },
  ): void {
    const { sent, roomBytes } = options;
    this.ids.writeFrames(writer, limit, sent);
    this.ackFrequency.writeFrames(writer, limit, sent);
    this.datagrams.writeFrames(writer, limit, roomBytes);
    this.streams.writeFrames(writer, limit, sent);
    this.tickets.writeFrames(writer, limit, sent);
  }

  /**
   * The peer has a frame.
   *
   * @param frame Its record; those of pings and acknowledgements are ignored.
   */
  onFrameAcked(frame: SentFrame): void {
    if (frame.type === "ack-frequency") {
      this.ackFrequency.onFrameAcked(frame.sequence);
    } else if (frame.type === "ticket") this.tickets.onAcked(frame.id);
    else if (!this.ids.onFrameAcked(frame)) this.streams.onFrameAcked(frame);
  }

  /**
   * Frames were probably lost: what still matters of them is sent again.
   *
   * @param frames Their records.
   */
  onFramesLost(frames: readonly SentFrame[]): void {
    for (const frame of frames) {
      if (frame.type === "ack") continue;
      if (frame.type === "ping") this.control.repeatPing(frame);
      else if (frame.type === "ack-frequency") {
        this.ackFrequency.onFrameLost(frame.sequence);
      } else if (frame.type === "ticket") this.tickets.onLost(frame.id);
      else if (!this.ids.onFrameLost(frame)) this.streams.onFrameLost(frame);
    }
  }
}

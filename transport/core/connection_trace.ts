/**
 * What a connection tells its observer, put into words. It exists only while
 * somebody watches: the state machines call it with `?.` and hand over what
 * they have at hand anyway.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import {
  isHandshakeHeader,
  PACKET_HEADER_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PacketFlags,
  packetPayloadLength,
} from "../../protocol/mod.ts";
import type { Address } from "./address.ts";
import type { ConnectionState } from "./connection.ts";
import { DEFAULT_DATAGRAM_BYTES } from "./config.ts";
import type { EarlyData } from "./early_data.ts";
import type { TransportError } from "./error.ts";
import {
  formatConnectionId,
  type FrameSummary,
  summarizeFrames,
} from "./frame_summary.ts";
import type { HandshakeResult } from "./handshake.ts";
import { HandshakeKind } from "./handshake_packet.ts";
import type { SpuriousLoss } from "./loss_detector.ts";
import type {
  AnnouncedLimits,
  CongestionState,
  ConnectionObserver,
  HandshakeMessage,
  RecoveryMetrics,
  TraceEvent,
} from "./observer.ts";
import type { SentPacket } from "./sent_packets.ts";
import type { DropReason } from "./stats.ts";
import type { StreamManager } from "./stream/manager.ts";
import type { TransportParameters } from "./transport_parameters.ts";

const HANDSHAKE_MESSAGES: readonly (readonly [number, HandshakeMessage])[] = [
  [HandshakeKind.INITIATOR_HELLO, "initiator-hello"],
  [HandshakeKind.RESPONDER_HELLO, "responder-hello"],
  [HandshakeKind.INITIATOR_FINISH, "initiator-finish"],
  [HandshakeKind.VERSION_NEGOTIATION, "version-negotiation"],
  [HandshakeKind.RETRY, "retry"],
  [HandshakeKind.REFUSAL, "refusal"],
  [HandshakeKind.HELLO_REST, "hello-rest"],
  [HandshakeKind.ANSWER_REST, "answer-rest"],
];

/** The time of what an endpoint is doing. */
export interface TraceClock {
  /** Set whenever the endpoint is called with a time. */
  now: Instant;
}

/** Tells one connection's observer what happens. */
export class ConnectionTrace {
  readonly #observer: ConnectionObserver;
  readonly #clock: TraceClock;
  /** What happened to streams; the application may act outside of any time. */
  #streamEvents: TraceEvent[] = [];
  #congestionState: CongestionState | undefined;
  #mtuBytes = DEFAULT_DATAGRAM_BYTES;
  #receiveGeneration = 0;
  #sendGeneration = 0;

  /**
   * @param observer Who is told.
   * @param clock The endpoint's.
   */
  constructor(observer: ConnectionObserver, clock: TraceClock) {
    this.#observer = observer;
    this.#clock = clock;
  }

  /**
   * The application has called with a time of its own.
   *
   * @param now The time.
   */
  setTime(now: Instant): void {
    this.#clock.now = now;
  }

  // ── The connection ────────────────────────────────────────────────────────

  /** @param state How far the connection has come. */
  state(state: ConnectionState): void {
    this.#tell({ type: "connection-state", state });
  }

  /** @param error What the application is told of the end. */
  closed(error: TransportError): void {
    const { code, message, closeCode } = error;
    this.#tell({ type: "connection-closed", code, message, closeCode });
  }

  /**
   * The handshake packets at the start of a datagram leave.
   *
   * @param datagram What leaves, up to its first protected packet at least.
   */
  handshakeSent(datagram: Uint8Array): void {
    this.#handshakePackets("handshake-sent", datagram);
  }

  /**
   * Frames travel inside of a hello.
   *
   * @param type In which direction.
   * @param frames The frames, not checked; borrowed.
   */
  earlyData(
    type: "early-data-sent" | "early-data-received",
    frames: Uint8Array,
  ): void {
    this.#tell({ type, frames: summarizeReceived(frames) });
  }

  /** @param packet A handshake packet that was taken. */
  handshakeReceived(packet: Uint8Array): void {
    this.#handshakePackets("handshake-received", packet);
  }

  /**
   * Both ends have the keys.
   *
   * @param result What the handshake settled; its secrets are not told.
   * @param local What this end announced.
   * @param localConnectionId Id in the packets that arrive.
   */
  handshakeComplete(
    result: HandshakeResult,
    local: TransportParameters,
    localConnectionId: Uint8Array,
  ): void {
    this.#tell({
      type: "handshake-complete",
      suite: result.suite,
      isResumed: result.isResumed,
      localConnectionId: formatConnectionId(localConnectionId),
      peerConnectionId: formatConnectionId(result.peerConnectionId),
      localLimits: limitsOf(local),
      peerLimits: limitsOf(result.peerParameters),
    });
  }

  // ── Packets ───────────────────────────────────────────────────────────────

  /**
   * A packet is about to be sealed.
   *
   * @param packetNumber Its number.
   * @param flags Its flags.
   * @param plaintext Its frames; borrowed.
   */
  packetSent(
    packetNumber: number,
    flags: number,
    plaintext: Uint8Array,
  ): void {
    const frames = summarizeFrames(plaintext);
    this.#tell({
      type: "packet-sent",
      packetNumber,
      lengthBytes: plaintext.length + PACKET_OVERHEAD_LENGTH,
      // RFC 8899 §4.1: nothing else is padded.
      isMtuProbe: frames.some((frame) => frame.type === "padding"),
      isProbe: (flags & PacketFlags.PROBE) !== 0,
      frames,
    });
  }

  /**
   * A packet was opened.
   *
   * @param packetNumber Its number.
   * @param plaintext Its frames, not checked; borrowed.
   */
  packetReceived(packetNumber: number, plaintext: Uint8Array): void {
    this.#tell({
      type: "packet-received",
      packetNumber,
      lengthBytes: plaintext.length + PACKET_OVERHEAD_LENGTH,
      frames: summarizeReceived(plaintext),
    });
  }

  /**
   * A packet was dropped.
   *
   * @param reason Why.
   * @param lengthBytes Its size.
   */
  packetDropped(reason: DropReason, lengthBytes: number): void {
    this.#tell({ type: "packet-dropped", reason, lengthBytes });
  }

  /** @param packets Packets of ours that are taken for lost. */
  packetsLost(packets: readonly SentPacket[]): void {
    for (const { packetNumber, sizeBytes, isMtuProbe = false } of packets) {
      this.#tell({
        type: "packet-lost",
        packetNumber,
        lengthBytes: sizeBytes,
        isMtuProbe,
      });
    }
  }

  /** @param losses Packets of ours that were taken for lost and were late only. */
  spuriousLosses(losses: readonly SpuriousLoss[]): void {
    for (const loss of losses) this.#tell({ type: "spurious-loss", ...loss });
  }

  // ── The path ──────────────────────────────────────────────────────────────

  /**
   * Something was acknowledged or lost.
   *
   * @param metrics The figures after it.
   */
  recovery(
    metrics: RecoveryMetrics & { readonly isInSlowStart: boolean },
  ): void {
    const { isInSlowStart, ...figures } = metrics;
    this.#tell({ type: "recovery-metrics", metrics: figures });
    const state = isInSlowStart ? "slow-start" : "congestion-avoidance";
    if (state === this.#congestionState) return;
    this.#congestionState = state;
    this.#tell({ type: "congestion-state", state });
  }

  /** @param ptoCount Probe timeouts in a row. */
  probeTimeout(ptoCount: number): void {
    this.#tell({ type: "probe-timeout", ptoCount });
  }

  /**
   * Keys may have been replaced.
   *
   * @param send How often those of what is sent were.
   * @param receive How often those of what is received were.
   */
  keys(send: number, receive: number): void {
    if (receive !== this.#receiveGeneration) {
      this.#receiveGeneration = receive;
      this.#tell({
        type: "key-updated",
        direction: "receive",
        generation: receive,
      });
    }
    if (send === this.#sendGeneration) return;
    this.#sendGeneration = send;
    this.#tell({ type: "key-updated", direction: "send", generation: send });
  }

  /**
   * The path was put to a proof, or left.
   *
   * @param state What happened.
   * @param address The address in use now; copied.
   */
  path(state: "moved" | "validated" | "abandoned", address: Address): void {
    this.#tell({ type: "path-state", state, address: { ...address } });
  }

  /** @param sizeBytes Largest datagram that is sent from now on. */
  mtu(sizeBytes: number): void {
    const oldBytes = this.#mtuBytes;
    if (sizeBytes === oldBytes) return;
    this.#mtuBytes = sizeBytes;
    this.#tell({ type: "mtu-updated", oldBytes, newBytes: sizeBytes });
  }

  // ── Streams ───────────────────────────────────────────────────────────────

  /**
   * Watches what may leave before the handshake is done.
   *
   * @param early Streams with a ticket, if there are any.
   */
  watchEarly(early: EarlyData | undefined): void {
    if (early === undefined) return;
    this.watch(early.streams);
    early.onTaken = (frames) => this.earlyData("early-data-sent", frames);
  }

  /**
   * Watches streams. What happens to them is told with the next event, or by
   * {@linkcode ConnectionTrace.flush}.
   *
   * @param streams All streams of the connection.
   */
  watch(streams: StreamManager): void {
    streams.onStateChange = ({ id, isLocal }, state) =>
      this.#streamEvents.push({
        type: "stream-state",
        streamId: id,
        isLocal,
        state,
      });
  }

  /** Tells what has happened to streams. */
  flush(): void {
    if (this.#streamEvents.length === 0) return;
    const events = this.#streamEvents;
    this.#streamEvents = [];
    for (const event of events) this.#observer.onEvent(this.#clock.now, event);
  }

  #handshakePackets(
    type: "handshake-sent" | "handshake-received",
    bytes: Uint8Array,
  ): void {
    let offset = 0;
    while (
      offset + PACKET_HEADER_LENGTH < bytes.length &&
      isHandshakeHeader(bytes, offset)
    ) {
      const kind = bytes[offset + PACKET_HEADER_LENGTH];
      const message = HANDSHAKE_MESSAGES.find(([code]) => code === kind)?.[1];
      const lengthBytes = PACKET_HEADER_LENGTH +
        packetPayloadLength(bytes, offset);
      if (message !== undefined) this.#tell({ type, message, lengthBytes });
      offset += lengthBytes;
    }
  }

  #tell(event: TraceEvent): void {
    this.flush();
    this.#observer.onEvent(this.#clock.now, event);
  }
}

/** A frame that breaks the rules ends the list, as it will end the connection. */
function summarizeReceived(plaintext: Uint8Array): readonly FrameSummary[] {
  try {
    return summarizeFrames(plaintext);
  } catch {
    return [];
  }
}

/** The reset token, which is secret, stays out. */
function limitsOf(parameters: TransportParameters): AnnouncedLimits {
  const {
    maxDataBytes,
    maxStreamDataBytes,
    maxBidiStreams,
    maxUniStreams,
    idleTimeoutMs,
    maxAckDelayMs,
    maxDatagramBytes,
  } = parameters;
  return {
    maxDataBytes,
    maxStreamDataBytes,
    maxBidiStreams,
    maxUniStreams,
    idleTimeoutMs,
    maxAckDelayMs,
    maxDatagramBytes,
  };
}

/**
 * What the events of a connection are called in a qlog, and which fields they
 * have: the names of draft-ietf-quic-qlog-quic-events where the notion is the
 * same. `docs/packet-log.md` lists them all.
 *
 * @module
 */
import type {
  AnnouncedLimits,
  ConnectionState,
  RecoveryMetrics,
  TraceEvent,
} from "../../transport/mod.ts";
import { type QlogEvent, roundMs } from "./qlog.ts";
import { qlogFrame } from "./qlog_frame.ts";

type Fields = Readonly<Record<string, unknown>>;
type EventOf<Type extends TraceEvent["type"]> = Extract<
  TraceEvent,
  { readonly type: Type }
>;

/** Every name that a log can hold. */
export const QLOG_EVENT_NAMES = [
  "mxp:connection_started",
  "mxp:connection_state_updated",
  "mxp:connection_id_updated",
  "mxp:connection_closed",
  "mxp:parameters_set",
  "mxp:packet_sent",
  "mxp:packet_received",
  "mxp:packet_dropped",
  "mxp:packet_lost",
  "mxp:spurious_loss",
  "mxp:recovery_metrics_updated",
  "mxp:congestion_state_updated",
  "mxp:timer_updated",
  "mxp:key_updated",
  "mxp:migration_state_updated",
  "mxp:mtu_updated",
  "mxp:stream_state_updated",
  "mxp:log_records_dropped",
] as const;

/** Name of an event in a log. */
export type QlogEventName = typeof QLOG_EVENT_NAMES[number];

/** Names the events of one connection; some tell only what has changed. */
export class QlogEventMapper {
  readonly #isInitiator: boolean;
  #state: ConnectionState | undefined;
  #congestionState: string | undefined;
  #metrics: Fields = {};

  /** @param isInitiator Whether this end sent the hello. */
  constructor(isInitiator: boolean) {
    this.#isInitiator = isInitiator;
  }

  /**
   * Puts an event into the form of a log.
   *
   * @param event What happened.
   * @returns One record each; none when nothing has changed.
   */
  map(event: TraceEvent): readonly QlogEvent[] {
    switch (event.type) {
      case "connection-state":
        return [this.#connectionState(event.state)];
      case "connection-closed":
        return [one("mxp:connection_closed", {
          error: event.code,
          error_code: event.closeCode,
          reason: event.message,
        })];
      case "handshake-sent":
        return [one("mxp:packet_sent", handshakePacket(event))];
      case "handshake-received":
        return [one("mxp:packet_received", handshakePacket(event))];
      case "early-data-sent":
        return [one("mxp:packet_sent", earlyData(event))];
      case "early-data-received":
        return [one("mxp:packet_received", earlyData(event))];
      case "handshake-complete":
        return handshakeComplete(event);
      case "packet-sent":
        return [one("mxp:packet_sent", {
          ...protectedPacket(event),
          is_mtu_probe_packet: event.isMtuProbe || undefined,
          trigger: event.isProbe ? "probe" : undefined,
        })];
      case "packet-received":
        return [one("mxp:packet_received", protectedPacket(event))];
      case "packet-dropped":
        return [droppedPacket(event)];
      case "packet-lost":
        return [one("mxp:packet_lost", {
          header: {
            packet_type: "protected",
            packet_number: event.packetNumber,
          },
          raw: { length: event.lengthBytes },
          is_mtu_probe_packet: event.isMtuProbe || undefined,
        })];
      case "spurious-loss":
        return [one("mxp:spurious_loss", {
          header: {
            packet_type: "protected",
            packet_number: event.packetNumber,
          },
          reordering_packets: event.reorderingPackets,
          round_trip: roundMs(event.roundTripMs),
        })];
      case "recovery-metrics":
        return this.#recoveryMetrics(event.metrics);
      case "congestion-state":
        return [this.#congestion(event.state)];
      case "probe-timeout":
        return [one("mxp:timer_updated", {
          timer_type: "pto",
          event_type: "expired",
          pto_count: event.ptoCount,
        })];
      case "key-updated":
        return [this.#keyUpdated(event)];
      case "path-state":
        return [one("mxp:migration_state_updated", {
          new: MIGRATION_STATES[event.state],
          remote: event.address,
        })];
      case "mtu-updated":
        return [
          one("mxp:mtu_updated", { old: event.oldBytes, new: event.newBytes }),
        ];
      case "stream-state":
        return [streamState(event)];
    }
  }

  #connectionState(state: ConnectionState): QlogEvent {
    const old = this.#state;
    this.#state = state;
    return one("mxp:connection_state_updated", { old, new: state });
  }

  #congestion(state: string): QlogEvent {
    const next = state.replaceAll("-", "_");
    const old = this.#congestionState;
    this.#congestionState = next;
    return one("mxp:congestion_state_updated", { old, new: next });
  }

  #keyUpdated(event: EventOf<"key-updated">): QlogEvent {
    const isOfInitiator = (event.direction === "send") === this.#isInitiator;
    return one("mxp:key_updated", {
      key_type: isOfInitiator
        ? "initiator_traffic_secret"
        : "responder_traffic_secret",
      generation: event.generation,
    });
  }

  /** As the draft asks: only the figures that have changed. */
  #recoveryMetrics(metrics: RecoveryMetrics): readonly QlogEvent[] {
    const { slowStartThresholdBytes } = metrics;
    const fields: Record<string, unknown> = {
      min_rtt: roundMs(metrics.minRttMs),
      smoothed_rtt: roundMs(metrics.smoothedRttMs),
      latest_rtt: roundMs(metrics.latestRttMs),
      rtt_variance: roundMs(metrics.rttVarianceMs),
      pto_count: metrics.ptoCount,
      congestion_window: Math.floor(metrics.congestionWindowBytes),
      bytes_in_flight: metrics.bytesInFlight,
      // JSON has no infinity: before the first loss there is no threshold.
      ssthresh: Number.isFinite(slowStartThresholdBytes)
        ? Math.floor(slowStartThresholdBytes)
        : undefined,
    };
    const changed = Object.entries(fields).filter(([key, value]) =>
      value !== this.#metrics[key]
    );
    if (changed.length === 0) return [];
    this.#metrics = fields;
    return [one("mxp:recovery_metrics_updated", Object.fromEntries(changed))];
  }
}

/**
 * Writes a packet that was dropped.
 *
 * @param packet Why, and its size; where it came from, when it belongs to no
 * connection.
 * @returns The event.
 */
export function droppedPacket(
  packet: {
    readonly reason: string;
    readonly lengthBytes: number;
    readonly from?: unknown;
  },
): QlogEvent {
  return one("mxp:packet_dropped", {
    raw: { length: packet.lengthBytes },
    trigger: packet.reason.replaceAll("-", "_"),
    remote: packet.from,
  });
}

/**
 * Makes an event of one of the known names.
 *
 * @param name The name.
 * @param data The fields.
 * @returns The event.
 */
export function one(name: QlogEventName, data: Fields): QlogEvent {
  return { name, data };
}

const MIGRATION_STATES: Readonly<
  Record<EventOf<"path-state">["state"], string>
> = {
  moved: "migration_started",
  validated: "migration_complete",
  abandoned: "migration_abandoned",
};

function handshakePacket(
  event: EventOf<"handshake-sent" | "handshake-received">,
): Fields {
  return {
    header: { packet_type: event.message.replaceAll("-", "_") },
    raw: { length: event.lengthBytes },
  };
}

function earlyData(
  event: EventOf<"early-data-sent" | "early-data-received">,
): Fields {
  return {
    header: { packet_type: "early_data" },
    frames: event.frames.map(qlogFrame),
  };
}

function protectedPacket(
  event: EventOf<"packet-sent" | "packet-received">,
): Fields {
  return {
    header: { packet_type: "protected", packet_number: event.packetNumber },
    raw: { length: event.lengthBytes },
    frames: event.frames.map(qlogFrame),
  };
}

function handshakeComplete(
  event: EventOf<"handshake-complete">,
): readonly QlogEvent[] {
  return [
    one("mxp:connection_id_updated", {
      initiator: "local",
      new: event.localConnectionId,
    }),
    one("mxp:connection_id_updated", {
      initiator: "remote",
      new: event.peerConnectionId,
    }),
    one("mxp:parameters_set", {
      initiator: "local",
      suite: event.suite,
      resumed: event.isResumed || undefined,
      ...limits(event.localLimits),
    }),
    one("mxp:parameters_set", {
      initiator: "remote",
      suite: event.suite,
      resumed: event.isResumed || undefined,
      ...limits(event.peerLimits),
    }),
  ];
}

function limits(announced: AnnouncedLimits): Fields {
  return {
    initial_max_data: announced.maxDataBytes,
    initial_max_stream_data: announced.maxStreamDataBytes,
    initial_max_streams_bidi: announced.maxBidiStreams,
    initial_max_streams_uni: announced.maxUniStreams,
    max_idle_timeout: announced.idleTimeoutMs,
    max_ack_delay: announced.maxAckDelayMs,
    max_udp_payload_size: announced.maxDatagramBytes,
  };
}

function streamState(event: EventOf<"stream-state">): QlogEvent {
  return one("mxp:stream_state_updated", {
    stream_id: event.streamId,
    initiator: event.isLocal ? "local" : "remote",
    new: event.state.replaceAll("-", "_"),
  });
}

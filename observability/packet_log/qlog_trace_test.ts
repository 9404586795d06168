import assert from "node:assert/strict";
import { type ReadQlog, readQlog } from "../../tests/support/qlog_reader.ts";
import type { TraceEvent } from "../../transport/mod.ts";
import { LogSink } from "./log_sink.ts";
import { encodeQlogHeader } from "./qlog.ts";
import { one } from "./qlog_event.ts";
import { QlogTrace } from "./qlog_trace.ts";

/** A sink whose bytes can be read. */
class MemoryFile {
  readonly sink: LogSink;
  readonly #parts: Uint8Array[] = [];

  constructor(maxQueuedBytes = 1_000_000) {
    this.sink = new LogSink({
      appender: {
        append: (bytes) => {
          this.#parts.push(bytes);
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      },
      maxQueuedBytes,
      maxFileBytes: 1_000_000,
      onError: (error) => assert.fail(String(error)),
      schedule: queueMicrotask,
    });
    this.sink.write(encodeQlogHeader({
      title: "test",
      vantagePoint: "client",
      referenceTimeMs: 1_000.5,
    }));
  }

  async read(): Promise<ReadQlog> {
    await this.sink.close();
    return readQlog(Uint8Array.from(this.#parts.flatMap((part) => [...part])));
  }
}

function traceTo(
  file: MemoryFile,
  isInitiator = true,
): { trace: QlogTrace; opened: () => number; ended: () => number } {
  let openCount = 0;
  let endCount = 0;
  const trace = new QlogTrace({
    isInitiator,
    startedAt: 100,
    open: () => {
      openCount++;
      return file.sink;
    },
    onEnd: () => endCount++,
  });
  return { trace, opened: () => openCount, ended: () => endCount };
}

const LIMITS = {
  maxDataBytes: 1,
  maxStreamDataBytes: 2,
  maxBidiStreams: 3,
  maxUniStreams: 4,
  idleTimeoutMs: 5,
  maxAckDelayMs: 6,
  maxDatagramBytes: 7,
};

const COMPLETE: TraceEvent = {
  type: "handshake-complete",
  suite: "chacha20-poly1305",
  isResumed: false,
  localConnectionId: "0102030405060700",
  peerConnectionId: "1112131415161700",
  localLimits: LIMITS,
  peerLimits: { ...LIMITS, maxDataBytes: 10 },
};

/** One event of each kind, and what the log says of it. */
const EXAMPLES: readonly (readonly [TraceEvent, string, unknown])[] = [
  [
    { type: "connection-state", state: "handshaking" },
    "mxp:connection_state_updated",
    { new: "handshaking" },
  ],
  [
    { type: "handshake-sent", message: "initiator-hello", lengthBytes: 1200 },
    "mxp:packet_sent",
    { header: { packet_type: "initiator_hello" }, raw: { length: 1200 } },
  ],
  [
    { type: "handshake-received", message: "retry", lengthBytes: 90 },
    "mxp:packet_received",
    { header: { packet_type: "retry" }, raw: { length: 90 } },
  ],
  [
    { type: "early-data-received", frames: [{ type: "ping" }] },
    "mxp:packet_received",
    {
      header: { packet_type: "early_data" },
      frames: [{ frame_type: "ping" }],
    },
  ],
  [
    { type: "connection-state", state: "established" },
    "mxp:connection_state_updated",
    { old: "handshaking", new: "established" },
  ],
  [
    {
      type: "packet-sent",
      packetNumber: 0,
      lengthBytes: 61,
      isMtuProbe: false,
      isProbe: true,
      frames: [
        {
          type: "stream",
          streamId: 4,
          offset: 8,
          lengthBytes: 3,
          isOpen: false,
          isFin: true,
        },
        {
          type: "ack",
          delayMicros: 2_500,
          ranges: [{ start: 7, end: 9 }, { start: 0, end: 5 }],
        },
      ],
    },
    "mxp:packet_sent",
    {
      header: { packet_type: "protected", packet_number: 0 },
      raw: { length: 61 },
      frames: [
        { frame_type: "stream", stream_id: 4, offset: 8, length: 3, fin: true },
        { frame_type: "ack", ack_delay: 2.5, acked_ranges: [[7, 8], [0, 4]] },
      ],
      trigger: "probe",
    },
  ],
  [
    {
      type: "packet-received",
      packetNumber: 3,
      lengthBytes: 50,
      frames: [{ type: "ping" }],
    },
    "mxp:packet_received",
    {
      header: { packet_type: "protected", packet_number: 3 },
      raw: { length: 50 },
      frames: [{ frame_type: "ping" }],
    },
  ],
  [
    { type: "packet-dropped", reason: "bad-mac", lengthBytes: 40 },
    "mxp:packet_dropped",
    { raw: { length: 40 }, trigger: "bad_mac" },
  ],
  [
    {
      type: "packet-lost",
      packetNumber: 9,
      lengthBytes: 1500,
      isMtuProbe: true,
    },
    "mxp:packet_lost",
    {
      header: { packet_type: "protected", packet_number: 9 },
      raw: { length: 1500 },
      is_mtu_probe_packet: true,
    },
  ],
  [
    {
      type: "spurious-loss",
      packetNumber: 9,
      reorderingPackets: 17,
      roundTripMs: 70.25,
    },
    "mxp:spurious_loss",
    {
      header: { packet_type: "protected", packet_number: 9 },
      reordering_packets: 17,
      round_trip: 70.25,
    },
  ],
  [
    { type: "congestion-state", state: "slow-start" },
    "mxp:congestion_state_updated",
    { new: "slow_start" },
  ],
  [
    { type: "congestion-state", state: "congestion-avoidance" },
    "mxp:congestion_state_updated",
    { old: "slow_start", new: "congestion_avoidance" },
  ],
  [
    { type: "probe-timeout", ptoCount: 2 },
    "mxp:timer_updated",
    { timer_type: "pto", event_type: "expired", pto_count: 2 },
  ],
  [
    { type: "key-updated", direction: "send", generation: 1 },
    "mxp:key_updated",
    { key_type: "initiator_traffic_secret", generation: 1 },
  ],
  [
    { type: "key-updated", direction: "receive", generation: 1 },
    "mxp:key_updated",
    { key_type: "responder_traffic_secret", generation: 1 },
  ],
  [
    {
      type: "path-state",
      state: "moved",
      address: { hostname: "192.0.2.1", port: 7 },
    },
    "mxp:migration_state_updated",
    { new: "migration_started", remote: { hostname: "192.0.2.1", port: 7 } },
  ],
  [
    { type: "mtu-updated", oldBytes: 1200, newBytes: 1472 },
    "mxp:mtu_updated",
    { old: 1200, new: 1472 },
  ],
  [
    {
      type: "stream-state",
      streamId: 0,
      isLocal: true,
      state: "reset-received",
    },
    "mxp:stream_state_updated",
    { stream_id: 0, initiator: "local", new: "reset_received" },
  ],
  [
    {
      type: "connection-closed",
      code: "CLOSED_BY_PEER",
      message: "Connection: closed",
      closeCode: 256,
    },
    "mxp:connection_closed",
    {
      error: "CLOSED_BY_PEER",
      error_code: 256,
      reason: "Connection: closed",
    },
  ],
];

Deno.test("QlogTrace writes each kind of event with its name and fields", async () => {
  const file = new MemoryFile();
  const { trace } = traceTo(file);
  EXAMPLES.forEach(([event], index) => trace.onEvent(100 + index, event));
  const { header, events } = await file.read();
  assert.equal(header.trace.common_fields.reference_time, 1_000.5);
  assert.deepEqual(
    events.map(({ time, name, data }) => [time, name, data]),
    EXAMPLES.map(([, name, data], index) => [index, name, data]),
  );
});

Deno.test("QlogTrace tells what both ends announced when the handshake is complete", async () => {
  const file = new MemoryFile();
  traceTo(file).trace.onEvent(101.2345678, COMPLETE);
  const { events } = await file.read();
  assert.deepEqual(events.map(({ name }) => name), [
    "mxp:connection_id_updated",
    "mxp:connection_id_updated",
    "mxp:parameters_set",
    "mxp:parameters_set",
  ]);
  assert.equal(events[0]!.time, 1.235, "Microseconds are enough");
  assert.deepEqual(events[3]!.data, {
    initiator: "remote",
    suite: "chacha20-poly1305",
    initial_max_data: 10,
    initial_max_stream_data: 2,
    initial_max_streams_bidi: 3,
    initial_max_streams_uni: 4,
    max_idle_timeout: 5,
    max_ack_delay: 6,
    max_udp_payload_size: 7,
  });
});

Deno.test("QlogTrace tells only the recovery metrics that have changed", async () => {
  const file = new MemoryFile();
  const { trace } = traceTo(file);
  const metrics = {
    smoothedRttMs: 10.12345,
    minRttMs: 9,
    latestRttMs: 11,
    rttVarianceMs: 1,
    congestionWindowBytes: 32_768.7,
    slowStartThresholdBytes: Infinity,
    bytesInFlight: 0,
    ptoCount: 0,
  };
  trace.onEvent(100, { type: "recovery-metrics", metrics });
  trace.onEvent(101, { type: "recovery-metrics", metrics: { ...metrics } });
  trace.onEvent(102, {
    type: "recovery-metrics",
    metrics: { ...metrics, bytesInFlight: 5, slowStartThresholdBytes: 20_000 },
  });
  const { events } = await file.read();
  assert.deepEqual(events.map(({ data }) => data), [
    {
      min_rtt: 9,
      smoothed_rtt: 10.123,
      latest_rtt: 11,
      rtt_variance: 1,
      pto_count: 0,
      congestion_window: 32_768,
      bytes_in_flight: 0,
    },
    { bytes_in_flight: 5, ssthresh: 20_000 },
  ]);
});

Deno.test("QlogTrace of a connection that a peer began gets its file with the handshake", async () => {
  const file = new MemoryFile();
  const { trace, opened } = traceTo(file, false);
  for (let i = 0; i < 1_000; i++) {
    trace.onEvent(100, {
      type: "packet-dropped",
      reason: "duplicate-handshake",
      lengthBytes: 1_200,
    });
  }
  assert.equal(opened(), 0, "A hello alone makes no file");
  trace.onEvent(101, COMPLETE);
  assert.equal(opened(), 1);
  const { events } = await file.read();
  const kept = events.filter(({ name }) => name === "mxp:packet_dropped");
  assert.ok(kept.length > 10 && kept.length < 300, `${kept.length} were kept`);
  // What did not fit is not passed over in silence.
  assert.deepEqual(events[kept.length], {
    time: 1,
    name: "mxp:log_records_dropped",
    data: { count: 1_000 - kept.length },
  });
});

Deno.test("QlogTrace of a hello that came to nothing opens no file", () => {
  const { trace, opened, ended } = traceTo(new MemoryFile(), false);
  trace.onEvent(100, { type: "connection-state", state: "handshaking" });
  trace.onEvent(101, { type: "connection-state", state: "closed" });
  assert.equal(opened(), 0);
  assert.equal(ended(), 1);
});

Deno.test("QlogTrace confesses how many records were dropped", async () => {
  const file = new MemoryFile(800);
  const { trace } = traceTo(file);
  const event = one("mxp:mtu_updated", { old: 1, new: 2 });
  for (let i = 0; i < 50; i++) trace.write(100, event);
  // The disk has caught up.
  for (let i = 0; i < 5; i++) await Promise.resolve();
  trace.write(101, event);
  const { events } = await file.read();
  const count = events.filter(({ name }) => name === event.name).length;
  assert.ok(count < 51);
  assert.deepEqual(events.at(-2), {
    time: 1,
    name: "mxp:log_records_dropped",
    data: { count: 51 - count },
  });
});

Deno.test("QlogTrace ends with the connection", async () => {
  const file = new MemoryFile();
  const { trace, ended } = traceTo(file);
  trace.onEvent(100, { type: "connection-state", state: "closed" });
  trace.onEvent(101, { type: "connection-state", state: "closed" });
  assert.equal(ended(), 1);
  assert.equal((await file.read()).events.length, 1);
});

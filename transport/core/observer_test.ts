import assert from "node:assert/strict";
import {
  CLIENT_ADDRESS,
  Pair,
  readAll,
  SERVER_ADDRESS,
} from "../../tests/support/pair.ts";
import { ResumptionPair } from "../../tests/support/resumption.ts";
import type { Instant } from "../../internal/instant.ts";
import type {
  ConnectionObserver,
  EndpointObserver,
  ObservedConnection,
  StrayPacket,
  TraceEvent,
  TrafficSecret,
} from "./observer.ts";

/** The events that can have a type; one shape may stand for several. */
type EventOf<Type, Event = TraceEvent> = Event extends
  { readonly type: infer Own } ? Type extends Own ? Event : never
  : never;

/** Keeps all that an endpoint tells. */
class Recorder implements EndpointObserver {
  readonly connections: ObservedConnection[] = [];
  readonly events: TraceEvent[] = [];
  readonly times: Instant[] = [];
  readonly strays: StrayPacket[] = [];
  readonly secrets: TrafficSecret[] = [];
  sentBytes = 0;
  receivedBytes = 0;

  onConnection(
    now: Instant,
    connection: ObservedConnection,
  ): ConnectionObserver {
    this.connections.push(connection);
    this.times.push(now);
    return {
      onEvent: (at, event) => {
        this.times.push(at);
        this.events.push(event);
      },
    };
  }

  onDatagramSent(_now: Instant, _to: unknown, datagram: Uint8Array): void {
    this.sentBytes += datagram.length;
  }

  onDatagramReceived(
    _now: Instant,
    _from: unknown,
    datagram: Uint8Array,
  ): void {
    this.receivedBytes += datagram.length;
  }

  onStrayPacket(_now: Instant, packet: StrayPacket): void {
    this.strays.push(packet);
  }

  onSecret(secret: TrafficSecret): void {
    this.secrets.push({ ...secret, secret: secret.secret.slice() });
  }

  of<Type extends TraceEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.events.filter((event) => event.type === type) as EventOf<
      Type
    >[];
  }

  numbers(type: "packet-sent" | "packet-received" | "packet-lost"): number[] {
    return this.of(type).map(({ packetNumber }) => packetNumber);
  }
}

interface Watched {
  readonly pair: Pair;
  readonly client: Recorder;
  readonly server: Recorder;
}

function watch(
  options: ConstructorParameters<typeof Pair>[0] = {},
): Watched {
  const client = new Recorder();
  const server = new Recorder();
  const pair = new Pair({ ...options, observers: { client, server } });
  return { pair, client, server };
}

Deno.test("An observer is told of a whole connection in order", () => {
  const { pair, client, server } = watch();
  const ends = pair.connect();
  const stream = ends.client.openStream({ priority: 1 })!;
  ends.client.writeStream(stream, new Uint8Array(100));
  ends.client.finishStream(stream);
  pair.runFor(200);
  readAll(ends.server, stream);
  ends.server.finishStream(stream);
  pair.runFor(200);
  ends.client.close(pair.now, 256, "enough");
  pair.runFor(20_000);

  const states = (recorder: Recorder): string[] =>
    recorder.of("connection-state").map(({ state }) => state);
  assert.deepEqual(states(client), [
    "handshaking",
    "established",
    "closing",
    "draining",
    "closed",
  ]);
  assert.deepEqual(states(server), [
    "handshaking",
    "established",
    "draining",
    "closed",
  ]);
  const messages = (
    recorder: Recorder,
    type: "handshake-sent" | "handshake-received",
  ): string[] => recorder.of(type).map(({ message }) => message);
  assert.deepEqual(messages(client, "handshake-sent").slice(0, 2), [
    "initiator-hello",
    "initiator-finish",
  ]);
  assert.deepEqual(messages(client, "handshake-received"), ["responder-hello"]);
  assert.deepEqual(messages(server, "handshake-received"), [
    "initiator-hello",
    "initiator-finish",
  ]);
  assert.deepEqual(messages(server, "handshake-sent"), ["responder-hello"]);
  assert.deepEqual(
    client.of("stream-state").map(({ isLocal, state }) => [isLocal, state]),
    [[true, "open"], [true, "delivered"], [true, "closed"]],
  );
  assert.deepEqual(
    server.of("stream-state").map(({ isLocal, state }) => [isLocal, state]),
    [[false, "open"], [false, "delivered"], [false, "closed"]],
  );
  assert.deepEqual(
    [client, server].map((each) =>
      each.of("connection-closed").map(({ code, closeCode }) => [
        code,
        closeCode,
      ])
    ),
    [[["CLOSED", 256]], [["CLOSED_BY_PEER", 256]]],
  );
  assert.equal(client.events.at(-1)!.type, "connection-state");
});

Deno.test("Observers of both ends know the connection by one id, each other's ids and limits", () => {
  const { pair, client, server } = watch({ server: { maxBidiStreams: 7 } });
  pair.connect();
  assert.equal(client.connections.length, 1);
  const [mine] = client.connections;
  const [theirs] = server.connections;
  assert.match(mine!.initiatorConnectionId, /^[0-9a-f]{16}$/);
  assert.equal(mine!.initiatorConnectionId, theirs!.initiatorConnectionId);
  assert.deepEqual([mine!.isInitiator, theirs!.isInitiator], [true, false]);
  assert.deepEqual(
    [mine!.remoteAddress, theirs!.remoteAddress],
    [SERVER_ADDRESS, CLIENT_ADDRESS],
  );
  const [ours] = client.of("handshake-complete");
  const [their] = server.of("handshake-complete");
  assert.equal(ours!.localConnectionId, mine!.initiatorConnectionId);
  assert.equal(ours!.localConnectionId, their!.peerConnectionId);
  assert.equal(ours!.peerConnectionId, their!.localConnectionId);
  assert.deepEqual(ours!.peerLimits, their!.localLimits);
  assert.equal(ours!.peerLimits.maxBidiStreams, 7);
  assert.ok(!("resetToken" in ours!.peerLimits));
});

Deno.test("Every packet that one observer saw leave, the other saw arrive or the first one saw lost", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { pair, client, server } = watch({
      seed,
      link: { latencyMs: 20, lossRate: 0.1 },
      // No ping may leave between the last acknowledgement and the comparison.
      client: { keepAliveIntervalMs: 0, idleTimeoutMs: 600_000 },
      server: { keepAliveIntervalMs: 0, idleTimeoutMs: 600_000 },
    });
    const ends = pair.connect();
    const request = new Uint8Array(60_000).fill(1);
    const stream = ends.client.openStream({ priority: 1 })!;
    assert.equal(ends.client.writeStream(stream, request), request.length);
    ends.client.finishStream(stream);
    let received = 0;
    pair.runUntil(() => {
      received += readAll(ends.server, stream).length;
      return received === request.length;
    });
    ends.server.writeStream(stream, request);
    ends.server.finishStream(stream);
    received = 0;
    pair.runUntil(() => {
      received += readAll(ends.client, stream).length;
      return received === request.length;
    });
    pair.runFor(60_000);
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const sent = from.numbers("packet-sent");
      const steps = sent.map((number, index) =>
        number - (sent[index - 1] ?? -1)
      );
      assert.ok(
        steps.every((step) => step === 1 || step === 2),
        "None twice, now and then one left out",
      );
      const arrived = new Set(to.numbers("packet-received"));
      assert.equal(arrived.size, to.numbers("packet-received").length);
      const lost = new Set(from.numbers("packet-lost"));
      assert.equal(lost.size, from.numbers("packet-lost").length);
      for (const event of from.of("packet-sent")) {
        const { packetNumber, frames } = event;
        const where = `seed ${seed}, packet ${packetNumber}`;
        const hasArrived = arrived.delete(packetNumber);
        const isLost = lost.delete(packetNumber);
        assert.ok(!(hasArrived && isLost), `${where}: arrived and lost`);
        // Nobody waits for what need not be acknowledged.
        const isOwed = frames.some(({ type }) =>
          type !== "ack" && type !== "padding"
        );
        if (isOwed) assert.ok(hasArrived || isLost, `${where}: vanished`);
      }
      assert.equal(arrived.size + lost.size, 0, "Of no packet that was sent");
      assert.deepEqual(
        to.of("packet-received").map(({ frames }) => frames),
        to.of("packet-received").map(({ packetNumber }) =>
          from.of("packet-sent")
            .find((sent) => sent.packetNumber === packetNumber)!.frames
        ),
        "Both ends tell the same of a packet",
      );
      const metrics = from.of("recovery-metrics").at(-1)!;
      assert.equal(metrics.metrics.bytesInFlight, 0);
    }
    for (const recorder of [client, server]) {
      assert.deepEqual(
        recorder.times,
        [...recorder.times].sort((a, b) => a - b),
      );
    }
  }
});

Deno.test("An observer is told of probe timeouts and what they find lost", () => {
  const { pair, client } = watch();
  const ends = pair.connect();
  pair.runFor(100);
  pair.network.filter = () => false;
  const stream = ends.client.openStream({ priority: 1 })!;
  ends.client.writeStream(stream, new Uint8Array(20_000));
  pair.runFor(500);
  pair.network.filter = undefined;
  pair.runFor(1_000);
  const timeouts = client.of("probe-timeout").map(({ ptoCount }) => ptoCount);
  assert.deepEqual(timeouts.slice(0, 2), [1, 2]);
  assert.ok(client.of("packet-lost").length > 5);
  assert.ok(client.of("packet-sent").some(({ isProbe }) => isProbe));
});

Deno.test("An observer is told of packets that were taken for lost and came late", () => {
  const { pair, client } = watch();
  const ends = pair.connect();
  pair.runFor(100);
  pair.network.configure({ lateRate: 0.05, lateMs: 8 });
  const stream = ends.client.openStream({ priority: 1 })!;
  ends.client.writeStream(stream, new Uint8Array(500_000));
  pair.runFor(5_000);
  const late = client.of("spurious-loss");
  assert.ok(late.length > 0);
  const { packetsLost, packetsLostSpuriously } = ends.client.stats;
  assert.equal(late.length, packetsLostSpuriously);
  assert.equal(packetsLost, packetsLostSpuriously, "Nothing was lost");
  const lost = new Set(client.numbers("packet-lost"));
  for (const { packetNumber, reorderingPackets, roundTripMs } of late) {
    assert.ok(lost.delete(packetNumber), "Each was told before, and once");
    assert.ok(reorderingPackets >= 1);
    // two ways of 10 ms, and the delay
    assert.ok(roundTripMs >= 28 && roundTripMs < 50, `${roundTripMs} ms`);
  }
});

Deno.test("An observer is told what a loss does to the window", () => {
  const { pair, client } = watch();
  const ends = pair.connect();
  pair.runFor(100);
  const stream = ends.client.openStream({ priority: 1 })!;
  ends.client.writeStream(stream, new Uint8Array(100_000));
  let left = 1;
  pair.network.filter = (datagram) => datagram.length < 1_000 || left-- !== 1;
  pair.runFor(1_000);
  assert.equal(client.of("packet-lost").length, 1);
  assert.deepEqual(
    client.of("congestion-state").map(({ state }) => state),
    ["slow-start", "congestion-avoidance"],
  );
  const windows = client.of("recovery-metrics").map(({ metrics }) => metrics);
  const before = windows.find(({ slowStartThresholdBytes }) =>
    slowStartThresholdBytes === Infinity
  );
  const after = windows.find(({ slowStartThresholdBytes }) =>
    slowStartThresholdBytes < Infinity
  );
  assert.ok(before !== undefined && after !== undefined);
  assert.equal(
    after.congestionWindowBytes,
    Math.floor(after.slowStartThresholdBytes),
  );
});

Deno.test("An observer is told of key updates of both directions", () => {
  const { pair, client, server } = watch();
  const ends = pair.connect();
  pair.runFor(100);
  ends.client.updateKeys();
  ends.client.ping();
  pair.runFor(100);
  const updates = (recorder: Recorder): string[] =>
    recorder.of("key-updated").map(({ direction, generation }) =>
      `${direction} ${generation}`
    ).sort();
  assert.deepEqual(updates(client), ["receive 1", "send 1"]);
  assert.deepEqual(updates(server), ["receive 1", "send 1"]);
});

Deno.test("An observer is told of a larger packet size, and that probes are probes", () => {
  const { pair, client } = watch();
  const ends = pair.connect();
  const stream = ends.client.openStream({ priority: 1 })!;
  ends.client.writeStream(stream, new Uint8Array(100_000));
  pair.runFor(1_000);
  const [first] = client.of("mtu-updated");
  assert.equal(first!.oldBytes, 1_200);
  assert.ok(first!.newBytes > 1_200);
  const probes = client.of("packet-sent").filter(({ isMtuProbe }) =>
    isMtuProbe
  );
  assert.ok(probes.some(({ lengthBytes }) => lengthBytes === first!.newBytes));
});

Deno.test("An observer is told that the peer has moved, and that it has proven it", () => {
  const { pair, server } = watch();
  const ends = pair.connect();
  pair.runFor(100);
  const moved = { hostname: "10.0.0.7", port: 5_005 };
  pair.network.rebind(CLIENT_ADDRESS, moved);
  ends.client.ping();
  pair.runFor(500);
  assert.deepEqual(server.of("path-state"), [
    { type: "path-state", state: "moved", address: moved },
    { type: "path-state", state: "validated", address: moved },
  ]);
});

Deno.test("An observer is told what was dropped, and for which connection", () => {
  const { pair, client, server } = watch({ server: { retryThreshold: 0 } });
  const ends = pair.connect();
  pair.runFor(100);
  assert.deepEqual(
    server.strays.map(({ reason, from }) => [reason, from]),
    [["retry-required", CLIENT_ADDRESS]],
  );
  assert.deepEqual(
    client.of("handshake-received").map(({ message }) => message),
    ["retry", "responder-hello"],
  );
  pair.server.endpoint.handleDatagram(
    pair.now,
    CLIENT_ADDRESS,
    new Uint8Array(10),
  );
  assert.deepEqual(server.strays.at(-1), {
    from: CLIENT_ADDRESS,
    reason: "malformed",
    lengthBytes: 10,
  });
  let copy: Uint8Array | undefined;
  pair.network.filter = (datagram) => {
    copy = datagram.slice();
    return true;
  };
  ends.client.ping();
  pair.runFor(5);
  const drops = server.of("packet-dropped").length;
  pair.runFor(100);
  pair.server.endpoint.handleDatagram(pair.now, CLIENT_ADDRESS, copy!);
  pair.client.endpoint.handleDatagram(pair.now, SERVER_ADDRESS, copy!);
  const told = [
    ...server.of("packet-dropped").slice(drops),
    ...client.of("packet-dropped"),
  ].map(({ reason }) => reason);
  assert.ok(told.includes("replayed"), told.join());
});

Deno.test("An observer sees every byte that leaves and arrives", () => {
  const { pair, client, server } = watch();
  const ends = pair.connect();
  ends.client.ping();
  pair.runFor(1_000);
  assert.equal(client.sentBytes, pair.client.endpoint.stats.bytesSent);
  assert.equal(client.receivedBytes, pair.client.endpoint.stats.bytesReceived);
  assert.equal(client.sentBytes, server.receivedBytes);
});

Deno.test("Both observers are told the same secrets, once, with the id of the packets", () => {
  const { pair, client, server } = watch();
  pair.connect();
  assert.deepEqual(client.secrets, server.secrets);
  assert.deepEqual(client.secrets.map(({ label }) => label), [
    "initiator-traffic",
    "responder-traffic",
  ]);
  const [complete] = client.of("handshake-complete");
  assert.deepEqual(client.secrets.map(({ connectionId }) => connectionId), [
    complete!.peerConnectionId,
    complete!.localConnectionId,
  ]);
  assert.notDeepEqual(client.secrets[0]!.secret, client.secrets[1]!.secret);
});

Deno.test("Both observers are told of the same early data, with the hello that carries it", () => {
  const client = new Recorder();
  const server = new Recorder();
  const made = new ResumptionPair({ observers: { client, server } });
  for (const recorder of [client, server]) recorder.events.length = 0;
  const connection = made.dial();
  made.runUntilAnswered(connection, made.call(connection, "early"));
  made.pair.runFor(200);
  const [sent] = client.of("early-data-sent");
  assert.deepEqual(sent!.frames, [{
    type: "stream",
    streamId: 0,
    offset: 0,
    lengthBytes: 5,
    isOpen: true,
    isFin: true,
  }]);
  assert.deepEqual(server.of("early-data-received")[0]!.frames, sent!.frames);
  assert.ok(client.of("handshake-complete")[0]!.isResumed);
  const types = (recorder: Recorder): string[] =>
    recorder.events.slice(0, 5).map(({ type }) => type);
  assert.deepEqual(types(client).slice(0, 4), [
    "connection-state",
    "stream-state",
    "early-data-sent",
    "handshake-sent",
  ]);
  assert.deepEqual(types(server), [
    "connection-state",
    "handshake-received",
    "handshake-complete",
    "connection-state",
    "recovery-metrics",
  ]);
  for (const recorder of [client, server]) {
    const states = recorder.of("stream-state").map(({ state }) => state);
    assert.deepEqual(states.slice(0, 2), ["open", "delivered"]);
  }
});

Deno.test("An endpoint whose observer wants nothing works as one without", () => {
  const watched = new Pair({ observers: { client: {}, server: {} } });
  const plain = new Pair();
  for (const pair of [watched, plain]) {
    const ends = pair.connect();
    ends.client.ping();
    pair.runFor(1_000);
  }
  assert.deepEqual(watched.client.sentSizes, plain.client.sentSizes);
});

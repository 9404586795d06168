/**
 * Each limit on what a peer can cause, at its bound and one past it.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { HostilePeer } from "../../tests/support/hostile_peer.ts";
import { Pair } from "../../tests/support/pair.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import {
  encodeDatagramFrame,
  encodeNewConnectionIdFrame,
  encodePathChallengeFrame,
  encodePingFrame,
  encodeStreamFrame,
} from "../../protocol/frame/mod.ts";
import { makeStreamId } from "../../protocol/mod.ts";
import { senderKey } from "./address.ts";
import type { EndpointOptions } from "./endpoint_options.ts";
import type { Connection } from "./connection.ts";
import { Endpoint } from "./endpoint.ts";
import { CloseCode } from "./error.ts";
import type { LimitName } from "./limits.ts";

/** How a peer reaches a limit. */
interface LimitCase {
  /** A low bound, so that it is reached soon. */
  readonly config: Partial<EndpointOptions>;
  /** Writes frames up to the bound, and with `isPast` one more. */
  readonly write: (writer: ByteWriter, isPast: boolean) => void;
  /** What the connection is closed with past the bound, if it is. */
  readonly closeCode?: number;
}

function stream(
  writer: ByteWriter,
  options: {
    sequence?: number;
    isUnidirectional?: boolean;
    offset?: number;
    length?: number;
  },
): void {
  const { sequence = 0, isUnidirectional = false, offset = 0, length = 1 } =
    options;
  encodeStreamFrame(writer, {
    streamId: makeStreamId({ sequence, isInitiator: true, isUnidirectional }),
    isOpen: offset === 0,
    priority: 1,
    offset,
    data: new Uint8Array(length),
    isFin: false,
  });
}

function times(count: number, action: (index: number) => void): void {
  for (let i = 0; i < count; i++) action(i);
}

/** What one packet can reach. */
const CASES: Readonly<
  Partial<Record<LimitName, LimitCase>>
> = {
  maxControlFramesPerRoundTrip: {
    config: { maxControlFramesPerRoundTrip: 16 },
    write: (writer, isPast) =>
      times(isPast ? 17 : 16, () => encodePingFrame(writer)),
    closeCode: CloseCode.LIMIT_ERROR,
  },
  maxConnectionIds: {
    config: { maxConnectionIds: 3 },
    write: (writer, isPast) =>
      times(isPast ? 3 : 2, (index) =>
        encodeNewConnectionIdFrame(writer, {
          sequence: index + 1,
          retirePriorTo: 0,
          connectionId: new Uint8Array(8).fill(index + 1),
          resetToken: new Uint8Array(16),
        })),
    closeCode: CloseCode.CONNECTION_ID_LIMIT_ERROR,
  },
  maxPathResponses: {
    config: { maxPathResponses: 2 },
    write: (writer, isPast) =>
      times(
        isPast ? 3 : 2,
        (index) =>
          encodePathChallengeFrame(writer, new Uint8Array(8).fill(index)),
      ),
  },
  maxDatagramEvents: {
    config: { maxDatagramEvents: 5 },
    write: (writer, isPast) =>
      times(
        isPast ? 6 : 5,
        () => encodeDatagramFrame(writer, new Uint8Array(3)),
      ),
  },
  maxBidiStreams: {
    config: { maxBidiStreams: 3 },
    write: (writer, isPast) => stream(writer, { sequence: isPast ? 3 : 2 }),
    closeCode: CloseCode.STREAM_LIMIT_ERROR,
  },
  maxUniStreams: {
    config: { maxUniStreams: 3 },
    write: (writer, isPast) =>
      stream(writer, { sequence: isPast ? 3 : 2, isUnidirectional: true }),
    closeCode: CloseCode.STREAM_LIMIT_ERROR,
  },
  maxStreamDataBytes: {
    config: { maxStreamDataBytes: 1_500 },
    write: (writer, isPast) =>
      stream(writer, { length: isPast ? 1_501 : 1_500 }),
    closeCode: CloseCode.FLOW_CONTROL_ERROR,
  },
  maxDataBytes: {
    config: { maxDataBytes: 1_500 },
    write: (writer, isPast) => {
      stream(writer, { length: 1_000 });
      stream(writer, { sequence: 1, length: isPast ? 501 : 500 });
    },
    closeCode: CloseCode.FLOW_CONTROL_ERROR,
  },
  maxStreamStretches: {
    config: { maxStreamStretches: 3 },
    write: (writer, isPast) =>
      times(
        isPast ? 4 : 3,
        (index) => stream(writer, { offset: 2 * index + 2 }),
      ),
    closeCode: CloseCode.LIMIT_ERROR,
  },
};

for (
  const [limit, { config, write, closeCode }] of Object.entries(CASES) as [
    LimitName,
    LimitCase,
  ][]
) {
  Deno.test(`${limit} is kept to, and counted when it is passed`, () => {
    for (const isPast of [false, true]) {
      const peer = new HostilePeer({ config });
      const writer = new ByteWriter(new Uint8Array(4_000));
      write(writer, isPast);
      peer.send(writer.written);
      assert.equal(
        peer.endpoint.stats.limitsReached[limit],
        isPast ? 1 : undefined,
      );
      assert.equal(peer.closeCode(), isPast ? closeCode : undefined);
    }
  });
}

Deno.test("maxControlFramesPerRoundTrip counts anew with every round trip", () => {
  const peer = new HostilePeer({
    config: { maxControlFramesPerRoundTrip: 16 },
  });
  const writer = new ByteWriter(new Uint8Array(100));
  times(16, () => encodePingFrame(writer));
  times(20, () => {
    peer.send(writer.written);
    // The least that counts as a round trip.
    peer.now += 10;
  });
  assert.equal(peer.closeCode(), undefined);
  peer.send(writer.written);
  peer.now += 9;
  peer.send(writer.written);
  assert.equal(peer.closeCode(), CloseCode.LIMIT_ERROR);
});

Deno.test("maxPathResponses lets the newest challenges be answered", () => {
  const peer = new HostilePeer({ config: { maxPathResponses: 2 } });
  const writer = new ByteWriter(new Uint8Array(100));
  times(
    3,
    (index) => encodePathChallengeFrame(writer, new Uint8Array(8).fill(index)),
  );
  peer.send(writer.written);
  const answers = peer.frames().flatMap((frame) =>
    frame.type === "path-response" ? [frame.data[0]] : []
  );
  assert.deepEqual(answers, [1, 2]);
});

Deno.test("maxAckRanges is kept to, and counted when one is forgotten", () => {
  const peer = new HostilePeer({ config: { maxAckRanges: 3 } });
  const ping = new ByteWriter(new Uint8Array(2));
  encodePingFrame(ping);
  for (let sent = 1; sent <= 4; sent++) {
    peer.send(ping.written);
    // A gap behind each packet.
    peer.packetNumber++;
    const isPast = sent > 3;
    assert.equal(
      peer.endpoint.stats.limitsReached.maxAckRanges,
      isPast ? 1 : undefined,
    );
    const ack = peer.frames().find((frame) => frame.type === "ack");
    assert.ok(ack?.type === "ack");
    assert.equal(ack.ranges.length, Math.min(sent, 3));
  }
});

Deno.test("datagramQueueLength is kept to, and counted when one is dropped", () => {
  const peer = new HostilePeer({ config: { datagramQueueLength: 2 } });
  const { connection, endpoint } = peer;
  for (const isKept of [true, true, false]) {
    assert.equal(connection.sendDatagram(new Uint8Array(5)), isKept);
  }
  assert.equal(endpoint.stats.limitsReached.datagramQueueLength, 1);
});

Deno.test("maxConnectionsPerKey refuses another connection of the same key, and takes one when one is over", () => {
  const pair = new Pair({ server: { maxConnectionsPerKey: 2 } });
  const { server, client } = pair;
  const first = pair.connect().client;
  pair.connect();
  for (const key of [undefined, null]) {
    const refused = pair.dial(
      key === undefined ? {} : { remoteStaticPublicKey: key },
    );
    pair.runUntil(() => client.eventTypes(refused).includes("closed"));
    assert.match(client.closeError(refused).message, /code 2: More than 2/);
  }
  assert.equal(server.incoming.length, 2);
  assert.equal(server.endpoint.stats.limitsReached.maxConnectionsPerKey, 2);
  first.close(pair.now);
  pair.runFor(20_000);
  assert.equal(server.endpoint.stats.connectionCount, 1);
  pair.connect();
  pair.runFor(100);
  assert.equal(server.incoming.length, 3);
});

Deno.test("maxConnectionsPerKey does not count connections that are over, whichever end has closed them", () => {
  const pair = new Pair({ server: { maxConnectionsPerKey: 1 } });
  const { server } = pair;
  const connect = (): Record<"client" | "server", Connection> => {
    const count = server.incoming.length;
    const client = pair.dial();
    pair.runUntil(() => server.incoming.length > count);
    return { client, server: server.incoming.at(-1)! };
  };
  for (const end of ["client", "server"] as const) {
    const first = connect();
    first[end].close(pair.now);
    pair.runUntil(() => first.server.state !== "established");
    const second = connect();
    assert.match(first.server.state, /closing|draining/);
    second.client.close(pair.now);
    pair.runFor(20_000);
    assert.equal(server.endpoint.stats.connectionCount, 0);
  }
  const { maxConnectionsPerKey } = server.endpoint.stats.limitsReached;
  assert.equal(maxConnectionsPerKey, undefined);
});

/** A hello to an endpoint, from anywhere. */
function helloTo(endpoint: Endpoint, random: SeededRandom): Uint8Array {
  const initiator = new Endpoint({ keyPair: generateKeyPair(random) }, random);
  const to = { hostname: "10.0.0.2", port: 9 };
  initiator.connect(0, to, {
    remoteStaticPublicKey: endpoint.config.keyPair.publicKey,
  });
  const buffer = new Uint8Array(2_000);
  return buffer.subarray(0, initiator.pollTransmit(0, buffer)!.length);
}

Deno.test("maxConnections and maxHalfOpen drop further hellos and count them", () => {
  for (
    const [config, reason] of [
      [{ maxConnections: 3 }, "connection-limit"],
      [{ maxHalfOpen: 3, retryThreshold: 3 }, "half-open-limit"],
    ] as const
  ) {
    const random = new SeededRandom(3);
    const keyPair = generateKeyPair(random);
    const endpoint = new Endpoint({ ...config, keyPair }, random);
    for (let sent = 1; sent <= 4; sent++) {
      const from = { hostname: `10.0.1.${sent}`, port: 1 };
      endpoint.handleDatagram(0, from, helloTo(endpoint, random));
      const { drops, halfOpenCount } = endpoint.stats;
      assert.equal(drops[reason], sent > 3 ? 1 : undefined);
      assert.equal(halfOpenCount, Math.min(sent, 3));
    }
  }
});

Deno.test("maxRetriesPerSecond and maxStatelessAnswersPerSecond are kept to, and counted when they are passed", () => {
  const random = new SeededRandom(3);
  const keyPair = generateKeyPair(random);
  const endpoint = new Endpoint({
    keyPair,
    retryThreshold: 0,
    maxRetriesPerSecond: 2,
    maxStatelessAnswersPerSecond: 3,
  }, random);
  const from = { hostname: "10.0.1.1", port: 1 };
  for (let sent = 1; sent <= 4; sent++) {
    endpoint.handleDatagram(0, from, helloTo(endpoint, random));
    // A packet of a connection that is not known.
    endpoint.handleDatagram(
      0,
      from,
      new Uint8Array(100).fill(1, 0, 7).fill(68, 18, 19),
    );
  }
  const { limitsReached, resetsSent, retriesSent } = endpoint.stats;
  assert.deepEqual([retriesSent, resetsSent], [2, 3]);
  assert.equal(limitsReached.maxRetriesPerSecond, 2);
  assert.equal(limitsReached.maxStatelessAnswersPerSecond, 1);
});

Deno.test("maxAcceptedCookies refuses further cookies, and counts them", () => {
  const pair = new Pair({
    server: { retryThreshold: 0, maxAcceptedCookies: 2 },
  });
  pair.connect();
  pair.connect();
  const third = pair.dial({ handshakeTimeoutMs: 1_000 });
  pair.runUntil(() => pair.client.eventTypes(third).includes("closed"));
  assert.ok(pair.server.endpoint.stats.drops["bad-cookie"]! > 0);
  assert.equal(pair.server.incoming.length, 2);
});

Deno.test("maxHalfOpenPerAddress counts an IPv6 sender by its /64 (RFC 6177 §2)", () => {
  for (const [network, isOneSender] of [["0", true], ["", false]] as const) {
    const random = new SeededRandom(3);
    const keyPair = generateKeyPair(random);
    const endpoint = new Endpoint(
      { maxHalfOpenPerAddress: 3, keyPair },
      random,
    );
    for (let sent = 1; sent <= 4; sent++) {
      const hostname = `2001:db8:0:${network || sent}::${sent}`;
      endpoint.handleDatagram(
        0,
        { hostname, port: 1 },
        helloTo(endpoint, random),
      );
    }
    assert.equal(endpoint.stats.retriesSent, isOneSender ? 1 : 0);
  }
});

Deno.test("senderKey() is the address of IPv4, also mapped into IPv6, and the /64 of IPv6", () => {
  assert.equal(senderKey("10.0.0.1"), "10.0.0.1");
  assert.equal(senderKey("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(senderKey("2001:db8::1"), senderKey("2001:db8:0:0:ffff::2"));
  assert.notEqual(senderKey("2001:db8::1"), senderKey("2001:db8:0:1::1"));
  assert.equal(senderKey("not:an:address"), "not:an:address");
});

/**
 * Moves and key updates on real sockets: from one loopback address to another.
 * Linux has all of 127.0.0.0/8; a system that has 127.0.0.1 only skips them.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../../crypto/mod.ts";
import { Agent, Node } from "../../mod.ts";
import {
  createUdpCarrier,
  MemoryNetwork,
  systemRandom,
  type TransportConnection,
  TransportError,
  type TransportStream,
} from "../../transport/mod.ts";
import { LongSink, LongSource } from "../support/long_transfer.ts";
import { until } from "../support/mesh.ts";
import {
  bindTransport,
  echoStreams,
  isEqualBytes,
  patternBytes,
  request,
  withTransports,
} from "../support/transport_pair.ts";

const HERE = "127.0.0.1";
const THERE = "127.0.0.2";

const hasTwoAddresses = await canBind(THERE);
const skip = { ignore: !hasTwoAddresses };
const only = hasTwoAddresses ? "" : ` (skipped: there is no ${THERE})`;

async function canBind(hostname: string): Promise<boolean> {
  try {
    const carrier = await createUdpCarrier({ hostname, port: 0 });
    await carrier.close();
    return true;
  } catch (error) {
    assert.ok(error instanceof TransportError && error.code === "BIND_FAILED");
    return false;
  }
}

/** Sends a whole source on a stream of its own. */
async function send(
  connection: TransportConnection,
  totalBytes: number,
): Promise<void> {
  const stream = await connection.openStream({ priority: "bulk" });
  const source = new LongSource(totalBytes);
  while (!source.isDone) {
    const { next } = source;
    await stream.write(next);
    source.advance(next.length);
  }
  stream.finish();
}

/** Takes the next stream of the peer to its end. */
async function receive(
  stream: TransportStream,
  onProgress: (receivedBytes: number) => void,
): Promise<number> {
  const sink = new LongSink();
  for (
    let bytes = await stream.read();
    bytes !== undefined;
    bytes = await stream.read()
  ) {
    sink.take(bytes);
    onProgress(sink.receivedBytes);
  }
  return sink.receivedBytes;
}

// Issue 3, done-line 3.
Deno.test(
  `64 MiB arrive whole through a move between two loopback addresses and a key update every 1,000 packets${only}`,
  skip,
  () => {
    const totalBytes = 64 * 2 ** 20;
    // Datagrams of an Ethernet: 48,000 of them, and as many chances to go wrong.
    const config = { keyUpdatePackets: 1_000, maxDatagramBytes: 1_472 };
    return withTransports(async ({ client, incoming, outgoing }) => {
      const arrived = Promise.withResolvers<TransportStream>();
      outgoing.onStream = arrived.resolve;
      const sending = send(incoming, totalBytes);
      let moving: Promise<unknown> | undefined;
      const receivedBytes = await receive(await arrived.promise, (count) => {
        if (count < totalBytes / 2) return;
        moving ??= client.rebind({ hostname: THERE });
      });
      await sending;
      await moving;
      assert.equal(receivedBytes, totalBytes);
      assert.equal(client.localAddress.hostname, THERE);
      assert.deepEqual(incoming.remoteAddress, client.localAddress);
      for (const { stats } of [incoming, outgoing]) {
        assert.ok(stats.keyUpdates >= 20, `${stats.keyUpdates} key updates`);
      }
      assert.equal(incoming.stats.moves, 1);
      assert.ok(outgoing.stats.connectionIdChanges >= 1);
    }, { both: { config } });
  },
);

Deno.test(
  `Calls go on while the client moves back and forth and both ends replace their keys${only}`,
  skip,
  () =>
    withTransports(async ({ client, incoming, outgoing }) => {
      echoStreams(incoming);
      const sent = patternBytes(20_000);
      for (let i = 0; i < 10; i++) {
        const calls = Array.from({ length: 5 }, () => request(outgoing, sent));
        await client.rebind({ hostname: i % 2 === 0 ? THERE : HERE });
        outgoing.updateKeys();
        incoming.updateKeys();
        for (const echo of await Promise.all(calls)) {
          assert.ok(isEqualBytes(echo, sent));
        }
      }
      assert.equal(incoming.stats.moves, 10);
    }),
);

Deno.test("Transport.rebind() takes another port of the same address", () =>
  withTransports(async ({ client, incoming, outgoing }) => {
    echoStreams(incoming);
    const before = client.localAddress;
    const after = await client.rebind();
    assert.equal(after.hostname, before.hostname);
    assert.notEqual(after.port, before.port);
    const sent = patternBytes(1_000);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    assert.deepEqual(incoming.remoteAddress, after);
  }));

Deno.test("Transport.rebind() stays where it is when the address is taken, and refuses when closed", () =>
  withTransports(async ({ client, server, incoming, outgoing }) => {
    echoStreams(incoming);
    const before = client.localAddress;
    await assert.rejects(
      client.rebind(server.localAddress),
      (error) =>
        error instanceof TransportError && error.code === "ADDRESS_IN_USE",
    );
    assert.deepEqual(client.localAddress, before);
    const sent = patternBytes(1_000);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    await client.close();
    await assert.rejects(
      client.rebind(),
      (error) => error instanceof TransportError && error.code === "CLOSED",
    );
  }));

Deno.test("Transport.rebind() refuses an address of another family, and stays where it is", () => {
  const network = new MemoryNetwork();
  const isRefused = (error: unknown): boolean =>
    error instanceof TransportError && error.code === "CARRIER_FAILED" &&
    error.fault === "caller" && /has no IPv4 address/.test(error.message);
  return withTransports(async ({ client, incoming, outgoing }) => {
    echoStreams(incoming);
    const before = client.localAddress;
    await assert.rejects(client.rebind({ hostname: "::1" }), isRefused);
    const carrier = network.createCarrier({ hostname: "::1" });
    await assert.rejects(client.rebind({ carrier }), isRefused);
    // Nobody has closed it.
    assert.throws(() => network.createCarrier(carrier.localAddress));
    assert.deepEqual(client.localAddress, before);
    const sent = patternBytes(1_000);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
  }, { network });
});

// ── A host that answers from another address than was dialled ───────────────

Deno.test(
  `A transport on every address of its host is reached at one that it does not answer from${only}`,
  skip,
  () =>
    withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      const sent = patternBytes(100_000);
      assert.ok(isEqualBytes(await request(outgoing, sent), sent));
      await until(() => outgoing.remoteAddress.hostname === HERE);
      assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    }, {
      client: { hostname: HERE },
      server: { hostname: "0.0.0.0" },
      route: ({ port }) => ({ hostname: THERE, port }),
    }),
);

Deno.test(
  `A node on every address of its host is reached at one that it does not answer from${only}`,
  skip,
  async () => {
    const node = await Node.start({ bind: "0.0.0.0:0" });
    const { port } = node.localAddress;
    const url = `mxp://${THERE}:${port}?${new URL(node.url).searchParams}`;
    const callee = await Agent.connect(url, { name: "callee" });
    callee.onCall("echo", (request) => request.value);
    const caller = await Agent.connect(url);
    for (let count = 0; count < 3; count++) {
      const value = await caller.call({ name: "callee" }, "echo", count);
      assert.equal(value, count);
    }
    await caller.close();
    await callee.close();
    await node.close();
  },
);

Deno.test(
  `Transport.connect() names the address from which a refusal came that does not count${only}`,
  skip,
  async () => {
    const { transport: server } = await bindTransport({ hostname: "0.0.0.0" });
    const { transport: client } = await bindTransport();
    const { port } = server.localAddress;
    const other = generateKeyPair(systemRandom);
    await assert.rejects(
      client.connect({ hostname: THERE, port }, {
        remoteStaticPublicKey: other.publicKey,
        timeoutMs: 1_000,
      }),
      {
        code: "HANDSHAKE_TIMEOUT",
        message: `Connect: ${THERE}:${port} did not answer within 1000 ms; ` +
          `a refusal came from ${HERE}:${port}, where it does not count`,
      },
    );
    await client.close();
    await server.close();
  },
);

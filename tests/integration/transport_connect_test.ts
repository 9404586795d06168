import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  type Address,
  type Carrier,
  createUdpCarrier,
  MemoryNetwork,
  type SendRefusedHandler,
  systemRandom,
  type Transport,
  type TransportConnectOptions,
  TransportError,
  type TransportOptions,
} from "../../transport/mod.ts";
import { until } from "../support/mesh.ts";
import {
  bindTransport,
  echoStreams,
  patternBytes,
  request,
} from "../support/transport_pair.ts";

function isTransportError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TransportError && error.code === code;
}

async function withClientAndSilence(
  body: (client: Transport, silent: Transport) => Promise<void>,
): Promise<void> {
  const { transport: client } = await bindTransport();
  // Bound, and answering nothing.
  const { transport: silent } = await bindTransport({ accept: false });
  try {
    await body(client, silent);
    assert.equal(client.stats.connectionCount, 0);
  } finally {
    await client.close();
    await silent.close();
  }
}

Deno.test("Transport.connect() rejects with HANDSHAKE_TIMEOUT and leaves nothing behind", () =>
  withClientAndSilence(async (client, silent) => {
    await assert.rejects(
      client.connect(silent.localAddress, { timeoutMs: 30 }),
      isTransportError("HANDSHAKE_TIMEOUT"),
    );
  }));

Deno.test("Transport.connect() rejects with the signal's reason and leaves nothing behind", () =>
  withClientAndSilence(async (client, silent) => {
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const connecting = client.connect(silent.localAddress, {
      signal: controller.signal,
    });
    queueMicrotask(() => controller.abort(reason));
    await assert.rejects(connecting, reason);
    await assert.rejects(
      client.connect(silent.localAddress, { signal: controller.signal }),
      reason,
    );
    const byTime = AbortSignal.timeout(20);
    await assert.rejects(
      client.connect(silent.localAddress, { signal: byTime }),
      { name: "TimeoutError" },
    );
  }));

Deno.test("Transport.connect() refuses a peer with another key", async () => {
  const { transport: client } = await bindTransport();
  const { transport: server } = await bindTransport();
  const other = generateKeyPair(systemRandom);
  await assert.rejects(
    client.connect(server.localAddress, {
      remoteStaticPublicKey: other.publicKey,
    }),
    isTransportError("PEER_KEY_MISMATCH"),
  );
  await client.close();
  await server.close();
});

Deno.test("Transport.connect() refuses a port, a key or a time limit out of range", () =>
  withClientAndSilence(async (client) => {
    for (const port of [0, -1, 65_536, 1.5, NaN]) {
      await assert.rejects(
        client.connect({ hostname: "127.0.0.1", port }),
        isTransportError("INVALID_CONFIG"),
      );
    }
    for (const timeoutMs of [NaN, -1, "500" as unknown as number]) {
      await assert.rejects(
        client.connect({ hostname: "127.0.0.1", port: 9 }, { timeoutMs }),
        isTransportError("INVALID_CONFIG"),
      );
    }
    // 32 bytes are all zeros here: a point of small order, and nobody's key.
    for (const length of [0, 31, 32, 33]) {
      await assert.rejects(
        client.connect({ hostname: "127.0.0.1", port: 9 }, {
          remoteStaticPublicKey: new Uint8Array(length),
        }),
        isTransportError("INVALID_CONFIG"),
      );
    }
    // Programs without types say these things as well.
    for (
      const options of [
        null,
        { remoteStaticPublicKey: "12345678901234567890123456789012" },
        { remoteStaticPublicKey: null },
        { onEarly: {} },
        { signal: 1 },
        { signal: null },
      ]
    ) {
      await assert.rejects(
        client.connect(
          { hostname: "127.0.0.1", port: 9 },
          options as unknown as TransportConnectOptions,
        ),
        isTransportError("INVALID_CONFIG"),
      );
    }
  }));

Deno.test("Transport.connect() goes where it was told to, whatever becomes of the arguments", async () => {
  const { transport: client } = await bindTransport();
  const { transport: server, publicKey } = await bindTransport();
  const target = { ...server.localAddress };
  const remoteStaticPublicKey = Buffer.from(publicKey);
  const connecting = client.connect(target, { remoteStaticPublicKey });
  target.hostname = "nowhere.invalid";
  target.port = 9;
  remoteStaticPublicKey.fill(1);
  const connection = await connecting;
  assert.deepEqual(connection.remoteAddress, server.localAddress);
  assert.deepEqual(connection.peerPublicKey, publicKey);
  await client.close();
  await server.close();
});

Deno.test("Transport.connect() says clearly that a socket cannot reach an address family", () =>
  withClientAndSilence(async (client) => {
    await assert.rejects(
      client.connect({ hostname: "::1", port: 9 }),
      (error) =>
        error instanceof TransportError && error.code === "CARRIER_FAILED" &&
        error.fault === "caller" &&
        /has no IPv4 address, .*; one that is bound to \[::\]:0 reaches both$/
          .test(error.message),
    );
  }));

Deno.test("Transport.connect() says that a name cannot be resolved", () =>
  withClientAndSilence(async (client) => {
    await assert.rejects(
      client.connect({ hostname: "nowhere.invalid", port: 9 }),
      isTransportError("CARRIER_FAILED"),
    );
  }));

Deno.test({
  name: "Transport.connect() names the permission that a name needs",
  permissions: { net: ["127.0.0.1"] },
  fn: () =>
    withClientAndSilence(async (client) => {
      await assert.rejects(
        client.connect({ hostname: "localhost", port: 9 }),
        /^TransportError: Name: localhost cannot be resolved \(EPERM; Deno needs --allow-net=localhost\)$/,
      );
    }),
});

Deno.test({
  name: "Transport.connect() says at once that the process may not send there",
  permissions: { net: ["127.0.0.1"] },
  fn: () =>
    withClientAndSilence(async (client) => {
      await assert.rejects(
        client.connect({ hostname: "127.0.0.2", port: 9 }),
        (error) =>
          error instanceof TransportError && error.code === "CARRIER_FAILED" &&
          error.fault === "caller" && /may not send/.test(error.message),
      );
      assert.equal(client.stats.carrier.sendErrorCount, 1);
    }),
});

/** A client with a network on which nobody answers, and some datagrams do not leave. */
async function bindRefused(
  isRefused: (to: Address) => boolean,
  error: Error,
): Promise<Transport> {
  const carrier = new MemoryNetwork().createCarrier();
  let onSendRefused: SendRefusedHandler | undefined;
  const { transport } = await bindTransport({
    carrier: {
      localAddress: carrier.localAddress,
      maxDatagramBytes: carrier.maxDatagramBytes,
      stats: carrier.stats,
      start: (...handlers) => {
        onSendRefused = handlers[2];
        carrier.start(...handlers);
      },
      send: (datagram, to) => {
        if (isRefused(to)) onSendRefused!(to, error);
        else return carrier.send(datagram, to);
      },
      close: () => carrier.close(),
    },
  });
  return transport;
}

Deno.test("Transport.connect() says why nothing has left that could be answered", async () => {
  const unreachable = new Error("Network is unreachable");
  const client = await bindRefused(({ port }) => port === 9, unreachable);
  const outcomes = await Promise.allSettled(
    [9, 10].map((port) =>
      client.connect({ hostname: "127.0.0.1", port }, { timeoutMs: 50 })
    ),
  );
  const [refused, silent] = outcomes.map((outcome) => {
    assert.ok(outcome.status === "rejected");
    return outcome.reason;
  });
  for (const error of [refused, silent]) {
    assert.ok(isTransportError("HANDSHAKE_TIMEOUT")(error));
  }
  assert.equal(
    refused.message,
    "Connect: 127.0.0.1:9 did not answer within 50 ms; " +
      "to send there has failed (Network is unreachable)",
  );
  assert.equal(refused.cause, unreachable);
  assert.equal(
    silent.message,
    "Connect: 127.0.0.1:10 did not answer within 50 ms",
  );
  assert.equal(silent.cause, undefined);
  await client.close();
});

Deno.test("Transport.connect() blames no send that failed when the last one has left", async () => {
  for (const [first, isNamed] of [[true, false], [false, true]]) {
    let sentCount = 0;
    const client = await bindRefused(
      // The first hello, or all that follow.
      () => (sentCount++ === 0) === first,
      new Error("Network is unreachable"),
    );
    const connecting = client.connect({ hostname: "127.0.0.1", port: 9 }, {
      timeoutMs: 800,
    });
    await assert.rejects(connecting, (error) => {
      assert.ok(isTransportError("HANDSHAKE_TIMEOUT")(error));
      assert.ok(sentCount >= 2);
      const { message, cause } = error as TransportError;
      assert.equal(/unreachable/.test(message), isNamed);
      assert.equal(cause !== undefined, isNamed);
      return true;
    });
    await client.close();
  }
});

Deno.test("Transport.connect() resolves names", async () => {
  const { transport: server } = await bindTransport({
    hostname: "localhost",
    onConnection: echoStreams,
  });
  const { transport: client } = await bindTransport({ hostname: "localhost" });
  const connection = await client.connect({
    hostname: "localhost",
    port: server.localAddress.port,
  });
  assert.deepEqual(
    await request(connection, patternBytes(5)),
    patternBytes(5),
  );
  await client.close();
  await server.close();
});

Deno.test({
  name: "Transport.connect() reaches IPv4 and IPv6 from a socket bound to ::",
  ignore: !await hasIpv6(),
  fn: async () => {
    const { transport: client } = await bindTransport({ hostname: "::" });
    for (const hostname of ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1"]) {
      const { transport: server } = await bindTransport({
        hostname,
        onConnection: echoStreams,
      });
      const connection = await client.connect({
        hostname,
        port: server.localAddress.port,
      });
      assert.deepEqual(
        await request(connection, patternBytes(5)),
        patternBytes(5),
      );
      await server.close();
    }
    await client.close();
  },
});

Deno.test("Transport.connect() reaches this machine at the wildcard address that a socket reports", async () => {
  for (const hostname of await hasIpv6() ? ["0.0.0.0", "::"] : ["0.0.0.0"]) {
    const { transport: server } = await bindTransport({ hostname });
    const { transport: client } = await bindTransport({ hostname });
    assert.equal(server.localAddress.hostname, hostname);
    const connection = await client.connect(server.localAddress);
    assert.equal(connection.isOpen, true);
    await client.close();
    await server.close();
  }
});

Deno.test("Transport.connect() reaches an address with a zone that the socket does not report", async () => {
  const hostname = "fe80::1";
  const network = new MemoryNetwork();
  const sentTo = new Set<string>();
  const withZone = (carrier: Carrier): Carrier => ({
    localAddress: carrier.localAddress,
    maxDatagramBytes: carrier.maxDatagramBytes,
    stats: carrier.stats,
    start: (onDatagram, onError) => carrier.start(onDatagram, onError),
    send: (datagram, to) => {
      sentTo.add(to.hostname);
      return carrier.send(datagram, { hostname, port: to.port });
    },
    close: () => carrier.close(),
  });
  const { transport: server } = await bindTransport({
    carrier: network.createCarrier({ hostname }),
    onConnection: echoStreams,
  });
  const { transport: client } = await bindTransport({
    carrier: withZone(network.createCarrier({ hostname })),
  });
  const connection = await client.connect({
    hostname: "fe80:0::1%eth0",
    port: server.localAddress.port,
  });
  assert.deepEqual(
    await request(connection, patternBytes(5)),
    patternBytes(5),
  );
  assert.deepEqual([...sentTo], ["fe80::1%eth0"]);
  await client.close();
  await server.close();
});

Deno.test("Transport.bind() refuses a port that is taken and bad options", async () => {
  const { transport } = await bindTransport();
  await assert.rejects(
    bindTransport({ port: transport.localAddress.port }),
    isTransportError("ADDRESS_IN_USE"),
  );
  await assert.rejects(
    bindTransport({ hostname: "nowhere.invalid" }),
    isTransportError("CARRIER_FAILED"),
  );
  await assert.rejects(
    bindTransport({ config: { idleTimeoutMs: -1 } }),
    isTransportError("INVALID_CONFIG"),
  );
  const untyped: unknown[] = [
    { hostname: 5 },
    { accept: "no" },
    { config: null },
    { config: { maxDatagramBytes: 1_400n } },
    { config: { maxDatagramBytes: "1400" } },
    { carrier: null },
    { clock: 1 },
    { random: null },
    { onConnection: {} },
    { observe: 1 },
    { onWarning: "x" },
  ];
  for (const options of untyped) {
    await assert.rejects(
      bindTransport(options as Partial<TransportOptions>),
      isTransportError("INVALID_CONFIG"),
    );
  }
  await transport.close();
});

Deno.test("Transport.bind() closes no carrier that it was given when it fails", async () => {
  const network = new MemoryNetwork();
  const carrier = network.createCarrier();
  await assert.rejects(
    bindTransport({ carrier, config: { maxConnections: 0 } }),
    isTransportError("INVALID_CONFIG"),
  );
  assert.throws(
    () => network.createCarrier(carrier.localAddress),
    isTransportError("ADDRESS_IN_USE"),
  );
  carrier.close();
});

Deno.test("Transport refuses connections when it does not accept", () =>
  withClientAndSilence(async (client, silent) => {
    await assert.rejects(
      client.connect(silent.localAddress, { timeoutMs: 20 }),
      isTransportError("HANDSHAKE_TIMEOUT"),
    );
    await until(() => (silent.stats.drops["not-accepting"] ?? 0) > 0);
    assert.equal(silent.stats.connectionCount, 0);
  }));

Deno.test("Transport keeps connections that come before their handler", async () => {
  const { transport: server } = await bindTransport();
  const { transport: client } = await bindTransport();
  const connection = await client.connect(server.localAddress);
  await connection.ping();
  server.onConnection = echoStreams;
  assert.deepEqual(
    await request(connection, patternBytes(5)),
    patternBytes(5),
  );
  await client.close();
  await server.close();
});

async function hasIpv6(): Promise<boolean> {
  try {
    const carrier = await createUdpCarrier({ hostname: "::", port: 0 });
    await carrier.close();
    return true;
  } catch {
    return false;
  }
}

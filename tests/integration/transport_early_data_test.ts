/**
 * Session tickets and early data on real sockets.
 */
import assert from "node:assert/strict";
import { generateKeyPair, type KeyPair } from "../../crypto/mod.ts";
import {
  CloseCode,
  systemRandom,
  type Transport,
  type TransportConnection,
  type TransportOptions,
} from "../../transport/mod.ts";
import { until } from "../support/mesh.ts";
import { RecordingCarrier } from "../support/recording_carrier.ts";
import {
  bindTransport,
  echoStreams,
  isEqualBytes,
  patternBytes,
  readAll,
} from "../support/transport_pair.ts";

/** A client that was at the server before. */
interface Returning {
  readonly client: Transport;
  readonly server: Transport;
  readonly keyPair: KeyPair;
  readonly carrier: RecordingCarrier;
}

/** Connects, waits for the tickets and closes again. */
async function meet(
  { client, server, keyPair }: Omit<Returning, "carrier">,
): Promise<void> {
  const accepted = Promise.withResolvers<TransportConnection>();
  server.onConnection = accepted.resolve;
  const connection = await client.connect(server.localAddress, {
    remoteStaticPublicKey: keyPair.publicKey,
  });
  // The tickets come before the answer to the second ping at the latest.
  for (let turn = 0; turn < 20 && client.stats.tickets.stored === 0; turn++) {
    await connection.ping();
  }
  assert.ok(client.stats.tickets.stored > 0);
  connection.close();
  await (await accepted.promise).closed;
  server.onConnection = echoStreams;
}

async function withReturning(
  body: (returning: Returning) => Promise<void>,
  config: TransportOptions["config"] = {},
): Promise<void> {
  const carrier = await RecordingCarrier.bind();
  const keyPair = generateKeyPair(systemRandom);
  const { transport: client } = await bindTransport({
    carrier,
    // No first datagram is sent again while the host stands still.
    config: { helloTimeoutMs: 10_000 },
  });
  const { transport: server } = await bindTransport({ keyPair, config });
  try {
    await meet({ client, server, keyPair });
    await body({ client, server, keyPair, carrier });
  } finally {
    await client.close();
    await server.close();
  }
}

/** Connects and echoes some bytes on an early stream. */
async function callEarly(
  { client, server, keyPair }: Returning,
  bytes: Uint8Array,
): Promise<{ answer: Uint8Array; connection: TransportConnection }> {
  let answer: Promise<Uint8Array> | undefined;
  const connection = await client.connect(server.localAddress, {
    remoteStaticPublicKey: keyPair.publicKey,
    onEarly: (early) => {
      const stream = early.tryOpenStream({ isEarly: true })!;
      stream.write(bytes);
      stream.finish();
      answer = readAll(stream);
    },
  });
  assert.ok(answer !== undefined, "There was a ticket");
  return { answer: await answer, connection };
}

Deno.test("Transport.connect() with onEarly sends a request with the first datagram", () =>
  withReturning(async (returning) => {
    const { carrier, client, server } = returning;
    carrier.sent.length = 0;
    let sentByThen = 0;
    server.onConnection = (connection) => {
      connection.onStream = () => {};
      sentByThen = carrier.sent.length;
      echoStreams(connection);
    };
    const bytes = patternBytes(200);
    const { answer, connection } = await callEarly(returning, bytes);
    assert.ok(isEqualBytes(answer, bytes));
    assert.equal(sentByThen, 1, "datagrams before the server saw the request");
    assert.equal(carrier.sent[0]!.datagram.length, 1_200);
    assert.equal(client.stats.tickets.earlyAccepted, 1);
    assert.equal(server.stats.tickets.accepted, 1);
    connection.close();
  }));

Deno.test("Nobody is given what comes on a connection that is refused, with its first datagram or after", () =>
  withReturning(async ({ client, server, keyPair }) => {
    // The connection that gave the ticket counts until it is forgotten.
    await until(() => server.stats.connectionCount === 0);
    let count = 0;
    server.onConnection = () => count++;
    const remoteStaticPublicKey = keyPair.publicKey;
    const first = await client.connect(server.localAddress, {
      remoteStaticPublicKey,
    });
    for (const isEarly of [true, false]) {
      let wasEarly = false;
      const ask = (connection: TransportConnection): void => {
        wasEarly ||= isEarly;
        const stream = connection.tryOpenStream({ isEarly })!;
        stream.write(patternBytes(200)).catch(() => {});
        stream.finish();
      };
      const refused = await client.connect(server.localAddress, {
        remoteStaticPublicKey,
        ...(isEarly ? { onEarly: ask } : {}),
      });
      if (!isEarly) ask(refused);
      assert.equal(wasEarly, isEarly);
      const { code, closeCode } = await refused.closed;
      assert.equal(code, "CLOSED_BY_PEER");
      assert.equal(closeCode, CloseCode.CONNECTION_REFUSED);
    }
    await first.ping();
    assert.equal(server.stats.tickets.accepted, 1);
    assert.equal(server.stats.limitsReached.maxConnectionsPerKey, 2);
    assert.equal(count, 1);
  }, { maxConnectionsPerKey: 1 }));

Deno.test("Early data of any length arrives whole", () =>
  withReturning(async (returning) => {
    const bytes = patternBytes(300_000);
    const { answer } = await callEarly(returning, bytes);
    assert.ok(isEqualBytes(answer, bytes));
  }));

Deno.test("A server that was started again takes no old ticket, and the request arrives all the same", () =>
  withReturning(async (returning) => {
    const { client, server, keyPair } = returning;
    await server.close();
    const { transport: restarted } = await bindTransport({
      keyPair,
      onConnection: echoStreams,
    });
    try {
      const bytes = patternBytes(100);
      const { answer } = await callEarly(
        { ...returning, server: restarted },
        bytes,
      );
      assert.ok(isEqualBytes(answer, bytes));
      assert.deepEqual(restarted.stats.tickets.refused, { unreadable: 1 });
      assert.equal(client.stats.tickets.earlyRejected, 1);
    } finally {
      await restarted.close();
    }
  }));

Deno.test("Transport.connect() calls onEarly neither without a ticket nor without a key, and reports what it throws", async () => {
  const warnings: string[] = [];
  const { transport: client } = await bindTransport({
    onWarning: (message) => warnings.push(message),
  });
  const keyPair = generateKeyPair(systemRandom);
  const { publicKey } = keyPair;
  const { transport: server } = await bindTransport({ keyPair });
  let count = 0;
  const onEarly = (): void => {
    count++;
    throw new Error("thrown early");
  };
  try {
    for (const options of [{ remoteStaticPublicKey: publicKey }, {}]) {
      const first = await client.connect(server.localAddress, {
        ...options,
        onEarly,
      });
      first.close();
    }
    assert.equal(count, 0);
    await meet({ client, server, keyPair });
    await client.connect(server.localAddress, { onEarly });
    assert.equal(count, 0);
    await client.connect(server.localAddress, {
      remoteStaticPublicKey: publicKey,
      onEarly,
    });
    assert.equal(count, 1);
    assert.deepEqual(warnings, ["Transport: thrown early"]);
  } finally {
    await client.close();
    await server.close();
  }
});

Deno.test("An early stream rejects when nobody answers", () =>
  withReturning(async ({ client, server, keyPair }) => {
    const { localAddress } = server;
    await server.close();
    let reading: Promise<Uint8Array | undefined> | undefined;
    await assert.rejects(
      client.connect(localAddress, {
        remoteStaticPublicKey: keyPair.publicKey,
        timeoutMs: 50,
        onEarly: (connection) => {
          const stream = connection.tryOpenStream({ isEarly: true })!;
          stream.write(patternBytes(10));
          reading = stream.read();
          reading.catch(() => {});
          assert.throws(() => connection.tryOpenStream(), { code: "CLOSED" });
        },
      }),
    );
    await assert.rejects(reading!);
  }));

import assert from "node:assert/strict";
import {
  MemoryNetwork,
  type TransportConnection,
  TransportError,
  type TransportOptions,
  type TransportStream,
} from "../../transport/mod.ts";
import {
  bindTransport,
  echoStreams,
  patternBytes,
  readAll,
  request,
  withTransports,
} from "../support/transport_pair.ts";

function isTransportError(
  code: string,
  closeCode?: number,
): (error: unknown) => boolean {
  return (error) =>
    error instanceof TransportError && error.code === code &&
    error.closeCode === closeCode;
}

/** A stream whose answer, 3,000 bytes, arrived before its connection closed. */
async function answeredAndClosed(
  outgoing: TransportConnection,
  incoming: TransportConnection,
): Promise<TransportStream> {
  incoming.onStream = async (stream) => {
    await readAll(stream);
    await stream.write(patternBytes(3_000));
    stream.finish();
    await stream.finished;
    incoming.close();
  };
  const stream = await outgoing.openStream();
  stream.finish();
  assert.equal((await outgoing.closed).code, "CLOSED_BY_PEER");
  return stream;
}

Deno.test("TransportConnection.close() tells both ends why", () =>
  withTransports(async ({ outgoing, incoming }) => {
    outgoing.close(0x101, "done");
    for (const { closed } of [outgoing, incoming]) {
      assert.match((await closed).message, /: done$/);
    }
  }));

Deno.test("TransportConnection.close() settles everything at both ends", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(1));
    const peer = await arrived.promise;
    assert.deepEqual(await peer.read(), patternBytes(1));
    const pending = [
      [stream.read(), stream.finished, outgoing.openStream()],
      [peer.read(), peer.finished, incoming.ping()],
    ] as const;
    outgoing.close(0x101, "done");
    outgoing.close(0x102, "again");
    for (const promise of pending[0]) {
      await assert.rejects(promise, isTransportError("CLOSED", 0x101));
    }
    for (const promise of pending[1]) {
      await assert.rejects(promise, isTransportError("CLOSED_BY_PEER", 0x101));
    }
    assert.ok(isTransportError("CLOSED", 0x101)(await outgoing.closed));
    assert.ok(isTransportError("CLOSED_BY_PEER", 0x101)(await incoming.closed));
    assert.match((await incoming.closed).message, /done/);
    assert.equal(outgoing.isOpen || incoming.isOpen, false);
    // Everything after the end says why.
    for (
      const promise of [
        outgoing.openStream(),
        outgoing.ping(),
        stream.read(),
        stream.write(patternBytes(1)),
        stream.finished,
      ]
    ) await assert.rejects(promise, isTransportError("CLOSED", 0x101));
    assert.throws(
      () => outgoing.sendDatagram(patternBytes(1)),
      isTransportError("CLOSED", 0x101),
    );
    stream.finish();
    stream.abort();
  }, { server: { config: { maxBidiStreams: 1 } } }));

Deno.test("TransportStream.read() gives what arrived before the connection closed", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await answeredAndClosed(outgoing, incoming);
    assert.deepEqual(await readAll(stream), patternBytes(3_000));
    assert.equal(await stream.read(), undefined);
  }));

Deno.test("TransportStream.read() puts what arrived before the connection closed where it is told", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await answeredAndClosed(outgoing, incoming);
    assert.equal(stream.readableBytes, 3_000);
    const into = new Uint8Array(3_500);
    let length = 0;
    while (length < 3_000) {
      const bytes = await stream.read(into.subarray(length, length + 700));
      assert.equal(bytes!.byteOffset, length);
      assert.equal(bytes!.buffer, into.buffer);
      length += bytes!.length;
      assert.equal(stream.readableBytes, 3_000 - length);
    }
    assert.equal(await stream.read(into.subarray(length)), undefined);
    assert.deepEqual(into.subarray(0, length), patternBytes(3_000));
  }));

Deno.test("TransportStream.read() rejects when a connection closes before the end of the stream", () =>
  withTransports(async ({ outgoing, incoming }) => {
    incoming.onStream = async (stream) => {
      await stream.write(patternBytes(3_000));
      await incoming.ping();
      incoming.close(0x100);
    };
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(1));
    await outgoing.closed;
    let length = 0;
    await assert.rejects(async () => {
      for (;;) length += (await stream.read())!.length;
    }, isTransportError("CLOSED_BY_PEER", 0x100));
    assert.equal(length, 3_000);
  }));

Deno.test("TransportConnection rejects with CONNECTION_LOST when the peer goes silent", async () => {
  let isCut = false;
  const network = new MemoryNetwork({ filter: () => !isCut });
  await withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(10));
    assert.deepEqual(await stream.read(), patternBytes(10));
    const reading = stream.read();
    isCut = true;
    await assert.rejects(reading, isTransportError("CONNECTION_LOST"));
    await assert.rejects(stream.read(), isTransportError("CONNECTION_LOST"));
    await assert.rejects(
      stream.write(patternBytes(1)),
      isTransportError("CONNECTION_LOST"),
    );
    assert.equal((await outgoing.closed).code, "CONNECTION_LOST");
    assert.equal((await incoming.closed).code, "CONNECTION_LOST");
  }, { network, both: { config: { idleTimeoutMs: 1_000 } } });
});

Deno.test("Transport.close() tells every peer and settles attempts", async () => {
  const server = await bindTransport();
  const client = await bindTransport();
  const reasons: Promise<TransportError>[] = [];
  server.transport.onConnection = (connection) => {
    echoStreams(connection);
    reasons.push(connection.closed);
  };
  const connections = await Promise.all(
    Array.from(
      { length: 5 },
      () =>
        client.transport.connect(server.transport.localAddress, {
          remoteStaticPublicKey: server.publicKey,
        }),
    ),
  );
  for (const connection of connections) {
    await request(connection, patternBytes(10));
  }
  const silent = await bindSilent();
  const attempt = client.transport.connect(silent.localAddress);
  const closing = client.transport.close(0x123, "test");
  assert.equal(client.transport.close(), closing);
  await assert.rejects(attempt, isTransportError("CLOSED"));
  await closing;
  assert.equal(reasons.length, 5);
  for (const reason of reasons) {
    assert.ok(isTransportError("CLOSED_BY_PEER", 0x123)(await reason));
    assert.match((await reason).message, /: test$/);
  }
  for (const connection of connections) {
    assert.equal((await connection.closed).code, "CLOSED");
  }
  await assert.rejects(
    client.transport.connect(server.transport.localAddress),
    isTransportError("CLOSED"),
  );
  await silent.close();
  await server.transport.close();
});

Deno.test("Transport.close() says again that it closes to a peer that does not answer, and goes", async () => {
  let isCut = false;
  const sentFrom: number[] = [];
  const network = new MemoryNetwork({
    filter: (_datagram, from) => {
      if (isCut) sentFrom.push(from.port);
      return !isCut;
    },
  });
  await withTransports(async ({ client, outgoing, incoming }) => {
    await Promise.all([outgoing.ping(), incoming.ping()]);
    const { port } = client.localAddress;
    isCut = true;
    await client.close(0x123);
    // Three closes, an acknowledgement that was due, a close for what was on its way.
    const count = sentFrom.filter((each) => each === port).length;
    assert.ok(count >= 2 && count <= 5, `${count} datagrams`);
    assert.ok(isTransportError("CLOSED", 0x123)(await outgoing.closed));
  }, { network });
});

Deno.test("Transport.close() ends though its peer is gone and its clock stands still", async () => {
  let isCut = false;
  const network = new MemoryNetwork({ filter: () => !isCut });
  await withTransports(async ({ client, outgoing, incoming }) => {
    await Promise.all([outgoing.ping(), incoming.ping()]);
    isCut = true;
    await client.close();
    assert.ok(isTransportError("CLOSED", 0)(await outgoing.closed));
  }, { network, client: { clock: () => 1_000 } });
});

Deno.test("TransportConnection.close() holds up no other connection, though its peer does not hear of it", async () => {
  let cutPort: number | undefined;
  const network = new MemoryNetwork({
    filter: (_bytes, _from, to) => to.port !== cutPort,
  });
  const bind = (options: Partial<TransportOptions> = {}) =>
    bindTransport({ carrier: network.createCarrier(), ...options });
  const accepted: TransportConnection[] = [];
  const { transport: server } = await bind({
    onConnection: (connection) => {
      echoStreams(connection);
      accepted.push(connection);
    },
  });
  const clients = await Promise.all([bind(), bind()]);
  const connections: TransportConnection[] = [];
  for (const { transport } of clients) {
    const connection = await transport.connect(server.localAddress);
    await request(connection, patternBytes(10));
    connections.push(connection);
  }
  cutPort = clients[0].transport.localAddress.port;
  accepted[0]!.close(0x123);
  assert.equal((await accepted[0]!.closed).code, "CLOSED");
  assert.deepEqual(
    await request(connections[1]!, patternBytes(10)),
    patternBytes(10),
  );
  assert.equal(connections[0]!.isOpen, true);
  cutPort = undefined;
  // Repeated, or asked for by what the peer sends.
  connections[0]!.ping().catch(() => {});
  assert.ok((await connections[0]!.closed).code !== "CLOSED");
  for (const { transport } of [...clients, { transport: server }]) {
    await transport.close();
  }
});

Deno.test("Transport.close() refuses what has no encoding, and everything stays", () =>
  withTransports(async ({ client, outgoing, incoming }) => {
    echoStreams(incoming);
    const alone = await bindTransport();
    const wrong: [code: number, reason: string][] = [
      [-1, ""],
      [1.5, ""],
      [NaN, ""],
      [2 ** 53, ""],
      [0, Symbol("left") as unknown as string],
    ];
    for (const [code, reason] of wrong) {
      for (const transport of [client, alone.transport]) {
        await assert.rejects(transport.close(code, reason), {
          name: "ProtocolError",
          code: "INVALID_VALUE",
        });
      }
      assert.throws(() => outgoing.close(code, reason), {
        code: "INVALID_VALUE",
      });
      assert.ok(outgoing.isOpen);
      assert.deepEqual(
        await request(outgoing, patternBytes(10)),
        patternBytes(10),
      );
    }
    await alone.transport.close();
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(1));
    await stream.read();
    const reading = stream.read();
    await Promise.all([
      assert.rejects(reading, isTransportError("CLOSED", 0x101)),
      client.close(0x101, "done"),
    ]);
    assert.equal((await outgoing.closed).code, "CLOSED");
    assert.equal((await incoming.closed).closeCode, 0x101);
  }));

Deno.test("Transport.close() may be called from a callback", async () => {
  const server = await bindTransport();
  const client = await bindTransport();
  const closing = Promise.withResolvers<void>();
  server.transport.onConnection = (connection) => {
    connection.onStream = () => closing.resolve(server.transport.close());
  };
  const connection = await client.transport.connect(
    server.transport.localAddress,
  );
  const stream = await connection.openStream();
  await stream.write(patternBytes(1));
  await closing.promise;
  assert.equal((await connection.closed).code, "CLOSED_BY_PEER");
  await client.transport.close();
});

/** A socket that answers nothing. */
async function bindSilent(): Promise<
  { localAddress: { hostname: string; port: number }; close(): Promise<void> }
> {
  const { transport } = await bindTransport({ accept: false });
  return transport;
}

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import {
  createUdpCarrier,
  MemoryNetwork,
  type StreamPriority,
  type StreamWaiter,
  TransportError,
  type TransportOptions,
  type TransportStream,
} from "../../transport/mod.ts";
import { sharedSocketTurns } from "../../transport/socket_turns.ts";
import { until } from "../support/mesh.ts";
import {
  bindTransport,
  echoStreams,
  isEqualBytes,
  patternBytes,
  readAll,
  request,
  withTransports,
} from "../support/transport_pair.ts";
import { collectUncaught } from "../support/uncaught_errors.ts";

function isTransportError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TransportError && error.code === code;
}

Deno.test("Transport echoes a message over UDP", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    assert.ok(outgoing.isOpen && incoming.isOpen);
    assert.ok(outgoing.isInitiator && !incoming.isInitiator);
    const reply = await request(outgoing, patternBytes(256));
    assert.deepEqual(reply, patternBytes(256));
  }));

Deno.test("Transport echoes over node:dgram", async () => {
  const carrier = () =>
    createUdpCarrier({ hostname: "127.0.0.1", port: 0 }, {
      implementation: "node",
    });
  await withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const sent = patternBytes(100_000);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
  }, {
    client: { carrier: await carrier() },
    server: { carrier: await carrier() },
  });
});

Deno.test("Transport echoes in memory", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const sent = patternBytes(100_000);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
  }, { network: new MemoryNetwork() }));

Deno.test("TransportStream.undeliveredBytes counts what waits for room, and goes down to 0", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await outgoing.openStream();
    const heardBefore = outgoing.packetsReceived;
    assert.equal(stream.undeliveredBytes, 0);
    const sent = patternBytes(4_000_000);
    const writing = stream.write(sent);
    assert.equal(stream.undeliveredBytes, sent.length);
    echoStreams(incoming);
    const reading = readAll(stream);
    await writing;
    stream.finish();
    await stream.finished;
    assert.equal(stream.undeliveredBytes, 0);
    assert.equal((await reading).length, sent.length);
    assert.ok(outgoing.packetsReceived > heardBefore);
    assert.equal(outgoing.packetsReceived, outgoing.stats.packetsReceived);
    assert.ok(outgoing.answerMarginMs > 0);
    assert.equal(outgoing.unansweredProbes, 0);
  }));

Deno.test("TransportStream.isHeldBack tells whether the peer leaves alone what it has", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await outgoing.openStream();
    assert.ok(!stream.isHeldBack);
    const opened = new Promise<TransportStream>((resolve) => {
      incoming.onStream = resolve;
    });
    const sent = patternBytes(4_000_000);
    const writing = stream.write(sent);
    assert.ok(!stream.isHeldBack);
    const peer = await opened;
    await until(() => stream.isHeldBack);
    assert.equal(peer.readableBytes, sent.length - stream.undeliveredBytes);
    const reading = readAll(peer);
    await until(() => !stream.isHeldBack);
    await writing;
    stream.finish();
    await stream.finished;
    assert.ok(!stream.isHeldBack);
    assert.equal((await reading).length, sent.length);
  }));

Deno.test("TransportStream.read() puts bytes where it is told, as many as fit", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const sent = patternBytes(300_000);
    const stream = await outgoing.openStream();
    const reading = stream.read(new Uint8Array(7));
    const writing = stream.write(sent).then(() => stream.finish());
    const first = await reading;
    assert.deepEqual(first, sent.subarray(0, 7));
    const into = new Uint8Array(sent.length);
    into.set(first!);
    let length = 7;
    while (length < sent.length) {
      const target = into.subarray(length, length + 50_000);
      const bytes = await stream.read(target);
      assert.equal(bytes!.buffer, into.buffer);
      assert.equal(bytes!.byteOffset, length);
      assert.ok(bytes!.length >= 1 && bytes!.length <= target.length);
      length += bytes!.length;
    }
    assert.ok(isEqualBytes(into, sent));
    assert.equal(await stream.read(new Uint8Array(1)), undefined);
    await writing;
  }));

Deno.test("TransportStream.read() gives short chunks that nobody can transfer away from others", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await outgoing.openStream();
    incoming.onStream = async (echoed) => {
      await echoed.write((await echoed.read())!);
    };
    await stream.write(patternBytes(100));
    const chunk = (await stream.read())!;
    const transfer = [chunk.buffer as ArrayBuffer];
    assert.throws(() => structuredClone(chunk, { transfer }));
    assert.deepEqual(chunk, patternBytes(100));
    stream.abort();
    echoStreams(incoming);
    assert.deepEqual(
      await request(outgoing, patternBytes(300)),
      patternBytes(300),
    );
  }));

Deno.test("Transport knows both peers' keys after the handshake", async () => {
  const server = await bindTransport();
  const client = await bindTransport();
  const accepted = Promise.withResolvers<Uint8Array>();
  server.transport.onConnection = (connection) =>
    accepted.resolve(connection.peerPublicKey);
  // Without the server's key: it is learned.
  const connection = await client.transport.connect(
    server.transport.localAddress,
  );
  assert.deepEqual(connection.peerPublicKey, server.publicKey);
  assert.deepEqual(await accepted.promise, client.publicKey);
  await client.transport.close();
  await server.transport.close();
});

Deno.test("TransportStream carries 16 MiB each way, whole and in order", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const sent = patternBytes(16 * 1024 * 1024);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
  }));

Deno.test("Transport lets the rest of the process run during a transfer", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    let turnCount = 0;
    let isOver = false;
    const turn = (): void => {
      turnCount++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const sent = patternBytes(2 * 1024 * 1024);
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    isOver = true;
    await new Promise<void>((resolve) => setImmediate(resolve));
    const datagramCount = sent.length / 1_200;
    assert.ok(turnCount > datagramCount / 64, `${turnCount} turns`);
  }));

Deno.test("Transport sends a question and its answer in one datagram each", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    // The search for the packet size takes packets of its own, once.
    for (let index = 0; index < 10; index++) {
      await request(outgoing, patternBytes(100));
    }
    await outgoing.ping();
    const before = outgoing.stats;
    const count = 20;
    for (let index = 0; index < count; index++) {
      await request(outgoing, patternBytes(100));
    }
    const after = outgoing.stats;
    // One acknowledgement or credit may stand alone now and then.
    assert.ok(after.packetsSent - before.packetsSent <= count * 1.2);
    assert.ok(after.packetsReceived - before.packetsReceived <= count * 1.2);
  }));

Deno.test("TransportConnection carries 200 streams in parallel", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const lengths = Array.from({ length: 200 }, (_, index) => index * 37);
    const replies = await Promise.all(
      lengths.map((length) => request(outgoing, patternBytes(length))),
    );
    assert.deepEqual(replies.map(({ length }) => length), lengths);
    for (const reply of replies) {
      assert.ok(isEqualBytes(reply, patternBytes(reply.length)));
    }
  }));

Deno.test("TransportConnection.openStream() refuses a priority that there is not, and opens others", () =>
  withTransports(async ({ outgoing }) => {
    for (const given of ["urgent", "toString", 1, null]) {
      const priority = given as unknown as StreamPriority;
      await assert.rejects(
        outgoing.openStream({ priority }),
        { name: "TransportError", code: "INVALID_CONFIG" },
      );
    }
    const stream = await outgoing.openStream({ priority: "bulk" });
    stream.abort(0);
  }));

Deno.test("TransportConnection.openStream() waits for a slot and goes on", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const replies = await Promise.all(
      Array.from(
        { length: 40 },
        (_, index) => request(outgoing, patternBytes(index + 1)),
      ),
    );
    assert.deepEqual(
      replies.map(({ length }) => length),
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  }, { server: { config: { maxBidiStreams: 3 } } }));

Deno.test("TransportConnection.openStream() gives up waiting with its signal", () =>
  withTransports(async ({ outgoing }) => {
    await outgoing.openStream();
    const controller = new AbortController();
    const waiting = outgoing.openStream({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(
      outgoing.openStream({ signal: controller.signal }),
      reason,
    );
  }, { server: { config: { maxBidiStreams: 1 } } }));

for (const isUnidirectional of [false, true]) {
  const kind = isUnidirectional ? "unidirectional" : "bidirectional";
  Deno.test(`TransportConnection.openStream() waits for ${kind} streams without holding up the others`, () =>
    withTransports(async ({ outgoing, incoming }) => {
      const held = await outgoing.openStream({ isUnidirectional });
      await held.write(patternBytes(1));
      const giveUp = new AbortController();
      const givenUp = outgoing.openStream({
        isUnidirectional,
        signal: giveUp.signal,
      });
      const next = outgoing.openStream({ isUnidirectional });
      assert.equal(outgoing.tryOpenStream({ isUnidirectional }), undefined);
      const other = { isUnidirectional: !isUnidirectional };
      assert.ok(outgoing.tryOpenStream(other));
      assert.ok(await outgoing.openStream(other));
      giveUp.abort("enough");
      await assert.rejects(givenUp, (reason) => reason === "enough");
      incoming.onStream = (stream) => stream.abort(1);
      held.abort(1);
      assert.ok(await next);
    }, {
      server: {
        config: isUnidirectional
          ? { maxUniStreams: 1, maxBidiStreams: 2 }
          : { maxUniStreams: 2, maxBidiStreams: 1 },
      },
    }));
}

Deno.test("TransportStream.write() pushes back until the peer reads", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream();
    const sent = patternBytes(300_000);
    let isAccepted = false;
    const writing = stream.write(sent).then(() => {
      isAccepted = true;
      stream.finish();
    });
    const peer = await arrived.promise;
    await outgoing.ping();
    await outgoing.ping();
    assert.equal(isAccepted, false);
    const [received] = await Promise.all([readAll(peer), writing]);
    assert.ok(isEqualBytes(received, sent));
    peer.finish();
    await stream.finished;
  }, {
    both: { config: { maxStreamDataBytes: 16_384, sendBufferBytes: 16_384 } },
  }));

Deno.test("TransportStream.write() keeps the order of calls that overlap", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream();
    const parts = Array.from(
      { length: 50 },
      (_, index) => new Uint8Array(5_000).fill(index),
    );
    const writes = parts.map((part) => stream.write(part));
    stream.finish();
    await assert.rejects(
      stream.write(new Uint8Array(1)),
      isTransportError("STREAM_STATE"),
    );
    const received = await readAll(await arrived.promise);
    await Promise.all(writes);
    assert.equal(received.length, 250_000);
    parts.forEach((_, index) => {
      const part = received.subarray(index * 5_000, (index + 1) * 5_000);
      assert.ok(part.every((byte) => byte === index));
    });
    await stream.finished;
  }, { both: { config: { sendBufferBytes: 8_192 } } }));

Deno.test("TransportStream.finished settles once the peer has everything", () =>
  withTransports(async ({ outgoing, incoming }) => {
    incoming.onStream = (stream) => stream.finish();
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(10));
    stream.finish();
    stream.finish();
    await stream.finished;
    await stream.finished;
    // Finished and acknowledged: there is nothing left to reset.
    stream.reset(7);
    assert.equal(await stream.read(), undefined);
    assert.equal(await stream.read(), undefined);
  }));

Deno.test("TransportStream.read() refuses a second reader and keeps the first", () =>
  withTransports(async ({ outgoing, incoming }) => {
    echoStreams(incoming);
    const stream = await outgoing.openStream();
    const first = stream.read();
    await assert.rejects(stream.read(), isTransportError("STREAM_STATE"));
    await stream.write(patternBytes(5));
    assert.deepEqual(await first, patternBytes(5));
    stream.finish();
    assert.equal(await stream.read(), undefined);
  }));

Deno.test("TransportStream.reset() rejects the peer's read with its code", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(3));
    const peer = await arrived.promise;
    assert.deepEqual(await peer.read(), patternBytes(3));
    const reading = peer.read();
    stream.reset(0x123);
    await assert.rejects(
      reading,
      (error) =>
        error instanceof TransportError && error.code === "STREAM_RESET" &&
        error.closeCode === 0x123 && error.fault === "peer",
    );
    await assert.rejects(peer.read(), isTransportError("STREAM_RESET"));
    await assert.rejects(
      stream.write(patternBytes(1)),
      isTransportError("STREAM_RESET"),
    );
    await assert.rejects(stream.finished, isTransportError("STREAM_RESET"));
    // The other direction still works.
    await peer.write(patternBytes(4));
    peer.finish();
    assert.deepEqual(await readAll(stream), patternBytes(4));
  }));

Deno.test("TransportStream.stopSending() stops the peer's writes with its code", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream();
    await stream.write(patternBytes(3));
    const peer = await arrived.promise;
    const stopped = Promise.withResolvers<number>();
    peer.onStopped = stopped.resolve;
    const writing = peer.write(patternBytes(8 * 1024 * 1024));
    stream.stopSending(0x321);
    assert.equal(await stopped.promise, 0x321);
    await assert.rejects(writing, isTransportError("STREAM_STOPPED"));
    await assert.rejects(
      peer.write(patternBytes(1)),
      (error) =>
        error instanceof TransportError && error.code === "STREAM_STOPPED" &&
        error.closeCode === 0x321,
    );
    await assert.rejects(peer.finished, isTransportError("STREAM_STOPPED"));
    await assert.rejects(stream.read(), isTransportError("STREAM_STATE"));
    // Set late, the hook is called all the same.
    const late = Promise.withResolvers<number>();
    peer.onStopped = late.resolve;
    assert.equal(await late.promise, 0x321);
    assert.equal(peer.stopCode, 0x321);
  }));

Deno.test("TransportStream.stopSending() ends a read that waits", () =>
  withTransports(async ({ outgoing }) => {
    const stream = await outgoing.openStream();
    const reading = stream.read();
    stream.abort(5);
    await assert.rejects(reading, isTransportError("STREAM_STATE"));
  }));

Deno.test("TransportConnection frees slots of streams that both sides gave up", () =>
  withTransports(async ({ outgoing, incoming }) => {
    incoming.onStream = (stream) => stream.abort(1);
    for (let index = 0; index < 20; index++) {
      const stream = await outgoing.openStream();
      await stream.write(patternBytes(10));
      stream.abort(1);
    }
  }, { server: { config: { maxBidiStreams: 2 } } }));

Deno.test("TransportConnection opens streams that run one way", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onStream = arrived.resolve;
    const stream = await outgoing.openStream({
      isUnidirectional: true,
      priority: "bulk",
    });
    await assert.rejects(stream.read(), isTransportError("STREAM_STATE"));
    await stream.write(patternBytes(5_000));
    stream.finish();
    const peer = await arrived.promise;
    await assert.rejects(
      peer.write(patternBytes(1)),
      isTransportError("STREAM_STATE"),
    );
    assert.deepEqual(await readAll(peer), patternBytes(5_000));
    await stream.finished;
  }));

Deno.test("TransportConnection keeps streams and datagrams that come before their handler", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const stream = await outgoing.openStream({ priority: "control" });
    await stream.write(patternBytes(7));
    stream.finish();
    assert.equal(outgoing.sendDatagram(patternBytes(9)), true);
    await outgoing.ping();
    const data = Promise.withResolvers<Uint8Array>();
    const arrived = Promise.withResolvers<TransportStream>();
    incoming.onDatagram = data.resolve;
    incoming.onStream = arrived.resolve;
    assert.deepEqual(await data.promise, patternBytes(9));
    assert.deepEqual(await readAll(await arrived.promise), patternBytes(7));
    assert.throws(
      () =>
        outgoing.sendDatagram(
          new Uint8Array(outgoing.maxDatagramPayloadBytes + 1),
        ),
      isTransportError("DATAGRAM_TOO_LARGE"),
    );
    assert.equal(
      outgoing.sendDatagram(new Uint8Array(outgoing.maxDatagramPayloadBytes)),
      true,
    );
  }));

for (
  const [keptCount, config] of [
    [256, {}],
    [5, { maxDatagramEvents: 5 }],
  ] as const
) {
  Deno.test(`TransportConnection keeps ${keptCount} datagrams that come before their handler, and counts those past it`, () =>
    withTransports(async ({ server, outgoing, incoming }) => {
      const count = keptCount + 10;
      for (let index = 0; index < count; index++) {
        outgoing.sendDatagram(Uint8Array.of(index >> 8, index & 0xff));
        // A few at a time, so that none waits for the driver or is pushed out.
        if (index % 4 === 3) await outgoing.ping();
      }
      const refused = () => server.stats.limitsReached.maxDatagramEvents ?? 0;
      for (let tries = 0; tries < 20 && refused() < 10; tries++) {
        await outgoing.ping();
      }
      assert.equal(refused(), 10);
      const kept: number[] = [];
      const isComplete = Promise.withResolvers<void>();
      incoming.onDatagram = ([high, low]) => {
        if (kept.push(high! << 8 | low!) === keptCount) isComplete.resolve();
      };
      await isComplete.promise;
      assert.deepEqual(kept, Array.from({ length: keptCount }, (_, i) => i));
    }, {
      network: new MemoryNetwork(),
      server: { config },
    }));
}

Deno.test("TransportConnection.ping() measures a round trip, shared by callers", () =>
  withTransports(async ({ outgoing }) => {
    const startedAt = performance.now();
    const [first, second] = await Promise.all([
      outgoing.ping(),
      outgoing.ping(),
    ]);
    assert.equal(first, second);
    assert.ok(first >= 0 && first <= performance.now() - startedAt);
    assert.ok(outgoing.stats.smoothedRttMs > 0);
  }));

Deno.test("Transport reports what a callback threw and goes on", async () => {
  const warnings: string[] = [];
  await withTransports(async ({ outgoing, incoming }) => {
    incoming.onStream = () => {
      throw new Error("handler");
    };
    await (await outgoing.openStream()).write(patternBytes(1));
    await outgoing.ping();
    echoStreams(incoming);
    assert.deepEqual(
      await request(outgoing, patternBytes(2)),
      patternBytes(2),
    );
  }, { server: { onWarning: (message) => warnings.push(message) } });
  assert.deepEqual(warnings, ["Transport: handler"]);
});

/** Waits for something, and throws whatever it is told. */
const THROWING_WAITER = {
  resolve: () => {
    throw new Error("resolve");
  },
  reject: () => {
    throw new Error("reject");
  },
};

Deno.test("Transport reports a reader that throws, and goes on with other streams and connections", async () => {
  const warnings: string[] = [];
  await withTransports(async ({ client, server, outgoing, incoming }) => {
    const accepted = Promise.withResolvers<typeof incoming>();
    server.onConnection = accepted.resolve;
    const connections = [outgoing, await client.connect(server.localAddress)];
    const peers = [incoming, await accepted.promise];
    // Two streams of each connection, of which the first byte is read.
    const streams: TransportStream[] = [];
    const readers: TransportStream[] = [];
    for (const [index, connection] of connections.entries()) {
      for (let count = 0; count < 2; count++) {
        const arrived = Promise.withResolvers<TransportStream>();
        peers[index]!.onStream = arrived.resolve;
        const stream = await connection.openStream();
        await stream.write(patternBytes(1));
        const reader = await arrived.promise;
        await reader.read();
        streams.push(stream);
        readers.push(reader);
      }
    }
    readers[0]!.readWith(THROWING_WAITER);
    const reading = Promise.all(
      readers.slice(1).map((reader) => reader.read()),
    );
    // All of them come in one turn.
    for (const stream of streams) stream.tryWrite(patternBytes(5));
    const pings = Promise.all(
      connections.map((connection) => connection.ping()),
    );
    assert.deepEqual(
      await Promise.race([reading, pings.then(() => "nothing")]),
      [patternBytes(5), patternBytes(5), patternBytes(5)],
    );
  }, {
    network: new MemoryNetwork(),
    server: { onWarning: (message) => warnings.push(message) },
  });
  assert.deepEqual(warnings, ["Transport: resolve"]);
});

Deno.test("TransportConnection reports who throws at its end, and tells everybody", async () => {
  const warnings: string[] = [];
  await withTransports(async ({ outgoing }) => {
    const held = await outgoing.openStream();
    const other = await outgoing.openStream();
    held.readWith(THROWING_WAITER);
    const reading = other.read();
    outgoing.openStreamWith({}, { ...THROWING_WAITER, lineIndex: -1 });
    const opening = outgoing.openStream();
    outgoing.close();
    await assert.rejects(reading, isTransportError("CLOSED"));
    await assert.rejects(opening, isTransportError("CLOSED"));
    assert.equal((await outgoing.closed).code, "CLOSED");
  }, {
    client: { onWarning: (message) => warnings.push(message) },
    server: { config: { maxBidiStreams: 2 } },
  });
  assert.deepEqual(warnings, ["Transport: reject", "Transport: reject"]);
});

Deno.test("TransportConnection tells nothing at its end to who waits no longer, though others are being told", async () => {
  await withTransports(async ({ outgoing }) => {
    for (let count = 0; count < 2; count++) await outgoing.openStream();
    const told: string[] = [];
    const createWaiter = (
      name: string,
      onRejected?: () => void,
    ): StreamWaiter => ({
      lineIndex: -1,
      resolve: () => told.push(`${name} resolved`),
      reject: () => {
        told.push(name);
        onRejected?.();
      },
    });
    const second = createWaiter("second");
    const first = createWaiter("first", () => outgoing.stopWaiting(second));
    const third = createWaiter("third");
    for (const waiter of [first, second, third]) {
      outgoing.openStreamWith({}, waiter);
    }
    outgoing.close();
    await outgoing.closed;
    assert.deepEqual(told, ["first", "third"]);
    assert.deepEqual(
      [first, second, third].map(({ lineIndex }) => lineIndex),
      [-1, -1, -1],
    );
  }, { server: { config: { maxBidiStreams: 2 } } });
});

Deno.test("TransportConnection reports who throws when he is given a stream, and serves the next", async () => {
  const warnings: string[] = [];
  await withTransports(async ({ outgoing, incoming }) => {
    incoming.onStream = (stream) => stream.abort(1);
    const held = [await outgoing.openStream(), await outgoing.openStream()];
    outgoing.openStreamWith({}, { ...THROWING_WAITER, lineIndex: -1 });
    const next = outgoing.openStream();
    for (const stream of held) stream.abort(1);
    assert.ok(await next);
  }, {
    client: { onWarning: (message) => warnings.push(message) },
    server: { config: { maxBidiStreams: 2 } },
  });
  assert.deepEqual(warnings, ["Transport: resolve"]);
});

Deno.test("Transport takes part in the turns of the process with the system's clock only", async () => {
  const turns = sharedSocketTurns();
  const echo = (both: Partial<TransportOptions>, isInUse: boolean) =>
    withTransports(async ({ outgoing, incoming }) => {
      assert.equal(turns.isInUse, isInUse);
      echoStreams(incoming);
      const bytes = patternBytes(100_000);
      assert.ok(isEqualBytes(await request(outgoing, bytes), bytes));
    }, { both });
  await echo({}, true);
  await echo({ clock: () => performance.now() + 1_000_000 }, false);
  assert.equal(turns.isInUse, false);
});

Deno.test("Transport goes on receiving when onWarning throws, which is uncaught", async () => {
  const failure = new Error("logger");
  const errors = await collectUncaught(() =>
    withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      assert.deepEqual(
        await request(outgoing, patternBytes(2)),
        patternBytes(2),
      );
    }, {
      server: {
        // What it throws is reported before the datagram is handled.
        observe: () => ({
          onDatagramReceived: () => {
            throw new Error("observer");
          },
        }),
        onWarning: () => {
          throw failure;
        },
      },
    })
  );
  assert.deepEqual(errors, [failure]);
});

Deno.test("TransportStream.read() ends when the end came while nobody was reading", () =>
  withTransports(async ({ outgoing, incoming }) => {
    const replied = Promise.withResolvers<void>();
    incoming.onStream = async (stream) => {
      await readAll(stream);
      await stream.write(patternBytes(3));
      await replied.promise;
      stream.finish();
    };
    const stream = await outgoing.openStream();
    stream.finish();
    assert.deepEqual(await stream.read(), patternBytes(3));
    replied.resolve();
    // Other traffic, so that the stream is forgotten meanwhile.
    echoStreams(incoming);
    for (let i = 0; i < 3; i++) await request(outgoing, patternBytes(9));
    assert.equal(await stream.read(), undefined);
  }, { network: new MemoryNetwork() }));

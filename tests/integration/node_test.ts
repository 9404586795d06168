/**
 * A node over real UDP on loopback, with raw transports in place of agents.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { generateKeyPair, type Identity } from "../../crypto/mod.ts";
import { CallError } from "../../mesh/error.ts";
import { MessageChannel } from "../../mesh/message_channel.ts";
import { Node, type NodeOptions } from "../../mesh/node.ts";
import {
  type AgentRegistration,
  callNode,
  discoverAgents,
  encodeOutgoingEvent,
  type NodeRequestOptions,
  publishEvent,
  registerAgent,
  sendHeartbeat,
  subscribeTopic,
} from "../../mesh/registry_client.ts";
import {
  REGISTRATION_BURST,
  REGISTRATIONS_PER_SECOND,
} from "../../mesh/node_config.ts";
import {
  createAgentId,
  decodeEvent,
  encodeValue,
  formatAgentId,
  parseMxpUrl,
} from "../../protocol/mod.ts";
import { MemoryRegistry, RegistryError } from "../../registry/mod.ts";
import {
  systemRandom,
  type Transport,
  type TransportConnection,
  TransportError,
  type TransportOptions,
  type TransportStream,
} from "../../transport/mod.ts";
import { until } from "../support/mesh.ts";
import { TimerClock } from "../support/timer_clock.ts";
import { bindTransport } from "../support/transport_pair.ts";

const REQUEST: NodeRequestOptions = { messageId: 1n, traceId: 2n };

/** Runs a test with a node and closes it afterwards. */
async function withNode(
  body: (node: Node) => Promise<void>,
  options: NodeOptions = {},
): Promise<void> {
  const node = await Node.start({ port: 0, ...options });
  try {
    await body(node);
  } finally {
    await node.close();
  }
}

/** Runs a test with a connection to a node and closes it afterwards. */
async function withPeer(
  node: Node,
  body: (
    connection: TransportConnection,
    transport: Transport,
  ) => Promise<void>,
  options: Partial<TransportOptions> = {},
): Promise<void> {
  const { transport } = await bindTransport(options);
  try {
    const { hostname, port, publicKey } = parseMxpUrl(node.url);
    const connection = await transport.connect({ hostname, port }, {
      remoteStaticPublicKey: publicKey!,
    });
    await body(connection, transport);
  } finally {
    await transport.close();
  }
}

async function withDirectory(
  body: (path: string) => Promise<void>,
): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "mxp-node-"));
  try {
    await body(join(path, "data"));
  } finally {
    rmSync(path, { recursive: true });
  }
}

function registrationOf(
  name: string,
  changes: Partial<AgentRegistration> = {},
): AgentRegistration {
  const agentId = createAgentId(systemRandom);
  return { agentId, name, capabilities: ["write"], port: 0, ...changes };
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => (error as { code?: unknown }).code === code;
}

Deno.test("a node lets one agent find another at the address it was seen at", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (writer, transport) => {
      const registration = registrationOf("writer", {
        tags: ["eu"],
        metadata: { model: "small" },
      });
      const granted = await registerAgent(writer, registration, REQUEST);
      const { port } = transport.localAddress;
      assert.deepEqual(granted, {
        leaseMs: 15_000,
        heartbeatIntervalMs: 5_000,
        hostname: "127.0.0.1",
        port,
      });
      await withPeer(node, async (reader) => {
        const query = { kind: "capability", term: "write" } as const;
        const [found, ...others] = await discoverAgents(reader, query, REQUEST);
        assert.deepEqual(others, []);
        assert.equal(found?.name, "writer");
        assert.equal(found?.port, port);
        assert.deepEqual(found?.tags, ["eu"]);
        assert.deepEqual(found?.metadata, { model: "small" });
        // The key in the record is enough to reach that agent, and nobody else.
        const { transport: direct } = await bindTransport();
        await using _closing = { [Symbol.asyncDispose]: () => direct.close() };
        const connection = await direct.connect(found!, {
          remoteStaticPublicKey: found!.publicKey,
        });
        assert.equal(connection.isOpen, true);
      });
    });
  });
});

Deno.test("a node keeps an agent over a broken connection and retires it after three missed heartbeats", async () => {
  const clock = new TimerClock();
  await withNode(async (node) => {
    const registration = registrationOf("writer");
    await withPeer(node, async (connection) => {
      await registerAgent(connection, registration, REQUEST);
      clock.advance(8_000);
      const { agentId } = registration;
      const heartbeat = {
        agentId,
        status: "available",
        load: 0.5,
        sequence: 1,
      } as const;
      await sendHeartbeat(connection, heartbeat, REQUEST);
    });
    clock.advance(8_999);
    assert.equal((await node.agents())[0]?.load, 0x8000 / 0xffff);
    clock.advance(1);
    assert.deepEqual(await node.agents(), []);
    clock.advance(1_000);
    await Promise.resolve();
    assert.equal(node.status.agents, 0);
  }, { clock, heartbeatIntervalMs: 3_000 });
});

Deno.test("a node with a data directory keeps its key and its agents over a restart", async () => {
  await withDirectory(async (dataDir) => {
    const registration = registrationOf("writer");
    let publicKey: Uint8Array | undefined;
    await withNode(async (node) => {
      publicKey = node.publicKey;
      await withPeer(node, async (connection) => {
        await registerAgent(connection, registration, REQUEST);
        await registerAgent(connection, registrationOf("gone"), REQUEST);
      });
      const gone = (await node.agents()).find(({ name }) => name === "gone");
      assert.notEqual(gone, undefined);
    }, { dataDir });
    assert.equal(statSync(join(dataDir, "node.key")).mode & 0o777, 0o600);
    assert.equal(existsSync(join(dataDir, "registry.sqlite")), true);
    const clock = new TimerClock();
    await withNode(async (node) => {
      assert.deepEqual(node.publicKey, publicKey);
      clock.advance(14_999);
      const names = (await node.agents()).map(({ agentId }) => agentId);
      assert.equal(names.length, 2);
      assert.equal(names[0], formatAgentId(registration.agentId));
      clock.advance(1);
      assert.deepEqual(await node.agents(), []);
    }, { dataDir, clock });
  });
});

Deno.test("a node takes so many registrations of a key, over all its connections and those before, and serves other keys", async () => {
  await withDirectory(async (dataDir) => {
    const clock = new TimerClock();
    const keyPair = generateKeyPair(systemRandom);
    const registration = registrationOf("flood");
    let sentCount = 0;
    let takenCount = 0;
    let lastTaken = "";
    const register = async (connection: TransportConnection): Promise<void> => {
      // Each one is another record, which has to be written.
      const changes = { metadata: { count: `${sentCount++}` } };
      await registerAgent(connection, { ...registration, ...changes }, REQUEST);
      takenCount++;
    };
    await withNode(async (node) => {
      const isExhausted = codeIs("RESOURCE_EXHAUSTED");
      for (let round = 0; round < 2; round++) {
        // The second round comes with connections of its own.
        const flooding = Array.from(
          { length: 4 },
          () =>
            withPeer(node, async (connection) => {
              await assert.rejects(async () => {
                for (;;) await register(connection);
              }, isExhausted);
            }, { keyPair }),
        );
        await Promise.all(flooding);
        assert.equal(takenCount, REGISTRATION_BURST);
      }
      await withPeer(node, async (connection) => {
        await registerAgent(connection, registrationOf("other"), REQUEST);
      });
      await withPeer(node, async (connection) => {
        clock.advance(1_000 / REGISTRATIONS_PER_SECOND);
        await register(connection);
        lastTaken = `${sentCount - 1}`;
        await assert.rejects(register(connection), isExhausted);
      }, { keyPair });
    }, { dataDir, clock });
    await withNode(async (node) => {
      const flood = (await node.agents()).find(({ name }) => name === "flood");
      assert.deepEqual(flood?.metadata, { count: lastTaken });
    }, { dataDir, clock });
  });
});

Deno.test("a node refuses a data directory that another node holds", async () => {
  await withDirectory(async (dataDir) => {
    await withNode(async () => {
      await assert.rejects(
        Node.start({ port: 0, dataDir }),
        (error) =>
          error instanceof RegistryError && error.code === "STORE_FAILED",
      );
    }, { dataDir });
  });
});

Deno.test("a node that cannot use its data directory leaves no key in it", async () => {
  await withDirectory(async (dataDir) => {
    const isStoreFailed = (error: unknown): boolean =>
      error instanceof RegistryError && error.code === "STORE_FAILED";
    mkdirSync(dataDir);
    const file = join(dataDir, "registry.sqlite");
    writeFileSync(file, "not a database, but longer than a header of one");
    await assert.rejects(Node.start({ port: 0, dataDir }), isStoreFailed);
    assert.deepEqual(readdirSync(dataDir), ["registry.sqlite"]);
    const belowFile = { port: 0, dataDir: join(file, "below") };
    await assert.rejects(Node.start(belowFile), isStoreFailed);
  });
});

Deno.test("a node that cannot use its key lets go of its registry", async () => {
  await withDirectory(async (dataDir) => {
    mkdirSync(join(dataDir, "node.key"), { recursive: true });
    await assert.rejects(
      Node.start({ port: 0, dataDir }),
      codeIs("IDENTITY_INVALID"),
    );
    rmdirSync(join(dataDir, "node.key"));
    await withNode(async () => {}, { dataDir });
  });
});

Deno.test("a node carries events from a publisher to a subscriber", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (subscriber) => {
      const events = Promise.withResolvers<MessageChannel>();
      subscriber.onStream = (stream) => {
        stream.finish();
        events.resolve(new MessageChannel(stream));
      };
      await subscribeTopic(subscriber, "orders.*", REQUEST);
      await withPeer(node, async (publisher) => {
        for (const topic of ["orders.1", "bills.1", "orders.2"]) {
          const event = { topic, content: encodeValue({ topic }) };
          await publishEvent(publisher, encodeOutgoingEvent(event), REQUEST);
        }
      });
      const channel = await events.promise;
      for (const topic of ["orders.1", "orders.2"]) {
        const message = await channel.receive();
        assert.equal(decodeEvent(message!.payload).topic, topic);
      }
      assert.equal(node.status.subscriptions, 1);
    });
    await node.close();
    assert.equal(node.status.subscriptions, 0);
  });
});

Deno.test("a node answers a ping of 60 KiB", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (connection) => {
      const value = new Uint8Array(60 * 1024).fill(3);
      const call = { method: "mxp.ping", value };
      assert.deepEqual(await callNode(connection, call, REQUEST), value);
    });
  });
});

Deno.test("a subscriber that stops its events has no subscriptions left, and keeps those that it makes then", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (connection) => {
      const streams: TransportStream[] = [];
      connection.onStream = (stream) => void streams.push(stream);
      const publish = (topic: string): Promise<void> => {
        const event = { topic, content: encodeValue(topic) };
        return publishEvent(connection, encodeOutgoingEvent(event), REQUEST);
      };
      const subscribe = (value: string): Promise<unknown> =>
        callNode(connection, { method: "mxp.subscribe", value }, REQUEST);
      await subscribe("a");
      await publish("a");
      await until(() => streams.length === 1);
      streams[0]!.stopSending(0);
      await until(() => node.status.subscriptions === 0);
      assert.deepEqual(await subscribe("b"), { isNew: true });
      assert.deepEqual(await subscribe("a"), { isNew: true });
      await publish("b");
      await until(() => streams.length === 2);
      const message = await new MessageChannel(streams[1]!).receive();
      assert.equal(decodeEvent(message!.payload).topic, "b");
    });
  });
});

Deno.test("a node survives a stream of junk and serves the same connection on", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (connection) => {
      const stream = await connection.openStream();
      await stream.write(new Uint8Array(100).fill(0xee));
      await assert.rejects(
        async () => await stream.read(),
        (error) => error instanceof TransportError && error.closeCode === 13,
      );
      const call = { method: "mxp.ping", value: "still here" };
      assert.equal(await callNode(connection, call, REQUEST), "still here");
      await assert.rejects(
        callNode(connection, { method: "other" }, REQUEST),
        (error) => error instanceof CallError && error.code === "UNIMPLEMENTED",
      );
    });
  });
});

Deno.test("a closing node tells its peers, and requests fail with CONNECTION_LOST", async () => {
  await withNode(async (node) => {
    await withPeer(node, async (connection) => {
      await callNode(connection, { method: "mxp.ping" }, REQUEST);
      await Promise.all([node.close(), node.close()]);
      assert.equal((await connection.closed).code, "CLOSED_BY_PEER");
      await assert.rejects(
        discoverAgents(connection, { kind: "all" }, REQUEST),
        codeIs("CONNECTION_LOST"),
      );
    });
  });
});

Deno.test("Node.start() leaves a store that it was given open", async () => {
  const store = new MemoryRegistry();
  const node = await Node.start({ port: 0, store });
  await node.close();
  assert.deepEqual(store.find(0, { kind: "all" }), []);
});

Deno.test("Node.url says where agents reach the node", async () => {
  const hostOf = async (options: NodeOptions): Promise<string> => {
    const node = await Node.start({ ...options });
    const { hostname, port, publicKey } = parseMxpUrl(node.url);
    const { port: boundPort } = node.localAddress;
    assert.deepEqual(publicKey, node.publicKey);
    await node.close();
    return `${hostname} ${port === boundPort ? "bound" : port}`;
  };
  assert.equal(await hostOf({ port: 0 }), "127.0.0.1 bound");
  assert.equal(await hostOf({ bind: "0.0.0.0:0" }), "127.0.0.1 bound");
  assert.equal(await hostOf({ bind: ":0" }), "127.0.0.1 bound");
  const advertise = "mesh.example.org:7000";
  assert.equal(
    await hostOf({ bind: "127.0.0.1:0", advertise }),
    "mesh.example.org 7000",
  );
});

Deno.test("Node.start() refuses options that say nothing or two things", async () => {
  const keyPair = generateKeyPair(systemRandom);
  const identity = { keyPair } as Identity;
  const bad: NodeOptions[] = [
    { identity, keyPair },
    { bind: "127.0.0.1" },
    { bind: "127.0.0.1:0", port: 0 },
    { bind: "127.0.0.1:0", hostname: "127.0.0.1" },
    { advertise: ":9000" },
    { advertise: "a:0" },
    { dataDir: "" },
    { leaseMs: 0 },
    { leaseMs: 1.5 },
    { leaseMs: 1e9 },
    { leaseMs: 3_000, heartbeatIntervalMs: 1_000 },
  ];
  // Programs without types say these things as well.
  const untyped: unknown[] = [
    null,
    { identity: "node.key" },
    { identity: {} },
    { identity: keyPair },
    { keyPair: null },
    { keyPair: { publicKey: keyPair.publicKey } },
    { hostname: 5 },
    { bind: 9000 },
    { advertise: 9000 },
    { dataDir: 5 },
    { store: {} },
    { limits: null },
    { transport: null },
    { carrier: 1 },
    { observe: 1 },
    { onWarning: "x" },
    { clock: {} },
    { leaseMs: "5000" },
    { leaseMs: 5000n },
    { heartbeatIntervalMs: "5000" },
    { heartbeatIntervalMs: 5000n },
  ];
  for (const options of [...bad, ...untyped as NodeOptions[]]) {
    await assert.rejects(
      Node.start(options),
      codeIs("INVALID_ARGUMENT"),
      inspect(options),
    );
  }
  await withNode(async (node) => {
    const { port } = node.localAddress;
    await assert.rejects(Node.start({ port }), codeIs("ADDRESS_IN_USE"));
  });
});

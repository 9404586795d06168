/**
 * What every registry must do: one suite, run over every store. Time is
 * virtual.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type AgentRecord,
  type AgentSelector,
  type Registry,
  RegistryError,
  type RegistryErrorCode,
  type RegistryLimits,
} from "../../registry/mod.ts";

/** Makes an empty registry for one test, which closes it. */
export type OpenRegistry = (limits?: RegistryLimits) => Promise<Registry>;

const TTL_MS = 30_000;

/**
 * The agent id that tests use for a number.
 *
 * @param index 0 to 2^32 - 1.
 */
export function agentIdOf(index: number): string {
  return `00000000-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
}

/**
 * A valid record that differs by its number.
 *
 * @param index Gives the agent id, the name and the port.
 * @param changes What is different.
 */
export function recordOf(
  index: number,
  changes: Partial<AgentRecord> = {},
): AgentRecord {
  return {
    agentId: agentIdOf(index),
    name: `agent-${index}`,
    capabilities: ["summarize"],
    tags: [],
    metadata: {},
    hostname: "192.0.2.1",
    port: 9000 + index,
    publicKey: keyOf(index),
    ttlMs: TTL_MS,
    ...changes,
  };
}

/** A public key that stands for a number: 32 bytes. */
export function keyOf(index: number): Uint8Array {
  return new Uint8Array(32).fill(index & 0xff);
}

async function namesOf(
  registry: Registry,
  now: number,
  query: AgentSelector & { limit?: number },
): Promise<string[]> {
  return (await registry.find(now, query)).map((entry) => entry.name);
}

async function assertRefused(
  code: RegistryErrorCode,
  action: () => unknown,
): Promise<void> {
  await assert.rejects(
    async () => await action(),
    (error) => error instanceof RegistryError && error.code === code,
  );
}

/**
 * Registers the suite for one implementation.
 *
 * @param name What it is called in test names.
 * @param open Makes an empty registry.
 */
export function registryConformance(name: string, open: OpenRegistry): void {
  const test = (
    title: string,
    body: (registry: Registry) => Promise<void>,
    limits?: RegistryLimits,
  ): void => {
    Deno.test(`${name} ${title}`, async () => {
      const registry = await open(limits);
      try {
        await body(registry);
      } finally {
        await registry.close();
      }
    });
  };
  leaseTests(test);
  queryTests(test);
  ownershipTests(test);
  boundTests(test);
}

type AddTest = (
  title: string,
  body: (registry: Registry) => Promise<void>,
  limits?: RegistryLimits,
) => void;

function leaseTests(test: AddTest): void {
  test("register() grants a lease of three heartbeats", async (registry) => {
    const lease = await registry.register(1000, recordOf(1));
    assert.deepEqual(lease, {
      agentId: agentIdOf(1),
      ttlMs: TTL_MS,
      heartbeatIntervalMs: TTL_MS / 3,
      expiresAt: 1000 + TTL_MS,
    });
    assert.equal(registry.nextExpiry, 1000 + TTL_MS);
  });

  test("find() forgets an agent with its third missed heartbeat", async (registry) => {
    await registry.register(0, recordOf(1));
    assert.deepEqual(await namesOf(registry, TTL_MS - 1, { kind: "all" }), [
      "agent-1",
    ]);
    assert.deepEqual(await namesOf(registry, TTL_MS, { kind: "all" }), []);
  });

  test("expire() gives each retired record once, first ended first", async (registry) => {
    await registry.register(0, recordOf(1, { ttlMs: 9000 }));
    await registry.register(0, recordOf(2, { ttlMs: 3000 }));
    await registry.register(0, recordOf(3, { ttlMs: 6000 }));
    assert.deepEqual(await registry.expire(2999), []);
    const retired = await registry.expire(6000);
    assert.deepEqual(retired.map((record) => record.name), [
      "agent-2",
      "agent-3",
    ]);
    assert.deepEqual(await registry.expire(6000), []);
    assert.equal(registry.size, 1);
    assert.equal(registry.nextExpiry, 9000);
  });

  test("heartbeat() renews for one full lease", async (registry) => {
    await registry.register(0, recordOf(1));
    const update = { status: "available", load: 0 } as const;
    assert.equal(await registry.heartbeat(29_000, agentIdOf(1), update), true);
    assert.equal((await registry.find(58_999, { kind: "all" })).length, 1);
    assert.equal((await registry.find(59_000, { kind: "all" })).length, 0);
  });

  test("heartbeat() of an unknown or expired agent says so", async (registry) => {
    const update = { status: "available", load: 0 } as const;
    assert.equal(await registry.heartbeat(0, agentIdOf(1), update), false);
    await registry.register(0, recordOf(1));
    assert.equal(
      await registry.heartbeat(TTL_MS, agentIdOf(1), update),
      false,
    );
  });

  test("heartbeat() with status leaving retires at once", async (registry) => {
    await registry.register(0, recordOf(1));
    const update = { status: "leaving", load: 0 } as const;
    assert.equal(await registry.heartbeat(1, agentIdOf(1), update), true);
    assert.equal(registry.size, 0);
    assert.equal(registry.nextExpiry, undefined);
    assert.equal(await registry.heartbeat(2, agentIdOf(1), update), false);
  });

  test("heartbeat() that was overtaken renews and changes nothing else", async (registry) => {
    await registry.register(0, recordOf(1));
    const beat = (
      now: number,
      sequence: number,
      load: number,
    ): boolean | Promise<boolean> =>
      registry.heartbeat(now, agentIdOf(1), {
        status: "available",
        load,
        sequence,
      });
    await beat(1, 0xffffffff, 0.25);
    await beat(2, 0, 0.5); // 0 follows 2^32 - 1
    await beat(3, 0xffffffff, 0.75);
    const [entry] = await registry.find(3, { kind: "all" });
    assert.equal(entry?.load, 0.5);
    assert.equal(registry.nextExpiry, 3 + TTL_MS);
  });

  test("heartbeat() clamps the load to 0..1", async (registry) => {
    await registry.register(0, recordOf(1));
    for (const [load, expected] of [[7, 1], [-1, 0], [NaN, 0]] as const) {
      await registry.heartbeat(1, agentIdOf(1), { status: "available", load });
      const [entry] = await registry.find(1, { kind: "all" });
      assert.equal(entry?.load, expected);
    }
  });

  test("unregister() removes a record and says whether there was one", async (registry) => {
    await registry.register(0, recordOf(1));
    assert.equal(await registry.unregister(agentIdOf(1)), true);
    assert.equal(await registry.unregister(agentIdOf(1)), false);
    assert.equal(registry.size, 0);
  });
}

function queryTests(test: AddTest): void {
  test("find() gives back what was registered", async (registry) => {
    const record = recordOf(1, {
      capabilities: ["a", "b"],
      tags: ["eu"],
      metadata: { model: "small", ["__proto__"]: "kept" },
      hostname: "agents.example.org",
      registeredAtMs: 1_700_000_000_000,
    });
    await registry.register(0, record);
    const [entry] = await registry.find(0, { kind: "id", term: agentIdOf(1) });
    assert.deepEqual({ ...entry, publicKey: [...entry!.publicKey] }, {
      ...record,
      publicKey: [...record.publicKey],
      status: "available",
      load: 0,
    });
    assert.equal(Object.hasOwn(entry!.metadata, "__proto__"), true);
  });

  test("find() selects by capability, name, tag and id, whole words", async (registry) => {
    await registry.register(
      0,
      recordOf(1, { capabilities: ["read", "write"] }),
    );
    await registry.register(0, recordOf(2, { tags: ["read"] }));
    await registry.register(0, recordOf(3, { name: "read" }));
    const cases = [
      [{ kind: "capability", term: "read" }, ["agent-1"]],
      [{ kind: "capability", term: "rea" }, []],
      [{ kind: "capability", term: "READ" }, []],
      [{ kind: "tag", term: "read" }, ["agent-2"]],
      [{ kind: "name", term: "read" }, ["read"]],
      [{ kind: "id", term: agentIdOf(2) }, ["agent-2"]],
      [{ kind: "all" }, ["agent-1", "agent-2", "read"]],
    ] as const;
    for (const [query, expected] of cases) {
      assert.deepEqual(await namesOf(registry, 0, query), expected);
    }
  });

  test("find() puts the least loaded first and keeps to the limit", async (registry) => {
    for (const [index, load] of [[1, 0.9], [2, 0.1], [3, 0.1]] as const) {
      await registry.register(0, recordOf(index));
      await registry.heartbeat(0, agentIdOf(index), {
        status: "available",
        load,
      });
    }
    const query = { kind: "capability", term: "summarize" } as const;
    assert.deepEqual(await namesOf(registry, 0, query), [
      "agent-2",
      "agent-3",
      "agent-1",
    ]);
    assert.deepEqual(await namesOf(registry, 0, { ...query, limit: 1 }), [
      "agent-2",
    ]);
  });

  test("find() routes no work to a draining agent, yet shows it", async (registry) => {
    await registry.register(0, recordOf(1));
    await registry.heartbeat(1, agentIdOf(1), { status: "draining", load: 0 });
    const query = { kind: "capability", term: "summarize" } as const;
    assert.deepEqual(await namesOf(registry, 1, query), []);
    const [entry] = await registry.find(1, { kind: "all" });
    assert.equal(entry?.status, "draining");
  });

  test("candidateCount() tells how many records a search looks at, if the store has it", async (registry) => {
    if (registry.candidateCount === undefined) return;
    await registry.register(0, recordOf(1, { tags: ["eu"] }));
    await registry.register(0, recordOf(2, { tags: ["eu"] }));
    await registry.register(0, recordOf(3));
    await registry.heartbeat(0, agentIdOf(2), { status: "draining", load: 0 });
    const cases = [
      [{ kind: "all" }, 3],
      [{ kind: "capability", term: "summarize" }, 3],
      [{ kind: "tag", term: "eu" }, 2],
      [{ kind: "name", term: "agent-1" }, 1],
      [{ kind: "name", term: "nobody" }, 0],
      [{ kind: "id", term: agentIdOf(3) }, 1],
      [{ kind: "id", term: agentIdOf(4) }, 0],
    ] as const;
    for (const [selector, expected] of cases) {
      assert.equal(registry.candidateCount(selector), expected);
    }
    await registry.close();
    await assertRefused("CLOSED", () => registry.candidateCount?.(cases[0][0]));
  });

  test("find() refuses an empty term, a long one, and a bad limit", async (registry) => {
    for (
      const query of [
        { kind: "name", term: "" },
        { kind: "tag", term: "x".repeat(257) },
        { kind: "tag", term: "é".repeat(129) },
        { kind: "all", limit: 0 },
        { kind: "all", limit: 1001 },
        { kind: "all", limit: 1.5 },
      ] as const
    ) {
      await assertRefused("QUERY_INVALID", () => registry.find(0, query));
    }
  });

  test("register() again replaces what was said before", async (registry) => {
    await registry.register(0, recordOf(1, { capabilities: ["old"] }));
    await registry.heartbeat(1, agentIdOf(1), { status: "draining", load: 1 });
    await registry.register(2, recordOf(1, { capabilities: ["new"] }));
    assert.equal(registry.size, 1);
    assert.deepEqual(
      await namesOf(registry, 2, { kind: "capability", term: "old" }),
      [],
    );
    const [entry] = await registry.find(2, { kind: "capability", term: "new" });
    assert.equal(entry?.status, "available");
    assert.equal(entry?.load, 0);
  });
}

function ownershipTests(test: AddTest): void {
  test("register() keeps an agent id for the key that holds it", async (registry) => {
    await registry.register(0, recordOf(1));
    const thief = recordOf(1, { publicKey: keyOf(2), name: "thief" });
    await assertRefused("NOT_OWNER", () => registry.register(1, thief));
    assert.deepEqual(await namesOf(registry, 1, { kind: "all" }), ["agent-1"]);
  });

  test("register() frees an agent id when its lease has ended", async (registry) => {
    await registry.register(0, recordOf(1));
    const heir = recordOf(1, { publicKey: keyOf(2), name: "heir" });
    await registry.register(TTL_MS, heir);
    assert.deepEqual(await namesOf(registry, TTL_MS, { kind: "all" }), [
      "heir",
    ]);
  });

  test("heartbeat() and unregister() refuse another key", async (registry) => {
    await registry.register(0, recordOf(1));
    await assertRefused("NOT_OWNER", () =>
      registry.heartbeat(1, agentIdOf(1), {
        status: "leaving",
        load: 0,
        publicKey: keyOf(2),
      }));
    await assertRefused(
      "NOT_OWNER",
      () => registry.unregister(agentIdOf(1), keyOf(2)),
    );
    assert.equal(registry.size, 1);
    assert.equal(registry.nextExpiry, TTL_MS);
    assert.equal(await registry.unregister(agentIdOf(1), keyOf(1)), true);
  });

  test("register() copies the record", async (registry) => {
    const publicKey = keyOf(1);
    await registry.register(0, recordOf(1, { publicKey }));
    publicKey.fill(9);
    const [entry] = await registry.find(0, { kind: "all" });
    assert.deepEqual([...entry!.publicKey], [...keyOf(1)]);
  });
}

function boundTests(test: AddTest): void {
  test(
    "register() stops at the limit of records, not for a known agent",
    async (registry) => {
      await registry.register(0, recordOf(1));
      await registry.register(0, recordOf(2));
      await assertRefused(
        "REGISTRY_FULL",
        () => registry.register(0, recordOf(3)),
      );
      await registry.register(0, recordOf(2, { name: "again" }));
      await registry.unregister(agentIdOf(1));
      await registry.register(0, recordOf(3));
    },
    { maxRecords: 2 },
  );

  test("register() stops at the limit of one key", async (registry) => {
    const publicKey = keyOf(7);
    await registry.register(0, recordOf(1, { publicKey }));
    await registry.register(0, recordOf(2, { publicKey }));
    await assertRefused(
      "KEY_LIMIT",
      () => registry.register(0, recordOf(3, { publicKey })),
    );
    await registry.register(0, recordOf(4));
    await registry.register(0, recordOf(2, { publicKey, name: "again" }));
    await registry.unregister(agentIdOf(1));
    await registry.register(0, recordOf(3, { publicKey }));
  }, { maxRecordsPerKey: 2 });

  test("register() refuses an invalid record and stays as it was", async (registry) => {
    await registry.register(0, recordOf(1));
    await assertRefused(
      "RECORD_INVALID",
      () => registry.register(1, recordOf(1, { name: "" })),
    );
    assert.deepEqual(await namesOf(registry, 1, { kind: "all" }), ["agent-1"]);
    assert.equal(registry.nextExpiry, TTL_MS);
  });

  test("close() can be repeated and refuses every later use", async (registry) => {
    await registry.close();
    await registry.close();
    await assertRefused("CLOSED", () => registry.register(0, recordOf(1)));
    await assertRefused("CLOSED", () => registry.find(0, { kind: "all" }));
    await assertRefused("CLOSED", () => registry.expire(0));
    await assertRefused("CLOSED", () => registry.unregister(agentIdOf(1)));
    await assertRefused(
      "CLOSED",
      () =>
        registry.heartbeat(0, agentIdOf(1), { status: "available", load: 0 }),
    );
  });
}

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  agentIdOf,
  recordOf,
  registryConformance,
} from "../../tests/conformance/registry_conformance.ts";
import { RegistryError } from "../error.ts";
import { SqliteRegistry } from "./sqlite.ts";

registryConformance(
  "SqliteRegistry",
  (limits) => SqliteRegistry.open(":memory:", { now: 0, ...limits }),
);

async function withFile(
  body: (path: string) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "mxp-registry-"));
  try {
    await body(join(directory, "registry.sqlite"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A `STORE_FAILED` that says which file, and why. */
function storeFailed(path: string, reason: RegExp) {
  return (error: unknown): boolean =>
    error instanceof RegistryError && error.code === "STORE_FAILED" &&
    error.message.startsWith(`Registry file ${path}: `) &&
    reason.test(error.message);
}

Deno.test("SqliteRegistry.open() restores records with one full lease of grace", async () => {
  await withFile(async (path) => {
    const record = recordOf(1, {
      tags: ["eu"],
      metadata: { model: "small" },
      registeredAtMs: 5,
    });
    const first = await SqliteRegistry.open(path, { now: 1_000_000 });
    first.register(1_000_000, record);
    first.register(1_000_000, recordOf(2));
    first.unregister(agentIdOf(2));
    first.close();

    // Another process, another origin of time.
    const second = await SqliteRegistry.open(path, { now: 7 });
    assert.equal(second.size, 1);
    const [entry] = second.find(30_006, { kind: "tag", term: "eu" });
    assert.deepEqual({ ...entry, publicKey: [...entry!.publicKey] }, {
      ...record,
      publicKey: [...record.publicKey],
      status: "available",
      load: 0,
    });
    assert.deepEqual(
      second.expire(30_007).map(({ agentId }) => agentId),
      [agentIdOf(1)],
    );
    second.close();

    const third = await SqliteRegistry.open(path, { now: 0 });
    assert.equal(third.size, 0);
    third.close();
  });
});

Deno.test("SqliteRegistry.open() keeps the agent id for its key over a restart", async () => {
  await withFile(async (path) => {
    const first = await SqliteRegistry.open(path, { now: 0 });
    first.register(0, recordOf(1));
    first.close();
    const second = await SqliteRegistry.open(path, { now: 0 });
    const thief = recordOf(1, { publicKey: new Uint8Array(32).fill(9) });
    assert.throws(
      () => second.register(1, thief),
      (error) => error instanceof RegistryError && error.code === "NOT_OWNER",
    );
    second.close();
  });
});

Deno.test("SqliteRegistry.open() leaves out records beyond the limits", async () => {
  await withFile(async (path) => {
    const first = await SqliteRegistry.open(path, { now: 0 });
    for (const index of [1, 2, 3]) first.register(0, recordOf(index));
    first.close();
    const second = await SqliteRegistry.open(path, { now: 0, maxRecords: 2 });
    assert.deepEqual(
      second.find(0, { kind: "all" }).map(({ name }) => name),
      ["agent-1", "agent-2"],
    );
    second.close();
  });
});

Deno.test("SqliteRegistry.open() refuses a file that another registry holds", async () => {
  await withFile(async (path) => {
    const first = await SqliteRegistry.open(path, { now: 0 });
    const isHeld = storeFailed(path, /another node holds it$/);
    await assert.rejects(SqliteRegistry.open(path, { now: 0 }), isHeld);
    first.close();
    const second = await SqliteRegistry.open(path, { now: 0 });
    await assert.rejects(SqliteRegistry.open(path, { now: 0 }), isHeld);
    second.close();
  });
});

Deno.test("SqliteRegistry.open() refuses what is no registry, or a later one", async () => {
  await withFile(async (path) => {
    writeFileSync(path, "not a database, but longer than a header of one");
    await assert.rejects(
      SqliteRegistry.open(path, { now: 0 }),
      storeFailed(path, /it is no registry$/),
    );
    rmSync(path);
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 2");
    database.close();
    await assert.rejects(
      SqliteRegistry.open(path, { now: 0 }),
      storeFailed(path, /version 2 is not 1$/),
    );
    const missing = join(path, "missing");
    await assert.rejects(
      SqliteRegistry.open(missing, { now: 0 }),
      storeFailed(missing, /it cannot be used/),
    );
  });
});

Deno.test("SqliteRegistry.open() refuses a row that is no agent record", async () => {
  await withFile(async (path) => {
    const first = await SqliteRegistry.open(path, { now: 0 });
    first.register(0, recordOf(1));
    first.close();
    const database = new DatabaseSync(path);
    database.exec("UPDATE agent SET capabilities = '{'");
    database.close();
    await assert.rejects(
      SqliteRegistry.open(path, { now: 0 }),
      storeFailed(path, /it cannot be used/),
    );
  });
});

/** Makes a file in which SQLite ends transactions by itself, as on a full disk. */
async function failOn(path: string, change: string): Promise<void> {
  (await SqliteRegistry.open(path, { now: 0 })).close();
  const database = new DatabaseSync(path);
  database.exec(`CREATE TRIGGER full BEFORE ${change} BEGIN
    SELECT RAISE(ROLLBACK, 'database or disk is full');
  END`);
  database.close();
}

Deno.test("SqliteRegistry says why a change could not be written", () =>
  withFile(async (path) => {
    await failOn(path, "INSERT ON agent");
    const registry = await SqliteRegistry.open(path, { now: 0 });
    assert.throws(
      () => registry.register(0, recordOf(1)),
      storeFailed(path, /could not be written \(database or disk is full\)$/),
    );
    assert.equal(registry.size, 0);
    registry.close();
  }));

Deno.test("SqliteRegistry forgets at once who leaves, and in the file as soon as it can be written", () =>
  withFile(async (path) => {
    const emptyAtMs = Date.now() + 200;
    await failOn(
      path,
      `DELETE ON agent WHEN unixepoch('subsec') * 1000 < ${emptyAtMs}`,
    );
    const registry = await SqliteRegistry.open(path, { now: 0 });
    for (const index of [1, 2, 3]) registry.register(0, recordOf(index));
    assert.equal(registry.unregister(agentIdOf(1)), true);
    const leaving = { status: "leaving", load: 0 } as const;
    assert.equal(registry.heartbeat(0, agentIdOf(2), leaving), true);
    assert.equal(registry.expire(60_000).length, 1);
    assert.equal(registry.size, 0);
    for (;;) {
      try {
        registry.register(60_000, recordOf(2));
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    registry.close();
    const next = await SqliteRegistry.open(path, { now: 0 });
    assert.deepEqual(
      next.find(0, { kind: "all" }).map(({ agentId }) => agentId),
      [agentIdOf(2)],
    );
    next.close();
  }));

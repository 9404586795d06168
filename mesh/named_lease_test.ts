import assert from "node:assert/strict";
import type { AgentRecord } from "../registry/mod.ts";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { DIAL_PATIENCE_MS } from "./config.ts";
import { Directory } from "./directory.ts";
import { leaseWhileNamed } from "./named_lease.ts";
import type { PeerLease } from "./peer_connections.ts";
import type { RegistryTarget } from "./target.ts";

const TARGET: RegistryTarget = { kind: "name", term: "a", key: "name a" };
const RECORD: AgentRecord = {
  agentId: "00000000-0000-4000-8000-000000000001",
  name: "a",
  capabilities: [],
  tags: [],
  metadata: {},
  hostname: "127.0.0.1",
  port: 1_001,
  publicKey: new Uint8Array(32),
  ttlMs: 1_000,
};

/** An agent that is named first, and whatever the node says then. */
async function create(answer: () => Promise<AgentRecord[]>) {
  const clock = new TimerClock();
  let askedCount = 0;
  const directory = new Directory({
    clock,
    ownId: "",
    isNodeAway: () => false,
    isSilent: () => false,
    discover: () => askedCount++ === 0 ? Promise.resolve([RECORD]) : answer(),
  });
  const [peer] = await directory.find(TARGET);
  const acquiring = Promise.withResolvers<PeerLease>();
  const lease = { connection: {} as TransportConnection, releaseCount: 0 };
  const options = { directory, peer: peer!, clock };
  return {
    clock,
    lease,
    acquire: () =>
      acquiring.resolve({
        connection: lease.connection,
        release: () => lease.releaseCount++,
      }),
    refuse: (reason: unknown) => acquiring.reject(reason),
    leasing: leaseWhileNamed(acquiring.promise, options),
    askedCount: () => askedCount,
  };
}

const fail = () => Promise.reject(new Error("Test: away"));

Deno.test("leaseWhileNamed() asks nobody when the connection comes in time, or fails", async () => {
  const made = await create(fail);
  made.acquire();
  assert.equal((await made.leasing).connection, made.lease.connection);
  const failed = await create(fail);
  failed.refuse(new Error("Test: refused"));
  await assert.rejects(failed.leasing, /refused/);
  for (const { clock, askedCount } of [made, failed]) {
    assert.equal(clock.timerCount, 0);
    assert.equal(askedCount(), 1);
  }
});

Deno.test("leaseWhileNamed() waits on for an agent that the node names, or cannot be asked about", async () => {
  for (const answer of [() => Promise.resolve([RECORD]), fail]) {
    const { clock, leasing, acquire, lease, askedCount } = await create(answer);
    for (const waitMs of [DIAL_PATIENCE_MS, 2 * DIAL_PATIENCE_MS]) {
      clock.advance(waitMs);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
    acquire();
    assert.equal((await leasing).connection, lease.connection);
    assert.equal(askedCount(), 3);
    assert.equal(clock.timerCount, 0);
    assert.equal(lease.releaseCount, 0);
  }
});

Deno.test("leaseWhileNamed() gives up an agent that the node does not name any more, and a late connection", async () => {
  const moved = { ...RECORD, port: 1_002 };
  for (const records of [[], [moved]]) {
    const { clock, leasing, acquire, lease } = await create(() =>
      Promise.resolve(records)
    );
    clock.advance(DIAL_PATIENCE_MS);
    await assert.rejects(
      leasing,
      (error) =>
        error instanceof TransportError &&
        error.code === "HANDSHAKE_TIMEOUT" &&
        error.message.endsWith("the node does not name it any more"),
    );
    acquire();
    await Promise.resolve();
    assert.equal(lease.releaseCount, 1);
  }
});

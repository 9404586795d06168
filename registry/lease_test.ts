import assert from "node:assert/strict";
import fc from "fast-check";
import { heartbeatIntervalMs, LeaseTable } from "./lease.ts";

Deno.test("heartbeatIntervalMs() is a third of the lease and never 0", () => {
  assert.equal(heartbeatIntervalMs(30_000), 10_000);
  assert.equal(heartbeatIntervalMs(10_000), 3333);
  assert.equal(heartbeatIntervalMs(1), 1);
});

Deno.test("LeaseTable.renew() refuses a lease that has ended", () => {
  const leases = new LeaseTable();
  leases.grant(0, "a", 10);
  assert.equal(leases.renew(9, "a"), true);
  assert.equal(leases.isAlive(18, "a"), true);
  assert.equal(leases.renew(19, "a"), false);
  assert.equal(leases.isAlive(19, "a"), false);
});

Deno.test("LeaseTable.grant() again changes the length", () => {
  const leases = new LeaseTable();
  leases.grant(0, "a", 100);
  assert.equal(leases.grant(1, "a", 10).expiresAt, 11);
  assert.equal(leases.nextExpiry, 11);
  assert.equal(leases.size, 1);
});

Deno.test("LeaseTable keeps the earliest expiry first over any operations", () => {
  const operation = fc.record({
    kind: fc.constantFrom("grant", "renew", "remove"),
    agentId: fc.integer({ min: 0, max: 20 }).map(String),
    ttlMs: fc.integer({ min: 1, max: 100 }),
    waitMs: fc.integer({ min: 0, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      const leases = new LeaseTable();
      const model = new Map<string, { ttlMs: number; expiresAt: number }>();
      let now = 0;
      for (const { kind, agentId, ttlMs, waitMs } of operations) {
        now += waitMs;
        const known = model.get(agentId);
        if (kind === "grant") {
          leases.grant(now, agentId, ttlMs);
          model.set(agentId, { ttlMs, expiresAt: now + ttlMs });
        } else if (kind === "renew") {
          const isRenewed = known !== undefined && known.expiresAt > now;
          assert.equal(leases.renew(now, agentId), isRenewed);
          if (isRenewed) known.expiresAt = now + known.ttlMs;
        } else {
          assert.equal(leases.remove(agentId), model.delete(agentId));
        }
        const expiries = [...model.values()].map(({ expiresAt }) => expiresAt);
        assert.equal(
          leases.nextExpiry,
          expiries.length === 0 ? undefined : Math.min(...expiries),
        );
        const expired = leases.expired(now);
        assert.deepEqual(
          [...expired].sort(),
          [...model].filter(([, lease]) => lease.expiresAt <= now)
            .map(([id]) => id).sort(),
        );
        const times = expired.map((id) => model.get(id)!.expiresAt);
        assert.deepEqual(times, times.toSorted((a, b) => a - b));
      }
    }),
  );
});

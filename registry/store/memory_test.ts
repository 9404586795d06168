import assert from "node:assert/strict";
import fc from "fast-check";
import {
  agentIdOf,
  keyOf,
  recordOf,
  registryConformance,
} from "../../tests/conformance/registry_conformance.ts";
import { RegistryError } from "../error.ts";
import { MemoryRegistry } from "./memory.ts";

registryConformance(
  "MemoryRegistry",
  (limits) => Promise.resolve(new MemoryRegistry(limits)),
);

Deno.test("MemoryRegistry refuses limits that are no positive integers", () => {
  for (const maxRecords of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(
      () => new MemoryRegistry({ maxRecords }),
      (error) =>
        error instanceof RegistryError && error.code === "RECORD_INVALID",
    );
  }
});

interface Step {
  readonly kind: "register" | "heartbeat" | "unregister" | "expire";
  readonly index: number;
  readonly capability: string;
  readonly ttlMs: number;
  readonly waitMs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("register", "heartbeat", "unregister", "expire"),
  index: fc.integer({ min: 1, max: 6 }),
  capability: fc.constantFrom("a", "b"),
  ttlMs: fc.integer({ min: 1, max: 50 }),
  waitMs: fc.integer({ min: 0, max: 20 }),
});

Deno.test("MemoryRegistry agrees with a plain list over any sequence of operations", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const registry = new MemoryRegistry();
    const model = new Map<
      string,
      { capability: string; ttlMs: number; expiresAt: number }
    >();
    let now = 0;
    for (const { kind, index, capability, ttlMs, waitMs } of steps) {
      now += waitMs;
      const agentId = agentIdOf(index);
      const known = model.get(agentId);
      const isAlive = known !== undefined && known.expiresAt > now;
      if (kind === "register") {
        registry.register(
          now,
          recordOf(index, { capabilities: [capability], ttlMs }),
        );
        model.set(agentId, { capability, ttlMs, expiresAt: now + ttlMs });
      } else if (kind === "heartbeat") {
        const update = { status: "available", load: 0 } as const;
        assert.equal(registry.heartbeat(now, agentId, update), isAlive);
        if (isAlive) known.expiresAt = now + known.ttlMs;
      } else if (kind === "unregister") {
        assert.equal(
          registry.unregister(agentId, keyOf(index)),
          model.delete(agentId),
        );
      } else {
        const ended = [...model].filter(([, { expiresAt }]) => expiresAt <= now)
          .map(([id]) => id);
        for (const id of ended) model.delete(id);
        assert.deepEqual(
          registry.expire(now).map((record) => record.agentId).sort(),
          ended.sort(),
        );
      }
      const expiries = [...model.values()].map(({ expiresAt }) => expiresAt);
      assert.equal(registry.size, model.size);
      assert.equal(
        registry.nextExpiry,
        expiries.length === 0 ? undefined : Math.min(...expiries),
      );
      for (const term of ["a", "b"]) {
        const expected = [...model].filter(([, row]) =>
          row.capability === term && row.expiresAt > now
        ).map(([id]) => id);
        assert.deepEqual(
          registry.find(now, { kind: "capability", term })
            .map((entry) => entry.agentId).sort(),
          expected.sort(),
        );
      }
    }
  }));
});

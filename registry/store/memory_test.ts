import assert from "node:assert/strict";
import fc from "fast-check";
import {
  agentIdOf,
  keyOf,
  recordOf,
  registryConformance,
} from "../../tests/conformance/registry_conformance.ts";
import type { AgentEntry } from "../agent_record.ts";
import { RegistryError } from "../error.ts";
import type { AgentSelector } from "../query.ts";
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

const agent = fc.record({
  load: fc.constantFrom(0, 0.25, 0.5, 1),
  status: fc.constantFrom("available" as const, "draining" as const),
  capability: fc.constantFrom("a", "b"),
  ttlMs: fc.constantFrom(10, 1000),
  isAgain: fc.boolean(),
});

Deno.test("MemoryRegistry.find() gives what sorting every match and taking the first ones would", () => {
  fc.assert(fc.property(
    fc.array(agent, { maxLength: 200, size: "max" }),
    fc.integer({ min: 1, max: 60 }),
    fc.constantFrom(0, 10, 1000),
    (agents, limit, now) => {
      const registry = new MemoryRegistry();
      for (
        const [index, { load, status, capability, ttlMs }] of agents.entries()
      ) {
        const capabilities = [capability];
        registry.register(0, recordOf(index, { capabilities, ttlMs }));
        registry.heartbeat(0, agentIdOf(index), { status, load });
      }
      // Who registers again keeps its place, and is available and idle.
      for (const [index, { isAgain, capability, ttlMs }] of agents.entries()) {
        if (!isAgain) continue;
        const capabilities = [capability];
        registry.register(0, recordOf(index, { capabilities, ttlMs }));
      }
      const sorted = agents
        .map((each, index) => ({
          ...each,
          agentId: agentIdOf(index),
          ...(each.isAgain ? { load: 0, status: "available" as const } : {}),
        }))
        .filter(({ ttlMs }) => ttlMs > now)
        .sort((a, b) => a.load - b.load);
      const check = (query: AgentSelector, expected: typeof sorted): void =>
        assert.deepEqual(
          registry.find(now, { ...query, limit }).map(toFound),
          expected.slice(0, limit).map(toFound),
        );
      check({ kind: "all" }, sorted);
      for (const term of ["a", "b"]) {
        const isWanted = ({ capability, status }: (typeof sorted)[number]) =>
          capability === term && status === "available";
        check({ kind: "capability", term }, sorted.filter(isWanted));
      }
    },
  ));
});

function toFound(
  { agentId, status, load }: Pick<AgentEntry, "agentId" | "status" | "load">,
): object {
  return { agentId, status, load };
}

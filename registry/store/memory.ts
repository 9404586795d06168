/**
 * A registry that lives as long as its process.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import type { AgentEntry, AgentRecord } from "../agent_record.ts";
import { AgentTable } from "../agent_table.ts";
import { type RegistryLimits, resolveRegistryLimits } from "../config.ts";
import { RegistryError } from "../error.ts";
import type { Lease } from "../lease.ts";
import type { AgentSelector, RegistryQuery } from "../query.ts";
import type { HeartbeatUpdate, Registry } from "../registry.ts";

/**
 * Keeps its records in memory and answers at once.
 *
 * @example Usage
 * ```ts
 * import { MemoryRegistry } from "@mxp/core/registry";
 * import assert from "node:assert/strict";
 *
 * const registry = new MemoryRegistry();
 * registry.register(0, {
 *   agentId: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
 *   name: "writer",
 *   capabilities: ["write"],
 *   tags: [],
 *   metadata: {},
 *   hostname: "127.0.0.1",
 *   port: 9001,
 *   publicKey: new Uint8Array(32),
 *   ttlMs: 30_000,
 * });
 * const query = { kind: "capability", term: "write" } as const;
 * assert.equal(registry.find(29_999, query).length, 1);
 * assert.equal(registry.find(30_000, query).length, 0);
 * ```
 */
export class MemoryRegistry implements Registry {
  readonly #table: AgentTable;
  #isClosed = false;

  /**
   * Makes an empty registry.
   *
   * @param limits Bounds on what the registry keeps.
   */
  constructor(limits: RegistryLimits = {}) {
    this.#table = new AgentTable(resolveRegistryLimits(limits));
  }

  /** How many records there are, expired ones included until swept. */
  get size(): number {
    return this.#table.size;
  }

  /** When the next lease ends. */
  get nextExpiry(): Instant | undefined {
    return this.#table.nextExpiry;
  }

  /** Adds or replaces a record: see {@linkcode Registry.register}. */
  register(now: Instant, record: AgentRecord): Lease {
    this.#checkOpen();
    return this.#table.put(now, this.#table.check(now, record));
  }

  /** Renews a lease: see {@linkcode Registry.heartbeat}. */
  heartbeat(now: Instant, agentId: string, update: HeartbeatUpdate): boolean {
    this.#checkOpen();
    const isKnown = this.#table.renew(now, agentId, update);
    if (isKnown && update.status === "leaving") this.#table.remove(agentId);
    return isKnown;
  }

  /** Removes a record: see {@linkcode Registry.unregister}. */
  unregister(agentId: string, publicKey?: Uint8Array): boolean {
    this.#checkOpen();
    if (!this.#table.checkRemoval(agentId, publicKey)) return false;
    this.#table.remove(agentId);
    return true;
  }

  /** Looks for agents: see {@linkcode Registry.find}. */
  find(now: Instant, query: RegistryQuery): AgentEntry[] {
    this.#checkOpen();
    return this.#table.find(now, query);
  }

  /** Counts what has to be looked at: see {@linkcode Registry.candidateCount}. */
  candidateCount(selector: AgentSelector): number {
    this.#checkOpen();
    return this.#table.candidateCount(selector);
  }

  /** Removes what has expired: see {@linkcode Registry.expire}. */
  expire(now: Instant): AgentRecord[] {
    this.#checkOpen();
    return this.#table.expired(now).map((agentId) =>
      this.#table.remove(agentId)!
    );
  }

  /** Refuses every use from now on. Idempotent. */
  close(): void {
    this.#isClosed = true;
  }

  #checkOpen(): void {
    if (this.#isClosed) {
      throw new RegistryError("CLOSED", "Registry: it is closed");
    }
  }
}

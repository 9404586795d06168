/**
 * Records, leases and indexes in memory: the working set under every store on
 * this machine.
 *
 * @module
 */
import { Foremost } from "../internal/foremost.ts";
import type { Instant } from "../internal/instant.ts";
import {
  type AgentEntry,
  type AgentRecord,
  type AgentStatus,
  isSameKey,
  validateRecord,
} from "./agent_record.ts";
import type { RegistryLimits } from "./config.ts";
import { RegistryError } from "./error.ts";
import { type Lease, LeaseTable } from "./lease.ts";
import {
  type AgentSelector,
  type RegistryQuery,
  takesEveryStatus,
  validateQuery,
} from "./query.ts";
import type { HeartbeatUpdate } from "./registry.ts";

interface Row {
  readonly record: AgentRecord;
  /** Place in the order of registration. */
  readonly order: number;
  readonly keyText: string;
  status: AgentStatus;
  load: number;
  sequence: number | undefined;
}

/** Rows that can be counted: a set of them, or a map to them. */
type Candidates = Pick<ReadonlySet<Row>, "size" | "values">;

const NO_ROWS: Candidates = new Set<Row>();

/** The three indexes that queries use. */
type IndexName = "capability" | "name" | "tag";

/**
 * Checks first, changes after: a store calls {@linkcode AgentTable.check},
 * writes what it writes, then calls {@linkcode AgentTable.put}, which cannot
 * fail.
 */
export class AgentTable {
  readonly #limits: Required<RegistryLimits>;
  readonly #rows: Map<string, Row> = new Map();
  readonly #leases: LeaseTable = new LeaseTable();
  readonly #countByKey: Map<string, number> = new Map();
  readonly #indexes: Record<IndexName, Map<string, Set<Row>>> = {
    capability: new Map(),
    name: new Map(),
    tag: new Map(),
  };
  #nextOrder = 0;

  /**
   * Makes an empty table.
   *
   * @param limits Bounds on what the table keeps.
   */
  constructor(limits: Required<RegistryLimits>) {
    this.#limits = limits;
  }

  /** How many records there are, expired ones included. */
  get size(): number {
    return this.#rows.size;
  }

  /** When the next lease ends. */
  get nextExpiry(): Instant | undefined {
    return this.#leases.nextExpiry;
  }

  /** The record of an agent, expired or not. */
  get(agentId: string): AgentRecord | undefined {
    return this.#rows.get(agentId)?.record;
  }

  /**
   * Decides whether a record may be registered. Changes nothing.
   *
   * @param now The time.
   * @param record The record; copied.
   * @returns A checked copy for {@linkcode AgentTable.put}.
   * @throws {RegistryError} As {@linkcode Registry.register} says.
   */
  check(now: Instant, record: AgentRecord): AgentRecord {
    const checked = validateRecord(record);
    const known = this.#rows.get(checked.agentId);
    if (known !== undefined && this.#leases.isAlive(now, checked.agentId)) {
      checkOwner(known.record, checked.publicKey);
    }
    const keyText = keyToText(checked.publicKey);
    if (known === undefined && this.size >= this.#limits.maxRecords) {
      throw new RegistryError(
        "REGISTRY_FULL",
        `Registry: it holds its ${this.#limits.maxRecords} records`,
        { fault: "internal" },
      );
    }
    const held = this.#countByKey.get(keyText) ?? 0;
    if (
      known?.keyText !== keyText && held >= this.#limits.maxRecordsPerKey
    ) {
      throw new RegistryError(
        "KEY_LIMIT",
        `Registry: this key holds its ${this.#limits.maxRecordsPerKey} records`,
        { fault: "peer" },
      );
    }
    return checked;
  }

  /**
   * Adds or replaces a record that was checked, and starts its lease.
   *
   * @param now The time.
   * @param record What {@linkcode AgentTable.check} returned.
   */
  put(now: Instant, record: AgentRecord): Lease {
    const known = this.#rows.get(record.agentId);
    if (known !== undefined) this.remove(record.agentId);
    const row: Row = {
      record,
      order: known?.order ?? this.#nextOrder++,
      keyText: keyToText(record.publicKey),
      status: "available",
      load: 0,
      sequence: undefined,
    };
    this.#rows.set(record.agentId, row);
    const held = this.#countByKey.get(row.keyText) ?? 0;
    this.#countByKey.set(row.keyText, held + 1);
    for (const [index, term] of indexTerms(record)) {
      const rows = this.#indexes[index].get(term);
      if (rows === undefined) this.#indexes[index].set(term, new Set([row]));
      else rows.add(row);
    }
    return this.#leases.grant(now, record.agentId, record.ttlMs);
  }

  /**
   * Renews a lease. `leaving` is not handled here: the store removes then.
   *
   * @param now The time.
   * @param agentId Whose lease.
   * @param update What the agent says.
   * @returns Whether the agent is registered.
   * @throws {RegistryError} `NOT_OWNER`.
   */
  renew(now: Instant, agentId: string, update: HeartbeatUpdate): boolean {
    const row = this.#rows.get(agentId);
    if (row === undefined || !this.#leases.isAlive(now, agentId)) return false;
    if (update.publicKey !== undefined) {
      checkOwner(row.record, update.publicKey);
    }
    this.#leases.renew(now, agentId);
    if (update.status === "leaving") return true;
    if (isOlder(update.sequence, row.sequence)) return true;
    row.sequence = update.sequence;
    row.status = update.status;
    row.load = Number.isNaN(update.load)
      ? 0
      : Math.min(1, Math.max(0, update.load));
    return true;
  }

  /**
   * Decides whether a record may be removed. Changes nothing.
   *
   * @param agentId Whose record.
   * @param publicKey Must be the record's when given.
   * @returns Whether there is such a record.
   * @throws {RegistryError} `NOT_OWNER`.
   */
  checkRemoval(agentId: string, publicKey: Uint8Array | undefined): boolean {
    const row = this.#rows.get(agentId);
    if (row === undefined) return false;
    if (publicKey !== undefined) checkOwner(row.record, publicKey);
    return true;
  }

  /**
   * Removes a record if it is there.
   *
   * @param agentId Whose record.
   * @returns What was removed.
   */
  remove(agentId: string): AgentRecord | undefined {
    const row = this.#rows.get(agentId);
    if (row === undefined) return undefined;
    this.#rows.delete(agentId);
    this.#leases.remove(agentId);
    const held = this.#countByKey.get(row.keyText) ?? 0;
    if (held > 1) this.#countByKey.set(row.keyText, held - 1);
    else this.#countByKey.delete(row.keyText);
    for (const [index, term] of indexTerms(row.record)) {
      const rows = this.#indexes[index].get(term);
      rows?.delete(row);
      if (rows?.size === 0) this.#indexes[index].delete(term);
    }
    return row.record;
  }

  /** The agents whose lease has ended, earliest first. */
  expired(now: Instant): string[] {
    return this.#leases.expired(now);
  }

  /**
   * Looks for agents.
   *
   * @param now The time.
   * @param query What to look for.
   * @throws {RegistryError} `QUERY_INVALID`.
   */
  find(now: Instant, query: RegistryQuery): AgentEntry[] {
    const limit = validateQuery(query);
    const isAnyStatus = takesEveryStatus(query);
    // As a rule nothing has expired: then no lease is looked up.
    const isAnyExpired = (this.nextExpiry ?? Infinity) <= now;
    const found = new Foremost(limit, compareRows);
    for (const row of this.#candidates(query).values()) {
      if (!isAnyStatus && row.status !== "available") continue;
      if (isAnyExpired && !this.#leases.isAlive(now, row.record.agentId)) {
        continue;
      }
      found.add(row);
    }
    return found.finish().map(({ record, status, load }) => ({
      ...record,
      status,
      load,
    }));
  }

  /**
   * Counts the records that {@linkcode AgentTable.find} looks at.
   *
   * @param selector What is looked for.
   */
  candidateCount(selector: AgentSelector): number {
    return this.#candidates(selector).size;
  }

  /** The rows that are asked for, whatever their status and their lease. */
  #candidates(selector: AgentSelector): Candidates {
    if (selector.kind === "all") return this.#rows;
    if (selector.kind === "id") {
      const row = this.#rows.get(selector.term);
      return row === undefined ? NO_ROWS : new Set([row]);
    }
    return this.#indexes[selector.kind].get(selector.term) ?? NO_ROWS;
  }
}

/** The least loaded first; among equals, the longest registered. */
function compareRows(a: Row, b: Row): number {
  return a.load - b.load || a.order - b.order;
}

function checkOwner(record: AgentRecord, publicKey: Uint8Array): void {
  if (!isSameKey(record.publicKey, publicKey)) {
    throw new RegistryError(
      "NOT_OWNER",
      `Agent ${record.agentId}: it is registered by another key`,
      { fault: "peer" },
    );
  }
}

/** Whether `sequence` comes before `last` on the circle of 32 bits. */
function isOlder(
  sequence: number | undefined,
  last: number | undefined,
): boolean {
  if (sequence === undefined || last === undefined) return false;
  return ((sequence - last) | 0) < 0;
}

function* indexTerms(record: AgentRecord): Generator<[IndexName, string]> {
  yield ["name", record.name];
  for (const capability of record.capabilities) {
    yield ["capability", capability];
  }
  for (const tag of record.tags) yield ["tag", tag];
}

function keyToText(publicKey: Uint8Array): string {
  return String.fromCharCode(...publicKey);
}

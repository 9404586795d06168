/**
 * A registry that survives a restart, in one SQLite file.
 *
 * The file holds the records and nothing about time: leases live in memory,
 * so heartbeats write nothing, and queries read nothing. When the file is
 * opened, every record gets one full lease of grace.
 *
 * `node:sqlite` is loaded when a file is opened, not when this module is:
 * runtimes without it (Node 20) can still load the library.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Instant } from "../../internal/instant.ts";
import {
  type AgentEntry,
  type AgentRecord,
  isSameRecord,
} from "../agent_record.ts";
import { AgentTable } from "../agent_table.ts";
import { type RegistryLimits, resolveRegistryLimits } from "../config.ts";
import { RegistryError } from "../error.ts";
import type { Lease } from "../lease.ts";
import type { AgentSelector, RegistryQuery } from "../query.ts";
import type { HeartbeatUpdate, Registry } from "../registry.ts";

/** Version of the tables, kept in the file's `user_version`. */
const SCHEMA_VERSION = 1;

// synchronous=FULL: only then a commit survives a power cut. The exclusive
// lock keeps a second node out of the same file.
const PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
`;

const SCHEMA = `
  CREATE TABLE agent (
    agent_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    hostname TEXT NOT NULL,
    port INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    ttl_ms INTEGER NOT NULL,
    registered_at_ms INTEGER
  ) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

const UPSERT = `
  INSERT OR REPLACE INTO agent (
    agent_id, name, capabilities, tags, metadata,
    hostname, port, public_key, ttl_ms, registered_at_ms
  ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
`;

/** Options of {@linkcode SqliteRegistry.open}. */
export interface SqliteRegistryOptions extends RegistryLimits {
  /** The time: the restored leases start here. */
  readonly now: Instant;
}

/** Keeps its records in one SQLite file and answers from memory. */
export class SqliteRegistry implements Registry {
  readonly #table: AgentTable;
  readonly #database: DatabaseSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #path: string;
  /** Removed, and still in the file. */
  readonly #undeleted = new Set<string>();
  #isClosed = false;

  private constructor(
    database: DatabaseSync,
    table: AgentTable,
    path: string,
  ) {
    this.#database = database;
    this.#table = table;
    this.#path = path;
    this.#upsert = database.prepare(UPSERT);
    this.#delete = database.prepare("DELETE FROM agent WHERE agent_id = ?");
  }

  /**
   * Opens a file, making it when it does not exist, and restores its records.
   * Records beyond the limits are left out, oldest kept first.
   *
   * @param path Where the file is.
   * @param options The time and the limits.
   * @returns The registry: close it.
   * @throws {RegistryError} `STORE_FAILED` when the runtime has no SQLite, the
   * file is in use, is no registry, or is of a later version.
   */
  static async open(
    path: string,
    options: SqliteRegistryOptions,
  ): Promise<SqliteRegistry> {
    const table = new AgentTable(resolveRegistryLimits(options));
    const sqlite = await loadSqlite(path);
    let database: DatabaseSync | undefined;
    try {
      database = new sqlite.DatabaseSync(path);
      prepareSchema(database, path);
      restore(database, table, options.now);
      return new SqliteRegistry(database, table, path);
    } catch (error) {
      database?.close();
      throw storeError(path, openingProblem(error), error);
    }
  }

  /** How many records there are, expired ones included until swept. */
  get size(): number {
    return this.#table.size;
  }

  /** When the next lease ends. */
  get nextExpiry(): Instant | undefined {
    return this.#table.nextExpiry;
  }

  /**
   * Adds or replaces a record: see {@linkcode Registry.register}. On return
   * it is on the disk. A record that says nothing new is not written again.
   */
  register(now: Instant, record: AgentRecord): Lease {
    this.#checkOpen();
    const checked = this.#table.check(now, record);
    const known = this.#table.get(checked.agentId);
    if (known === undefined || !isSameRecord(known, checked)) {
      this.#write(() => this.#upsert.run(...toColumns(checked)));
    }
    return this.#table.put(now, checked);
  }

  /** Renews a lease: see {@linkcode Registry.heartbeat}. */
  heartbeat(now: Instant, agentId: string, update: HeartbeatUpdate): boolean {
    this.#checkOpen();
    const isKnown = this.#table.renew(now, agentId, update);
    if (isKnown && update.status === "leaving") this.#remove([agentId]);
    return isKnown;
  }

  /** Removes a record: see {@linkcode Registry.unregister}. */
  unregister(agentId: string, publicKey?: Uint8Array): boolean {
    this.#checkOpen();
    if (!this.#table.checkRemoval(agentId, publicKey)) return false;
    this.#remove([agentId]);
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

  /** Removes what has expired, in one transaction: see {@linkcode Registry.expire}. */
  expire(now: Instant): AgentRecord[] {
    this.#checkOpen();
    return this.#remove(this.#table.expired(now));
  }

  /** Closes the file. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  /**
   * From memory at once, so that nobody is sent to it; from the file now or with
   * the next change. A row that outlives a restart has one lease of grace.
   */
  #remove(agentIds: readonly string[]): AgentRecord[] {
    if (agentIds.length === 0) return [];
    for (const agentId of agentIds) this.#undeleted.add(agentId);
    try {
      this.#write(() => {});
    } catch {
      // What cannot be written will be reported by who needs it to be.
    }
    return agentIds.map((agentId) => this.#table.remove(agentId)!);
  }

  #write(change: () => void): void {
    try {
      transact(this.#database, () => {
        for (const agentId of this.#undeleted) this.#delete.run(agentId);
        change();
      });
      this.#undeleted.clear();
    } catch (error) {
      const detail = `a change could not be written (${
        (error as Error).message
      })`;
      throw storeError(this.#path, detail, error);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) {
      throw new RegistryError("CLOSED", "Registry: it is closed");
    }
  }
}

async function loadSqlite(
  path: string,
): Promise<typeof import("node:sqlite")> {
  try {
    return await import("node:sqlite");
  } catch (error) {
    const detail = "this runtime has no SQLite (Node from 22.13 and Deno have)";
    throw storeError(path, detail, error);
  }
}

function prepareSchema(database: DatabaseSync, path: string): void {
  database.exec(PRAGMAS);
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (version === SCHEMA_VERSION) {
    // An empty write takes the exclusive lock now, not at the first agent.
    transact(database, () => {
      database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    });
    return;
  }
  if (version !== 0) {
    throw new RegistryError(
      "STORE_FAILED",
      `Registry file ${path}: version ${version} is not ${SCHEMA_VERSION}`,
    );
  }
  transact(database, () => database.exec(SCHEMA));
}

function transact(database: DatabaseSync, change: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    change();
    database.exec("COMMIT");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // Some errors, that of a disk that is full too, have ended it already.
  }
}

function restore(
  database: DatabaseSync,
  table: AgentTable,
  now: Instant,
): void {
  const rows = database.prepare("SELECT * FROM agent ORDER BY rowid").all();
  for (const row of rows) {
    const record = fromColumns(row as unknown as AgentColumns);
    try {
      table.put(now, table.check(now, record));
    } catch (error) {
      const code = error instanceof RegistryError ? error.code : undefined;
      if (code !== "REGISTRY_FULL" && code !== "KEY_LIMIT") throw error;
    }
  }
}

/** One row, as SQLite gives it. */
interface AgentColumns {
  readonly agent_id: string;
  readonly name: string;
  readonly capabilities: string;
  readonly tags: string;
  readonly metadata: string;
  readonly hostname: string;
  readonly port: number;
  readonly public_key: Uint8Array;
  readonly ttl_ms: number;
  readonly registered_at_ms: number | null;
}

function toColumns(
  record: AgentRecord,
): (string | number | Uint8Array | null)[] {
  return [
    record.agentId,
    record.name,
    JSON.stringify(record.capabilities),
    JSON.stringify(record.tags),
    JSON.stringify(record.metadata),
    record.hostname,
    record.port,
    record.publicKey,
    record.ttlMs,
    record.registeredAtMs ?? null,
  ];
}

function fromColumns(row: AgentColumns): AgentRecord {
  return {
    agentId: row.agent_id,
    name: row.name,
    capabilities: JSON.parse(row.capabilities),
    tags: JSON.parse(row.tags),
    metadata: JSON.parse(row.metadata),
    hostname: row.hostname,
    port: row.port,
    publicKey: row.public_key,
    ttlMs: row.ttl_ms,
    ...(row.registered_at_ms === null
      ? {}
      : { registeredAtMs: row.registered_at_ms }),
  };
}

function openingProblem(error: unknown): string {
  const { message } = error as Error;
  // SQLite's own words: Deno gives no number with them.
  if (message === "database is locked") return "another node holds it";
  if (message === "file is not a database") return "it is no registry";
  return `it cannot be used (${message})`;
}

function storeError(
  path: string,
  detail: string,
  cause: unknown,
): RegistryError {
  if (cause instanceof RegistryError && cause.code === "STORE_FAILED") {
    return cause;
  }
  return new RegistryError("STORE_FAILED", `Registry file ${path}: ${detail}`, {
    fault: "internal",
    cause,
  });
}

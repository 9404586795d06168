/**
 * What every registry does, whatever keeps its records.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import type { AgentEntry, AgentRecord, AgentStatus } from "./agent_record.ts";
import type { Lease } from "./lease.ts";
import type { AgentSelector, RegistryQuery } from "./query.ts";

/** What a heartbeat says. */
export interface HeartbeatUpdate {
  /** Whether the agent takes new calls; `leaving` retires it at once. */
  readonly status: AgentStatus;
  /** How busy the agent is, from 0 to 1; clamped. */
  readonly load: number;
  /**
   * Counts the agent's heartbeats since it registered, as 32 bits that wrap.
   * One that is older than the last renews the lease and changes nothing
   * else, because heartbeats may overtake each other.
   */
  readonly sequence?: number;
  /** The key that the sender proved to own; must be the record's when given. */
  readonly publicKey?: Uint8Array;
}

/**
 * Finds agents. Stores on this machine answer at once, stores behind a network
 * with a promise: callers `await` either.
 *
 * Time is an argument, monotonic, and outlives nothing: a store that survives
 * a restart gives each record one full lease of grace when it opens, because
 * the agents could not reach it while it was down.
 *
 * An agent whose lease has ended is invisible from that moment on, even before
 * {@linkcode Registry.expire} sweeps it.
 */
export interface Registry {
  /** How many records there are, expired ones included until swept. */
  readonly size: number;

  /**
   * When the next lease ends, so when to call {@linkcode Registry.expire};
   * `undefined` when there is none.
   */
  readonly nextExpiry: Instant | undefined;

  /**
   * Adds a record, or replaces the one with the same agent id and the same
   * public key. The agent is then available with load 0.
   *
   * @param now The time.
   * @param record The record; copied.
   * @returns The lease.
   * @throws {RegistryError} `RECORD_INVALID`, `NOT_OWNER` when a living record
   * with this agent id has another key, `KEY_LIMIT`, `REGISTRY_FULL`,
   * `STORE_FAILED`, `CLOSED`.
   */
  register(now: Instant, record: AgentRecord): Lease | Promise<Lease>;

  /**
   * Renews a lease.
   *
   * @param now The time.
   * @param agentId Whose lease.
   * @param update What the agent says about itself.
   * @returns `false` for an agent that is not registered (any more): it has to
   * register again.
   * @throws {RegistryError} `NOT_OWNER`, `STORE_FAILED`, `CLOSED`.
   */
  heartbeat(
    now: Instant,
    agentId: string,
    update: HeartbeatUpdate,
  ): boolean | Promise<boolean>;

  /**
   * Removes a record at once.
   *
   * @param agentId Whose record.
   * @param publicKey The key that the sender proved to own; must be the
   * record's when given.
   * @returns Whether there was one.
   * @throws {RegistryError} `NOT_OWNER`, `STORE_FAILED`, `CLOSED`.
   */
  unregister(
    agentId: string,
    publicKey?: Uint8Array,
  ): boolean | Promise<boolean>;

  /**
   * Looks for agents.
   *
   * @param now The time.
   * @param query What to look for.
   * @returns The least loaded first; among equals, the longest registered.
   * The entries are shared and not to be changed.
   * @throws {RegistryError} `QUERY_INVALID`, `STORE_FAILED`, `CLOSED`.
   */
  find(
    now: Instant,
    query: RegistryQuery,
  ): AgentEntry[] | Promise<AgentEntry[]>;

  /**
   * Counts the records that {@linkcode Registry.find} has to look at, which a
   * node asks before it searches: many long searches at a time must not keep it
   * from its connections. A store without it is taken to look at all records.
   *
   * @param selector What is looked for.
   * @returns At least as many as there are to find, found at once.
   * @throws {RegistryError} `CLOSED`.
   */
  candidateCount?(selector: AgentSelector): number;

  /**
   * Removes the records whose lease has ended.
   *
   * @param now The time.
   * @returns What was removed, the first to end first.
   * @throws {RegistryError} `STORE_FAILED`, `CLOSED`.
   */
  expire(now: Instant): AgentRecord[] | Promise<AgentRecord[]>;

  /** Lets go of the store. Records stay in it where it is durable. Idempotent. */
  close(): void | Promise<void>;
}

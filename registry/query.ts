/**
 * What a registry can be asked.
 *
 * @module
 */
import {
  DEFAULT_QUERY_LIMIT,
  MAX_NAME_BYTES,
  MAX_QUERY_LIMIT,
} from "./config.ts";
import { utf8Length } from "./agent_record.ts";
import { RegistryError } from "./error.ts";

/** Which agents are asked for. A term matches whole and case-sensitively. */
export type AgentSelector =
  | {
    /** Every agent, whatever its status. */
    readonly kind: "all";
  }
  | {
    /**
     * By one capability, name or tag: agents that take new calls. By id:
     * that agent, whatever its status.
     */
    readonly kind: "capability" | "name" | "tag" | "id";
    /** What to look for. */
    readonly term: string;
  };

/** A question to a registry. */
export type RegistryQuery = AgentSelector & {
  /**
   * Most entries in the answer, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
};

/**
 * Checks a query.
 *
 * @param query The query.
 * @returns Its limit, filled in.
 * @throws {RegistryError} `QUERY_INVALID` when the term is empty or over 256
 * bytes, or the limit is out of range.
 */
export function validateQuery(query: RegistryQuery): number {
  const limit = query.limit ?? DEFAULT_QUERY_LIMIT;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_QUERY_LIMIT) {
    throw new RegistryError(
      "QUERY_INVALID",
      `Registry query: limit must be from 1 to ${MAX_QUERY_LIMIT}, got ${limit}`,
      { fault: "peer" },
    );
  }
  if (query.kind === "all") return limit;
  const { term } = query;
  if (
    term.length === 0 || term.length > MAX_NAME_BYTES ||
    utf8Length(term) > MAX_NAME_BYTES
  ) {
    throw new RegistryError(
      "QUERY_INVALID",
      `Registry query: the ${query.kind} must be 1 to ${MAX_NAME_BYTES} bytes`,
      { fault: "peer" },
    );
  }
  return limit;
}

/**
 * Whether a query asks for agents that take no new calls, too.
 *
 * @param query The query.
 */
export function takesEveryStatus(query: AgentSelector): boolean {
  return query.kind === "all" || query.kind === "id";
}

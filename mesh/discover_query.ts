/**
 * What `Agent.discover` is asked.
 *
 * @module
 */
import { parseAgentId } from "../protocol/mod.ts";
import { MAX_QUERY_LIMIT, type RegistryQuery } from "../registry/mod.ts";
import { CallError } from "./error.ts";

/** What to look for: nothing finds every agent. */
export interface DiscoverQuery {
  /** Agents that have this capability. */
  readonly capability?: string;
  /** Agents of this name. */
  readonly name?: string;
  /** Agents with this tag. */
  readonly tag?: string;
  /** The agent with this id. */
  readonly id?: string;
  /**
   * Most agents in the answer, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
}

/**
 * Checks a query.
 *
 * @param query What the user gave.
 * @returns What the node is asked.
 * @throws {CallError} `INVALID_ARGUMENT` names what is wrong.
 * @throws {ProtocolError} `INVALID_AGENT_ID`.
 */
export function parseDiscoverQuery(query: DiscoverQuery): RegistryQuery {
  // Programs without types say these things as well.
  if (typeof query !== "object" || query === null) {
    throw invalid("its query must be an object");
  }
  const { limit, ...terms } = query;
  if (
    limit !== undefined &&
    !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_QUERY_LIMIT)
  ) throw invalid(`limit must be 1 to ${MAX_QUERY_LIMIT}, got ${limit}`);
  const bound = limit === undefined ? {} : { limit };
  const given = Object.entries(terms).filter(([, term]) => term !== undefined);
  const [first] = given;
  if (first === undefined) return { kind: "all", ...bound };
  if (given.length > 1) {
    throw invalid("by one of capability, name, tag and id");
  }
  return { ...parseTerm(...first), ...bound };
}

function parseTerm(kind: string, term: unknown): RegistryQuery {
  switch (kind) {
    case "capability":
    case "name":
    case "tag":
    case "id":
      break;
    default:
      throw invalid(`it does not know ${kind}`);
  }
  if (typeof term !== "string" || term === "") {
    throw invalid(`${kind} must be text, and not empty`);
  }
  if (kind !== "id") return { kind, term };
  parseAgentId(term);
  return { kind, term: term.toLowerCase() };
}

function invalid(detail: string): CallError {
  return new CallError("INVALID_ARGUMENT", `Discovery: ${detail}`);
}

/**
 * Whom a call is for.
 *
 * @module
 */
import {
  createNilAgentId,
  type MxpUrl,
  parseAgentId,
  parseMxpUrl,
} from "../protocol/mod.ts";
import { CallError } from "./error.ts";

/**
 * Whom a call is for: any agent with a capability, a name or a tag, the agent
 * with an id, or whoever listens at an address.
 */
export type Target =
  | {
    /** Any agent that has this capability. */
    readonly capability: string;
  }
  | {
    /** Any agent of this name. */
    readonly name: string;
  }
  | {
    /** Any agent with this tag. */
    readonly tag: string;
  }
  | {
    /** The agent with this id, a UUID. */
    readonly id: string;
  }
  | {
    /**
     * `mxp://host:port/agent-id?pk=…`, without asking the node. The id may be
     * left out, `pk` pins the agent's key.
     */
    readonly url: string;
  };

/** A target that the registry resolves. */
export interface RegistryTarget {
  /** What the term is. */
  readonly kind: "capability" | "name" | "tag" | "id";
  /** What to look for. */
  readonly term: string;
}

/** A target that names an address. */
export interface AddressTarget {
  /** Marks this form. */
  readonly kind: "url";
  /** The parsed URL. */
  readonly url: MxpUrl;
  /** Who is meant there, 16 bytes; nil for whoever listens. */
  readonly agentId: Uint8Array;
}

/** URLs whose meaning is remembered: most callers call a few, again and again. */
const MAX_REMEMBERED_URLS = 64;

/** By URL; remembered longest ago first. */
const remembered = new Map<string, AddressTarget>();

const KINDS = ["capability", "name", "tag", "id"] as const;

/**
 * Checks a target.
 *
 * @param target What the caller gave.
 * @returns Its one meaning; not to be changed, for others may get the same.
 * @throws {CallError} `INVALID_ARGUMENT` when it has none, or several.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export function parseTarget(target: Target): RegistryTarget | AddressTarget {
  const keys = Object.keys(target);
  const key = keys[0] ?? "";
  const term = (target as Record<string, unknown>)[key];
  if (keys.length !== 1 || typeof term !== "string" || term === "") {
    throw invalid("must have one of capability, name, tag, id and url");
  }
  if (key === "url") return parseAddress(term);
  const kind = KINDS.find((known) => known === key);
  if (kind === undefined) throw invalid(`does not know ${key}`);
  if (kind === "id") parseAgentId(term);
  return { kind, term: kind === "id" ? term.toLowerCase() : term };
}

/**
 * Names a target for a person.
 *
 * @param target The target.
 * @returns For example `capability "summarize"`.
 */
export function describeTarget(target: RegistryTarget | AddressTarget): string {
  if (target.kind === "url") return `${target.url.hostname}:${target.url.port}`;
  return `${target.kind} ${JSON.stringify(target.term)}`;
}

function parseAddress(text: string): AddressTarget {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const url = parseMxpUrl(text);
  const target: AddressTarget = {
    kind: "url",
    url,
    agentId: url.agentId === undefined
      ? createNilAgentId()
      : parseAgentId(url.agentId),
  };
  if (remembered.size >= MAX_REMEMBERED_URLS) {
    remembered.delete(remembered.keys().next().value!);
  }
  remembered.set(text, target);
  return target;
}

function invalid(detail: string): CallError {
  return new CallError("INVALID_ARGUMENT", `Target: ${detail}`);
}

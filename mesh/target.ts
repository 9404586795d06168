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
    readonly name?: never;
    readonly tag?: never;
    readonly id?: never;
    readonly url?: never;
  }
  | {
    /** Any agent of this name. */
    readonly name: string;
    readonly capability?: never;
    readonly tag?: never;
    readonly id?: never;
    readonly url?: never;
  }
  | {
    /** Any agent with this tag. */
    readonly tag: string;
    readonly capability?: never;
    readonly name?: never;
    readonly id?: never;
    readonly url?: never;
  }
  | {
    /** The agent with this id, a UUID. */
    readonly id: string;
    readonly capability?: never;
    readonly name?: never;
    readonly tag?: never;
    readonly url?: never;
  }
  | {
    /**
     * `mxp://host:port/agent-id?pk=…`, without asking the node. The id may be
     * left out, `pk` pins the agent's key.
     */
    readonly url: string;
    readonly capability?: never;
    readonly name?: never;
    readonly tag?: never;
    readonly id?: never;
  };

/** A target that the registry resolves. */
export interface RegistryTarget {
  /** What the term is. */
  readonly kind: "capability" | "name" | "tag" | "id";
  /** What to look for. */
  readonly term: string;
  /** Both in one text, the same for the same target. */
  readonly key: string;
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

/**
 * Targets of a kind whose meaning is remembered: most callers call a few, again
 * and again.
 */
const MAX_REMEMBERED_TARGETS = 64;

/** By what was asked for; remembered longest ago first. */
const targets: {
  readonly [Kind in RegistryTarget["kind"]]: Map<string, RegistryTarget>;
} = { capability: new Map(), name: new Map(), tag: new Map(), id: new Map() };

/** By URL; remembered longest ago first. */
const addresses = new Map<string, AddressTarget>();

/**
 * Checks a target.
 *
 * @param target What the caller gave.
 * @returns Its one meaning; not to be changed, for others may get the same.
 * @throws {CallError} `INVALID_ARGUMENT` when it has none, or several.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export function parseTarget(target: Target): RegistryTarget | AddressTarget {
  let kind = "";
  let count = 0;
  // A loop, since every call comes here: a list of the keys would be garbage.
  for (const key in target) {
    kind = key;
    count++;
  }
  const term = (target as Record<string, unknown> | null)?.[kind];
  if (count !== 1 || typeof term !== "string" || term === "") {
    throw invalid("must have one of capability, name, tag, id and url");
  }
  switch (kind) {
    case "url":
      return parseAddress(term);
    case "capability":
    case "name":
    case "tag":
    case "id":
      return targets[kind].get(term) ?? parseTerm(kind, term);
    default:
      throw invalid(`does not know ${kind}`);
  }
}

function parseTerm(
  kind: RegistryTarget["kind"],
  given: string,
): RegistryTarget {
  if (kind === "id") parseAgentId(given);
  const term = kind === "id" ? given.toLowerCase() : given;
  return remember(targets[kind], given, { kind, term, key: `${kind} ${term}` });
}

function remember<Meaning>(
  remembered: Map<string, Meaning>,
  given: string,
  meaning: Meaning,
): Meaning {
  if (remembered.size >= MAX_REMEMBERED_TARGETS) {
    remembered.delete(remembered.keys().next().value!);
  }
  remembered.set(given, meaning);
  return meaning;
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

/**
 * What a call says when there is nobody to go to.
 *
 * @param target What was asked for.
 * @returns `NOT_FOUND`.
 */
export function notFound(target: RegistryTarget | AddressTarget): CallError {
  return new CallError(
    "NOT_FOUND",
    `Call: no agent with ${describeTarget(target)} is registered`,
    { capability: target.kind === "capability" ? target.term : undefined },
  );
}

function parseAddress(text: string): AddressTarget {
  const known = addresses.get(text);
  if (known !== undefined) return known;
  const url = parseMxpUrl(text);
  return remember(addresses, text, {
    kind: "url",
    url,
    agentId: url.agentId === undefined
      ? createNilAgentId()
      : parseAgentId(url.agentId),
  });
}

function invalid(detail: string): CallError {
  return new CallError("INVALID_ARGUMENT", `Target: ${detail}`);
}

/**
 * The words of a command line that say whom to call, and what.
 *
 * ```text
 * [node] [target] method [value]
 *
 * node    mxp://host:port?pk=…        unless --node or MXP_NODE says it
 * target  capability:summarize, name:writer, tag:fast, id:UUID, or the
 *         mxp:// URL of an agent with its id; also as an option
 * ```
 *
 * Without a target, the method names the capability too. An `mxp://` URL
 * without an agent id is the node, unless `--node` names another one.
 *
 * @module
 */
import { parseAgentId, parseMxpUrl } from "../protocol/mod.ts";
import type { Target } from "../mesh/mod.ts";
import { usageError } from "./error.ts";

/** Options that name a target; at most one may be given. */
export interface TargetOptions {
  /** Any agent with this capability. */
  readonly capability?: string;
  /** Any agent of this name. */
  readonly name?: string;
  /** Any agent with this tag. */
  readonly tag?: string;
  /** The agent with this id. */
  readonly id?: string;
  /** Whoever listens there. */
  readonly url?: string;
}

/** Node and target of a command line. */
export interface Addressed {
  /** The node, when a word names it. */
  readonly node: string | undefined;
  /** The target, when a word or an option names it. */
  readonly target: Target | undefined;
  /** The words after them. */
  readonly rest: readonly string[];
}

/** What to call. */
export interface CallWords {
  /** The node, when a word names it. */
  readonly node: string | undefined;
  /** Whom to call. */
  readonly target: Target;
  /** What to call. */
  readonly method: string;
  /** With what, unless an option says it. */
  readonly value: string | undefined;
}

const KINDS = ["capability", "name", "tag", "id", "url"] as const;
const KIND_PATTERN = /^(capability|name|tag|id|url):(.*)$/s;
const URL_PATTERN = /^mxp:\/\//i;

/**
 * Takes node and target off the beginning of the words.
 *
 * @param words The words.
 * @param options What the options say; `hasNode` when `--node` is among them.
 * @returns Node, target and the other words.
 * @throws {CliError} `USAGE` for two nodes, two targets, or one that is empty.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export function parseAddressed(
  words: readonly string[],
  options: { readonly targets: TargetOptions; readonly hasNode: boolean },
): Addressed {
  const rest = [...words];
  let target = targetOf(options.targets);
  let node: string | undefined;
  const [first] = rest;
  if (first !== undefined && URL_PATTERN.test(first)) {
    rest.shift();
    const isAgent = parseMxpUrl(first).agentId !== undefined || options.hasNode;
    if (!isAgent) node = first;
    else if (target === undefined) target = { url: first };
    else {
      throw usageError(`${first}: there is another target, or another node`);
    }
  }
  if (target === undefined && rest[0] !== undefined) {
    target = parseTargetWord(rest[0]);
    if (target !== undefined) rest.shift();
  }
  return { node, target, rest };
}

/**
 * Checks what an agent is named by.
 *
 * @param kind What the term is.
 * @param term The term.
 * @returns The target.
 * @throws {CliError} `USAGE` when the term is empty.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export function makeTarget(
  kind: keyof TargetOptions,
  term: string,
): Target {
  if (term === "") throw usageError(`the ${kind} is empty`);
  if (kind === "url") parseMxpUrl(term);
  if (kind === "id") parseAgentId(term);
  return { [kind]: term } as unknown as Target;
}

/**
 * Reads the words of `call` and `stream`.
 *
 * @param words The words.
 * @param options As of {@linkcode parseAddressed}.
 * @returns What to call.
 * @throws {CliError} `USAGE` when there is no method, an empty target, or a word
 * too many.
 * @throws {ProtocolError} `INVALID_URL` or `INVALID_AGENT_ID`.
 */
export function parseCallWords(
  words: readonly string[],
  options: { readonly targets: TargetOptions; readonly hasNode: boolean },
): CallWords {
  const { node, target: given, rest } = parseAddressed(words, options);
  const target = given ??
    (rest.length === 3 ? makeTarget("capability", rest[0]!) : undefined);
  const [method, value, ...others] = given === undefined && target !== undefined
    ? rest.slice(1)
    : rest;
  if (method === undefined || method === "") {
    throw usageError("the method to call is missing");
  }
  if (others.length > 0) {
    throw usageError(
      `one value only: put quotes around it (${rest.length} words came)`,
    );
  }
  return { node, target: target ?? { capability: method }, method, value };
}

function targetOf(options: TargetOptions): Target | undefined {
  const given = KINDS.filter((kind) => options[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined) return undefined;
  if (given.length > 1) {
    throw usageError(
      `one of ${given.map((name) => `--${name}`).join(", ")} only`,
    );
  }
  return makeTarget(kind, options[kind]!);
}

function parseTargetWord(word: string): Target | undefined {
  if (URL_PATTERN.test(word)) return makeTarget("url", word);
  const match = KIND_PATTERN.exec(word);
  if (match === null) return undefined;
  return makeTarget(match[1] as typeof KINDS[number], match[2]!);
}

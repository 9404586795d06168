/**
 * Options of every command that talks to a mesh.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { join } from "node:path";
import { mappedIpv4, parseIpv4, parseIpv6 } from "../internal/ip_address.ts";
import { type MxpUrl, parseMxpUrl, ProtocolError } from "../protocol/mod.ts";
import { MAX_QUERY_LIMIT } from "../registry/mod.ts";
import { type Suite, SUITE_NAMES } from "../transport/mod.ts";
import type { CommandContext } from "./context.ts";
import { usageError } from "./error.ts";
import type { TargetOptions } from "./call_words.ts";
import {
  addPacketLogOptions,
  type PacketLogCliOptions,
} from "./packet_log_options.ts";
import { parsePath } from "./path_option.ts";

/** Time for a command, when nobody says otherwise, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** Largest time limit that can be given, in milliseconds: 24 days. */
const MAX_TIMEOUT_MS = 0x7fffffff;

/** The node when nobody says otherwise. */
const NODE_VARIABLE = "MXP_NODE";

/** What {@linkcode addMeshOptions} adds. */
export interface MeshOptions extends TargetOptions, PacketLogCliOptions {
  /** URL of the node. */
  readonly node?: string;
  /** Time for the whole command, in milliseconds. */
  readonly timeout?: number;
  /** Key file of the caller. */
  readonly identity?: string;
  /** File of keys that were seen before. */
  readonly knownPeers?: string;
  /** Suites to offer, the preferred one first. */
  readonly suites?: readonly Suite[];
}

/**
 * Adds the options of every command that talks to a mesh.
 *
 * @param command The command.
 * @param timeoutDefault What the help says about a missing `--timeout`.
 * @returns The command.
 */
export function addMeshOptions(
  command: Command,
  timeoutDefault: string = String(DEFAULT_TIMEOUT_MS),
): Command {
  command
    .option(
      "--node <url>",
      `the node, mxp://host:port?pk=… (or ${NODE_VARIABLE})`,
    )
    .option(
      "--timeout <ms>",
      `time for all of it, in milliseconds (default: ${timeoutDefault})`,
      parseMilliseconds,
    )
    .option(
      "--identity <file>",
      "your key file (default: a new key each time)",
      parsePath,
    )
    .option(
      "--known-peers <file>",
      "keys of peers that were met before",
      parsePath,
    )
    .addOption(suitesOption())
    .option("--json", "JSON on standard output, remarks on standard error");
  return addPacketLogOptions(command);
}

/**
 * Adds the options that name an agent.
 *
 * @param command The command.
 * @returns The command.
 */
export function addTargetOptions(command: Command): Command {
  return command
    .option("--capability <name>", "any agent that can do this")
    .option("--name <name>", "any agent of this name")
    .option("--tag <tag>", "any agent with this tag")
    .option("--id <uuid>", "the agent with this id");
}

/**
 * Adds the option that names an agent by its address.
 *
 * @param command The command.
 * @returns The command.
 */
export function addUrlOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--url <url>",
      "the agent at this address, mxp://host:port?pk=…",
    ),
  );
}

/**
 * The option that chooses the suites.
 *
 * @returns A new option.
 */
export function suitesOption(): Option {
  return new Option(
    "--suites <names>",
    `ciphers to offer and take, best first, of: ${SUITE_NAMES.join(", ")}`,
  ).argParser(parseSuites);
}

/**
 * Reads a list of suites.
 *
 * @param text Names with commas between them.
 * @returns The names.
 * @throws {InvalidArgumentError} For one that is unknown or named twice.
 */
export function parseSuites(text: string): readonly Suite[] {
  const names = text.split(",").map((name) => name.trim());
  const suites = SUITE_NAMES.filter((suite) => names.includes(suite));
  if (suites.length === names.length) return names as Suite[];
  throw new InvalidArgumentError(
    `Name one or more of ${SUITE_NAMES.join(", ")}, each once.`,
  );
}

/**
 * Reads a time limit.
 *
 * @param text Whole milliseconds.
 * @returns The number.
 * @throws {InvalidArgumentError} For anything else.
 */
export function parseMilliseconds(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_TIMEOUT_MS) return value;
  throw new InvalidArgumentError(
    `It is not a number of milliseconds from 1 to ${MAX_TIMEOUT_MS}.`,
  );
}

/**
 * Reads how many agents to show.
 *
 * @param text A whole number.
 * @returns The number.
 * @throws {InvalidArgumentError} For anything else.
 */
export function parseLimit(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_QUERY_LIMIT) {
    return value;
  }
  throw new InvalidArgumentError(`It is not from 1 to ${MAX_QUERY_LIMIT}.`);
}

/**
 * Decides which node is meant.
 *
 * @param word The node that a word names.
 * @param options What the options say.
 * @param context Knows the environment.
 * @returns Its URL; `undefined` when nothing names one.
 * @throws {CliError} `USAGE` when a word and an option name one each.
 * @throws {ProtocolError} `INVALID_URL`.
 */
export function findNode(
  word: string | undefined,
  options: MeshOptions,
  context: CommandContext,
): MxpUrl | undefined {
  if (word !== undefined && options.node !== undefined) {
    throw usageError(`two nodes: ${word} and ${options.node}`);
  }
  const given = word ?? options.node;
  if (given !== undefined) return parseMxpUrl(given);
  const text = context.environment(NODE_VARIABLE);
  return text === undefined ? undefined : parseVariable(text);
}

/** Who has forgotten that it is set, looks for a URL on the command line. */
function parseVariable(text: string): MxpUrl {
  try {
    return parseMxpUrl(text);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const message = `${NODE_VARIABLE}: ${error.message}`;
    throw new ProtocolError(error.code, message, { cause: error });
  }
}

/**
 * Insists on a node.
 *
 * @param node What {@linkcode findNode} gave.
 * @param context Knows the environment.
 * @returns The node.
 * @throws {CliError} `USAGE` when there is none.
 */
export function requireNode(
  node: MxpUrl | undefined,
  { mayRead }: CommandContext,
): MxpUrl {
  if (node !== undefined) return node;
  const refusal = mayRead(NODE_VARIABLE)
    ? ""
    : `, which needs --allow-env=${NODE_VARIABLE}`;
  throw usageError(
    `name a node: --node mxp://host:port?pk=… or ${NODE_VARIABLE}${refusal}`,
  );
}

/**
 * Decides which file of known peers is used. Peers on this machine are not
 * remembered unless a file is named: whoever can listen here is here already,
 * and a node that is started to try something has a new key each time.
 *
 * @param url Whom to connect to.
 * @param options What the options say.
 * @param context Knows the environment.
 * @returns The file; `undefined` for none.
 */
export function findKnownPeers(
  url: MxpUrl,
  options: MeshOptions,
  context: CommandContext,
): string | undefined {
  if (options.knownPeers !== undefined) return options.knownPeers;
  if (isLoopback(url.hostname)) return undefined;
  const { environment } = context;
  const configuration = environment("XDG_CONFIG_HOME") ??
    environment("APPDATA") ?? inHome(environment("HOME"));
  return configuration === undefined
    ? undefined
    : join(configuration, "mxp", "known_peers");
}

function inHome(home: string | undefined): string | undefined {
  return home === undefined ? undefined : join(home, ".config");
}

function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "::1") return true;
  const ipv6 = parseIpv6(hostname);
  const ipv4 = ipv6 === undefined ? parseIpv4(hostname) : mappedIpv4(ipv6);
  return ipv4?.[0] === 127;
}

/**
 * The agent that stands for whoever types a command.
 *
 * @module
 */
import { loadIdentity } from "../crypto/mod.ts";
import type { Instant } from "../internal/instant.ts";
import { Agent } from "../mesh/mod.ts";
import { formatMxpUrl, type MxpUrl } from "../protocol/mod.ts";
import { systemClock } from "../transport/mod.ts";
import type { CommandContext } from "./context.ts";
import {
  DEFAULT_TIMEOUT_MS,
  findKnownPeers,
  type MeshOptions,
} from "./mesh_options.ts";
import { openPacketLog } from "./packet_log_options.ts";
import { startTimeLimit, type TimeLimit } from "./time_limit.ts";

/** Longest wait for the connection to the node, in milliseconds. */
const MAX_CONNECT_TIMEOUT_MS = 5_000;

/** A connected agent and the time that it has. */
export interface MeshClient extends Omit<TimeLimit, "stop"> {
  /** The agent. It has no name and is not registered. */
  readonly agent: Agent;
  /**
   * Waits until the answer is written: as long as `--timeout` says. Its default
   * is no limit for whoever reads.
   */
  readonly print: (writing: Promise<void>) => Promise<void>;
}

/** What {@linkcode withMesh} needs to know. */
export interface MeshClientOptions {
  /** Whom to connect to: a node, or an agent that is called directly. */
  readonly url: MxpUrl;
  /** The command's options. */
  readonly options: MeshOptions;
  /** The command's surroundings. */
  readonly context: CommandContext;
  /**
   * Whether `--timeout` has a default; without, only connecting is limited.
   *
   * @default {true}
   */
  readonly hasDefaultTimeout?: boolean;
  /**
   * What has to come within the time, in a word.
   *
   * @default {"answer"}
   */
  readonly waitsFor?: string;
  /**
   * When the time of `--timeout` began. Its default begins with connecting,
   * whatever came before.
   *
   * @default {now}
   */
  readonly startedAt?: Instant;
}

/**
 * Connects, does something and leaves, within the command's time.
 *
 * @param client Whom to connect to.
 * @param run What to do.
 * @returns What `run` gives.
 * @throws {CallError} `DEADLINE_EXCEEDED` when the time is over.
 * @throws {CliError} `INTERRUPTED` at Ctrl-C.
 */
export async function withMesh<Result>(
  client: MeshClientOptions,
  run: (client: MeshClient) => Promise<Result>,
): Promise<Result> {
  const { url, options, context } = client;
  const identity = options.identity === undefined
    ? undefined
    : loadIdentity(options.identity);
  const packetLog = openPacketLog(options, context);
  const timeoutMs = options.timeout ??
    (client.hasDefaultTimeout === false ? undefined : DEFAULT_TIMEOUT_MS);
  const startedAt = options.timeout === undefined
    ? undefined
    : client.startedAt;
  const limit = startTimeLimit({
    timeoutMs,
    startedAt: startedAt ?? systemClock(),
    waitsFor: client.waitsFor ?? "answer",
    interruption: context.interruption,
  });
  const knownPeersPath = findKnownPeers(url, options, context);
  let agent: Agent | undefined;
  try {
    agent = await Agent.connect(formatMxpUrl(url), {
      register: false,
      connectTimeoutMs: connectTimeout(limit.remainingMs()),
      signal: limit.signal,
      onWarning: (message) => context.output.warn(message),
      ...(options.suites === undefined
        ? {}
        : { transport: { suites: options.suites } }),
      ...(identity === undefined ? {} : { identity }),
      ...(packetLog === undefined ? {} : { observe: packetLog.observe }),
      ...(knownPeersPath === undefined ? {} : { knownPeersPath }),
    });
    const print = options.timeout === undefined
      ? (writing: Promise<void>) => writing
      : limit.race<void>;
    return await run({ agent, print, ...limit });
  } finally {
    limit.stop();
    await agent?.close({ drainMs: 0 });
    await packetLog?.close();
  }
}

/** Leaves some of the time for saying that nobody answered. */
function connectTimeout(remainingMs: number | undefined): number {
  return Math.min(
    MAX_CONNECT_TIMEOUT_MS,
    Math.ceil(0.9 * (remainingMs ?? Infinity)),
  );
}

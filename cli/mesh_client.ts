/**
 * The agent that stands for whoever types a command.
 *
 * @module
 */
import { loadIdentity } from "../crypto/mod.ts";
import { Agent, CallError } from "../mesh/mod.ts";
import { formatMxpUrl, type MxpUrl } from "../protocol/mod.ts";
import { systemClock } from "../transport/mod.ts";
import type { CommandContext } from "./context.ts";
import {
  DEFAULT_TIMEOUT_MS,
  findKnownPeers,
  type MeshOptions,
} from "./mesh_options.ts";
import { openPacketLog } from "./packet_log_options.ts";

/** Longest wait for the connection to the node, in milliseconds. */
const MAX_CONNECT_TIMEOUT_MS = 5_000;

/** A connected agent and the time that it has. */
export interface MeshClient {
  /** The agent. It has no name and is not registered. */
  readonly agent: Agent;
  /** Fires at Ctrl-C and when the time is over. */
  readonly signal: AbortSignal;
  /** What is left of the time, in milliseconds; `undefined` without a limit. */
  readonly remainingMs: () => number | undefined;
  /** Waits for a promise, unless the signal fires first. */
  readonly race: <Result>(promise: Promise<Result>) => Promise<Result>;
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
   * @default true
   */
  readonly hasDefaultTimeout?: boolean;
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
  const limit = startLimit(timeoutMs, context.interruption);
  const knownPeersPath = findKnownPeers(url, options, context);
  let agent: Agent | undefined;
  try {
    agent = await Agent.connect(formatMxpUrl(url), {
      register: false,
      connectTimeoutMs: connectTimeout(timeoutMs),
      signal: limit.signal,
      onWarning: (message) => void context.output.note(`mxp: ${message}`),
      ...(options.suites === undefined
        ? {}
        : { transport: { suites: options.suites } }),
      ...(identity === undefined ? {} : { identity }),
      ...(packetLog === undefined ? {} : { observe: packetLog.observe }),
      ...(knownPeersPath === undefined ? {} : { knownPeersPath }),
    });
    const { signal, remainingMs } = limit;
    return await run({
      agent,
      signal,
      remainingMs,
      race: (promise) => untilAborted(promise, signal),
    });
  } finally {
    limit.stop();
    await agent?.close({ drainMs: 0 });
    await packetLog?.close();
  }
}

/** Leaves some of the time for saying that nobody answered. */
function connectTimeout(timeoutMs: number | undefined): number {
  return Math.min(
    MAX_CONNECT_TIMEOUT_MS,
    Math.ceil(0.9 * (timeoutMs ?? Infinity)),
  );
}

interface Limit {
  readonly signal: AbortSignal;
  readonly remainingMs: () => number | undefined;
  readonly stop: () => void;
}

function startLimit(
  timeoutMs: number | undefined,
  interruption: AbortSignal,
): Limit {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(interruption.reason);
  if (interruption.aborted) interrupt();
  interruption.addEventListener("abort", interrupt);
  const deadline = systemClock() + (timeoutMs ?? Infinity);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
    controller.abort(
      new CallError("DEADLINE_EXCEEDED", `No answer within ${timeoutMs} ms`),
    );
  }, timeoutMs);
  return {
    signal: controller.signal,
    remainingMs: () =>
      timeoutMs === undefined
        ? undefined
        : Math.max(1, Math.ceil(deadline - systemClock())),
    stop: () => {
      clearTimeout(timer);
      interruption.removeEventListener("abort", interrupt);
    },
  };
}

/** Rejects with the signal's reason if it fires first. */
function untilAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() =>
      signal.removeEventListener("abort", onAbort)
    );
  });
}

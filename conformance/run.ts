/**
 * Runs the clauses against a node.
 *
 * @module
 */
import { ProtocolError } from "../protocol/mod.ts";
import type { Address } from "../transport/mod.ts";
import { TransportError } from "../transport/mod.ts";
import { type Clause, ClauseFailure, ClauseSkipped } from "./clause.ts";
import { CONNECTION_CLAUSES } from "./clause/connection.ts";
import { CONNECTION_ID_CLAUSES } from "./clause/connection_id.ts";
import { FRAME_CLAUSES } from "./clause/frame.ts";
import { HANDSHAKE_CLAUSES } from "./clause/handshake.ts";
import { HELLO_CLAUSES } from "./clause/hello.ts";
import { HYBRID_CLAUSES } from "./clause/hybrid.ts";
import { MESSAGE_CLAUSES } from "./clause/message.ts";
import { PACKET_CLAUSES } from "./clause/packet.ts";
import { REGISTRY_CLAUSES } from "./clause/registry.ts";
import { STREAM_CLAUSES } from "./clause/stream.ts";
import { TICKET_CLAUSES } from "./clause/ticket.ts";
import {
  ClauseContext,
  type ConformanceTarget,
  type Negotiated,
  SuiteRefused,
} from "./context.ts";
import { KIT_SUITES } from "./peer/handshake.ts";
import type { UdpSocket } from "./peer/udp_socket.ts";

/** Every clause, in the order in which they run. */
export const CLAUSES: readonly Clause[] = [
  ...HELLO_CLAUSES,
  ...HANDSHAKE_CLAUSES,
  ...HYBRID_CLAUSES,
  ...PACKET_CLAUSES,
  ...FRAME_CLAUSES,
  ...STREAM_CLAUSES,
  ...CONNECTION_CLAUSES,
  ...CONNECTION_ID_CLAUSES,
  ...TICKET_CLAUSES,
  ...MESSAGE_CLAUSES,
  ...REGISTRY_CLAUSES,
];

/** Clauses that run at the same time: most of them wait most of the time. */
const CONCURRENCY = 4;

/** How long one clause may take, in milliseconds. */
export const CLAUSE_TIME_LIMIT_MS = 8_000;

/** How long a node may take to show that it is there, in milliseconds. */
const REACH_TIME_LIMIT_MS = 3_000;

/** What became of a clause. */
export interface ClauseResult {
  /** Which clause. */
  readonly id: string;
  /** What it demands. */
  readonly title: string;
  /** Where the specification says so. */
  readonly spec: string;
  /** Whether the node does it; `skipped` when that could not be judged. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** What was measured, what the node did instead, or why it was skipped. */
  readonly detail: string;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** Options of {@linkcode runConformance}. */
export interface ConformanceOptions {
  /** The node, a numeric address. */
  readonly address: Address;
  /** Its static key; learned from it when absent. */
  readonly publicKey?: Uint8Array | undefined;
  /** Only clauses whose id is one of these, or begins with one and a dot. */
  readonly only?: readonly string[];
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

/**
 * Picks clauses.
 *
 * @param only Ids, or groups: what stands before the dot. All when absent.
 * @returns The clauses, in order.
 */
export function selectClauses(only?: readonly string[]): readonly Clause[] {
  if (only === undefined || only.length === 0) return CLAUSES;
  return CLAUSES.filter(({ id }) =>
    only.some((name) => id === name || id.startsWith(`${name}.`))
  );
}

/**
 * Runs clauses against a node.
 *
 * @param options The node, and which clauses.
 * @returns The results, in the order of the clauses, as they come.
 * @throws {TransportError} `HANDSHAKE_TIMEOUT` when nobody answers there.
 */
export async function* runConformance(
  options: ConformanceOptions,
): AsyncGenerator<ClauseResult, void, void> {
  const { only, signal } = options;
  const target = await reach(options);
  const running: Promise<ClauseResult>[] = [];
  try {
    for (const clause of selectClauses(only)) {
      const limit = clause.isTimed ? 0 : CONCURRENCY - 1;
      while (running.length > limit) yield await takeFirst(running);
      signal?.throwIfAborted();
      const result = runClause(clause, target, signal);
      // Who waits for the one before hears of a failure a little later.
      result.catch(() => {});
      running.push(result);
      if (clause.isTimed) yield await takeFirst(running);
    }
    while (running.length > 0) yield await takeFirst(running);
  } finally {
    await Promise.allSettled(running);
  }
}

/** The result of the clause that began first. */
async function takeFirst(
  running: Promise<ClauseResult>[],
): Promise<ClauseResult> {
  return await running.shift()!;
}

async function runClause(
  clause: Clause,
  target: ConformanceTarget,
  signal: AbortSignal | undefined,
): Promise<ClauseResult> {
  const { id, title, spec } = clause;
  const startedAt = performance.now();
  const context = new ClauseContext(target, {
    timeLimitMs: CLAUSE_TIME_LIMIT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  let outcome: ClauseResult["outcome"] = "passed";
  let detail: string;
  try {
    detail = await clause.run(context) ?? "";
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ClauseSkipped) outcome = "skipped";
    else if (isMisdeed(error)) outcome = "failed";
    else throw error;
    detail = error.message;
  } finally {
    await context.close();
  }
  const durationMs = performance.now() - startedAt;
  return { id, title, spec, outcome, detail, durationMs };
}

/** Whether the node is to blame: also for bytes that cannot be decoded. */
function isMisdeed(error: unknown): error is Error {
  return error instanceof ClauseFailure ||
    error instanceof ProtocolError && error.fault === "peer";
}

/**
 * Finds out whether somebody is there, how far away, and with which key and
 * suite.
 */
async function reach(options: ConformanceOptions): Promise<ConformanceTarget> {
  const { address, publicKey, signal } = options;
  const unknown: ConformanceTarget = {
    address,
    publicKey,
    rttMs: 0,
    suite: KIT_SUITES[0]!,
  };
  const context = new ClauseContext(unknown, {
    timeLimitMs: REACH_TIME_LIMIT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const socket = await context.openSocket();
    try {
      const { agreed, rttMs, suite } = await greet(context, socket);
      return { address, publicKey: publicKey ?? agreed.peerKey, rttMs, suite };
    } catch (error) {
      signal?.throwIfAborted();
      // Whoever answers wrongly is there: the clauses say what is wrong. Those
      // that need a key are skipped where none is learned, `handshake.xx` fails.
      if (socket.bytesReceived > 0) return unknown;
      throw new TransportError(
        "HANDSHAKE_TIMEOUT",
        "Conformance: nobody answers there",
        { cause: error },
      );
    }
  } finally {
    await context.close();
  }
}

/** A first handshake, with another suite where the first one is refused. */
async function greet(
  context: ClauseContext,
  socket: UdpSocket,
): Promise<Negotiated & { readonly suite: number }> {
  const { publicKey: responderKey, suite: first } = context.target;
  const negotiate = async (
    suite: number,
  ): Promise<Negotiated & { readonly suite: number }> => {
    const handshake = context.handshake({ responderKey, suites: [suite] });
    return { suite, ...await context.negotiate(socket, handshake) };
  };
  try {
    return await negotiate(first);
  } catch (error) {
    if (!(error instanceof SuiteRefused)) throw error;
    const suite = KIT_SUITES.find((known) => error.suites.includes(known));
    if (suite === undefined) throw error;
    return await negotiate(suite);
  }
}

/**
 * A node, an honest client that calls it all the time, and an attacker, each a
 * process of its own; and the measurements.
 *
 * @module
 */
import { Agent } from "../../mod.ts";
import { encodeBase64Url } from "../../crypto/base64.ts";
import { parseMxpUrl } from "../../protocol/mod.ts";
import { LineProcess } from "../support/line_process.ts";
import type { FloodReport } from "./attacker.ts";
import type { FloodKind } from "./flood_datagrams.ts";
import type { VictimReport } from "./victim.ts";

/** Calls that the client starts per second, whether or not those before are answered. */
const CALLS_PER_SECOND = 200;

/**
 * Calls that it has open at most: a node refuses the 129th of one connection.
 * Those that are due meanwhile wait, and the wait counts.
 */
const MAX_OPEN_CALLS = 64;

/** Size of what a call carries, in bytes; the answer is as long. */
const CALL_BYTES = 256;

/** How long the client waits for an answer. */
const CALL_TIMEOUT_MS = 5_000;

/**
 * Resident memory has settled when it grew by less than this in each of two
 * seconds of full work. Any work at all makes the runtime take what its collector
 * needs, about 100 MiB, over some seconds; only what comes on top is the flood's.
 */
const SETTLED_GROWTH_BYTES = 2 ** 20;

/** Seconds without growth that it takes. */
const SETTLED_SECONDS = 2;

/** Longest time that the node gets for that. */
const MAX_WARM_UP_SECONDS = 15;

/** Calls at a time meanwhile. */
const WARM_UP_CONCURRENCY = 32;

/** A new client comes this often. */
const CONNECT_INTERVAL_MS = 500;

/** How long it may take to become a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How a trial is done. */
export interface TrialOptions {
  /** What is sent. */
  readonly kind: FloodKind;
  /** How much of it. */
  readonly datagramsPerSecond: number;
  /** How long. */
  readonly seconds: number;
  /**
   * Whether the node works until its memory has settled before it is flooded;
   * otherwise it is as fresh as it comes.
   *
   * @default {true}
   */
  readonly isWarmedUp?: boolean;
  /**
   * Whether the node may call the C library, and takes the carrier that does.
   *
   * @default {false}
   */
  readonly isFfiAllowed?: boolean;
}

/** What came of it. */
export interface TrialReport {
  /** The flood. */
  readonly flood: FloodReport;
  /** How long each call took from when it was due, in milliseconds, ascending; failed ones are missing. */
  readonly callMs: readonly number[];
  /** Errors of the calls that failed. */
  readonly callErrors: readonly string[];
  /** How long each new connection took up to its first answer, ascending. */
  readonly connectMs: readonly number[];
  /** Errors of the connections that failed. */
  readonly connectErrors: readonly string[];
  /** Most that the node's resident memory grew by, in bytes. */
  readonly residentGrowthBytes: number;
  /** Datagrams of the flood that the system handed to the node, of those that were sent, at most 1. */
  readonly deliveredShare: number;
}

/**
 * The value below which a share of the values lies.
 *
 * @param ascending The values.
 * @param share From 0 to 1.
 */
export function quantile(ascending: readonly number[], share: number): number {
  const index = Math.ceil(share * ascending.length) - 1;
  return ascending[Math.max(0, index)] ?? NaN;
}

/**
 * Floods a node while a client calls it.
 *
 * @param options What, how much, how long.
 * @returns What was measured.
 */
export async function runTrial(options: TrialOptions): Promise<TrialReport> {
  const victim = new LineProcess(
    new URL("victim.ts", import.meta.url),
    [],
    options.isFfiAllowed === true ? ["--allow-ffi"] : [],
  );
  try {
    const url = await victim.read();
    const { hostname, port, publicKey } = parseMxpUrl(url);
    const attacker = new LineProcess(new URL("attacker.ts", import.meta.url), [
      options.kind,
      hostname,
      String(port),
      encodeBase64Url(publicKey!),
      String(options.datagramsPerSecond),
      String(options.seconds),
    ], ["--allow-ffi"]);
    try {
      return await measure(url, victim, attacker, options);
    } finally {
      await attacker.close();
    }
  } finally {
    await victim.close();
  }
}

async function measure(
  url: string,
  victim: LineProcess,
  attacker: LineProcess,
  options: TrialOptions,
): Promise<TrialReport> {
  const [client] = await Promise.all([Agent.connect(url), attacker.read()]);
  const caller = new Caller(client, url);
  try {
    // Calls have a connection that stands: the newcomers are others.
    await caller.work(new Countdown(0));
    if (options.isWarmedUp !== false) await warmUp(caller, victim);
    const before = await reportOf(victim);
    const flooding = new Until(attacker.ask());
    const newcomers = new Newcomers(url);
    const [calls, residentBytes] = await Promise.all([
      caller.run(flooding),
      watchMemory(victim, flooding),
      newcomers.run(flooding),
    ]);
    const after = await reportOf(victim);
    const flood = JSON.parse(await flooding.promise) as FloodReport;
    const peak = Math.max(residentBytes, after.residentBytes);
    const delivered = after.datagramsReceived - before.datagramsReceived;
    return {
      flood,
      ...calls,
      ...newcomers.report(),
      residentGrowthBytes: Math.max(0, peak - before.residentBytes),
      deliveredShare: Math.min(
        1,
        delivered / (flood.datagramsPerSecond * flood.seconds),
      ),
    };
  } finally {
    await client.close({ drainMs: 0 });
  }
}

async function reportOf(victim: LineProcess): Promise<VictimReport> {
  return JSON.parse(await victim.ask());
}

async function warmUp(caller: Caller, victim: LineProcess): Promise<void> {
  let before = 0;
  let settledSeconds = 0;
  for (let second = 0; second < MAX_WARM_UP_SECONDS; second++) {
    await caller.work(new Countdown(1_000));
    const { residentBytes } = await reportOf(victim);
    const isSettled = residentBytes - before < SETTLED_GROWTH_BYTES;
    settledSeconds = isSettled ? settledSeconds + 1 : 0;
    if (settledSeconds === SETTLED_SECONDS) return;
    before = Math.max(before, residentBytes);
  }
}

/** Something that ends. */
interface Period {
  readonly isOver: boolean;
}

class Countdown implements Period {
  readonly #endsAt: number;

  constructor(milliseconds: number) {
    this.#endsAt = performance.now() + milliseconds;
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }
}

class Until<Value> implements Period {
  readonly promise: Promise<Value>;
  isOver = false;

  constructor(promise: Promise<Value>) {
    this.promise = promise.finally(() => this.isOver = true);
  }
}

/** Calls at a fixed rate: a node that is slow does not slow the calls down. */
class Caller {
  readonly #client: Agent;
  readonly #target: { readonly url: string };
  readonly #payload = new Uint8Array(CALL_BYTES).fill(7);
  readonly #callMs: number[] = [];
  readonly #callErrors: string[] = [];
  #openCount = 0;

  constructor(client: Agent, url: string) {
    this.#client = client;
    this.#target = { url };
  }

  async work(period: Period): Promise<void> {
    const work = async (): Promise<void> => {
      do await this.#call(performance.now()); while (!period.isOver);
    };
    await Promise.all(Array.from({ length: WARM_UP_CONCURRENCY }, work));
    this.#callMs.length = 0;
  }

  async run(
    period: Period,
  ): Promise<Pick<TrialReport, "callMs" | "callErrors">> {
    const startedAt = performance.now();
    const calls: Promise<void>[] = [];
    for (let index = 0; !period.isOver; index++) {
      const dueAt = startedAt + 1000 * index / CALLS_PER_SECOND;
      await until(dueAt);
      while (this.#openCount >= MAX_OPEN_CALLS) {
        await until(performance.now() + 1);
      }
      calls.push(this.#call(dueAt));
    }
    await Promise.all(calls);
    return {
      callMs: this.#callMs.toSorted((left, right) => left - right),
      callErrors: this.#callErrors,
    };
  }

  async #call(dueAt: number): Promise<void> {
    this.#openCount++;
    try {
      const answer = await this.#client.call(
        this.#target,
        "mxp.ping",
        this.#payload,
        { timeoutMs: CALL_TIMEOUT_MS },
      );
      if (!(answer instanceof Uint8Array) || answer.length !== CALL_BYTES) {
        throw new Error(`Another answer than the question: ${answer}`);
      }
      this.#callMs.push(performance.now() - dueAt);
    } catch (error) {
      this.#callErrors.push(String(error));
    } finally {
      this.#openCount--;
    }
  }
}

/** Clients that come during the flood, one after the other. */
class Newcomers {
  readonly #url: string;
  readonly #connectMs: number[] = [];
  readonly #connectErrors: string[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async run(period: Period): Promise<void> {
    while (!period.isOver) {
      const startedAt = performance.now();
      try {
        const agent = await Agent.connect(this.#url, {
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
        });
        this.#connectMs.push(performance.now() - startedAt);
        await agent.close({ drainMs: 0 });
      } catch (error) {
        this.#connectErrors.push(String(error));
      }
      await until(startedAt + CONNECT_INTERVAL_MS);
    }
  }

  report(): Pick<TrialReport, "connectMs" | "connectErrors"> {
    return {
      connectMs: this.#connectMs.sort((left, right) => left - right),
      connectErrors: this.#connectErrors,
    };
  }
}

async function watchMemory(
  victim: LineProcess,
  period: Period,
): Promise<number> {
  let peak = 0;
  for (let index = 0; !period.isOver; index++) {
    const report = await reportOf(victim);
    peak = Math.max(peak, report.residentBytes);
    await until(performance.now() + 100);
  }
  return peak;
}

async function until(instant: number): Promise<void> {
  const delayMs = instant - performance.now();
  if (delayMs <= 0) return;
  await new Promise<void>((resolve) => setTimeout(resolve, delayMs));
}

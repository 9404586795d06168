/**
 * The processes of one peer: one that answers, one that asks, and the broker
 * between them if it has one.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ObedientChild, Program } from "../support/child_process.ts";
import type { Order, Question } from "./child_protocol.ts";
import type { PeerContext } from "./driver.ts";
import { findFreePort, waitForPort } from "./free_port.ts";
import type { MetricName, MetricSettings, Sample } from "./metrics/metric.ts";
import type { Runnable } from "./preparation.ts";
import { runProgram } from "../support/run_program.ts";

const START_TIMEOUT_MS = 15_000;
const ASK_TIMEOUT_MS = 5_000;

/** Fields of `/proc/<pid>/stat` behind the name, from 0: user and system time. */
const USER_TIME_FIELD = 11;
const SYSTEM_TIME_FIELD = 12;

/** Unit of these fields on Linux: a hundredth of a second. */
const US_PER_TICK = 10_000;

/** The processors of the two sides, where they are pinned. */
const SERVER_PROCESSOR = 0;
const CLIENT_PROCESSOR = 1;

type PeerChild = ObedientChild<Order, Question>;

/** How the processes of a run are started. */
export interface PairOptions {
  /** For files of this run. */
  readonly folder: string;
  /** Whether each side gets a processor of its own; a broker never does. */
  readonly isPinned: boolean;
}

/** Two processes that talk to each other. */
export class PeerPair {
  readonly #runnable: Runnable;
  readonly #options: PairOptions;
  #broker: Program | undefined;
  #server: PeerChild | undefined;
  #client: PeerChild | undefined;

  /**
   * @param runnable The peer.
   * @param options How to start it.
   */
  constructor(runnable: Runnable, options: PairOptions) {
    this.#runnable = runnable;
    this.#options = options;
  }

  /** Starts them and connects them; what was started is left to `close`. */
  async start(): Promise<void> {
    const { certificate } = this.#runnable;
    const brokerPort = await this.#startBroker();
    const context: PeerContext = {
      ...(certificate && { certificate }),
      ...(brokerPort && { brokerPort }),
    };
    this.#server = this.#spawn("answering side", SERVER_PROCESSOR);
    this.#client = this.#spawn("asking side", CLIENT_PROCESSOR);
    const address = await this.#server.ask<string>(
      { do: "serve", context },
      START_TIMEOUT_MS,
    );
    await this.#client.ask(
      { do: "connect", context, address },
      START_TIMEOUT_MS,
    );
  }

  /**
   * Measures once.
   *
   * @param metric What.
   * @param settings How long.
   * @param timeoutMs When it has failed.
   * @returns The figures.
   */
  measure(
    metric: MetricName,
    settings: MetricSettings,
    timeoutMs: number,
  ): Promise<Sample> {
    return this.#client!.ask<Sample>(
      { do: "measure", metric, settings },
      timeoutMs,
    );
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await this.#client?.close();
    await this.#server?.close();
    await this.#broker?.stop();
  }

  #spawn(side: string, processor: number): PeerChild {
    const { peer, program, args } = this.#runnable;
    const command = this.#options.isPinned
      ? ["taskset", "-c", String(processor), program, ...args]
      : [program, ...args];
    return new ObedientChild(
      `${peer.name}, ${side}`,
      command[0]!,
      command.slice(1),
      (question) => this.#answer(question),
    );
  }

  /** @returns The broker's port, if there is one. */
  async #startBroker(): Promise<number | undefined> {
    const { peer, hasBroker } = this.#runnable;
    if (!hasBroker || peer.broker === undefined) return undefined;
    const { program, start, configuration } = peer.broker;
    const port = await findFreePort();
    const file = join(this.#options.folder, `${program}.conf`);
    if (configuration) writeFileSync(file, configuration(port));
    this.#broker = new Program(program, program, start(port, file));
    const isListening = await Promise.race([
      waitForPort(port),
      this.#broker.ended.then(() => false),
    ]);
    if (!isListening) throw this.#broker.failure;
    return port;
  }

  async #answer(question: Question): Promise<number> {
    const server = this.#server!;
    switch (question) {
      case "server-memory":
        return await server.ask<number>({ do: "weigh" }, ASK_TIMEOUT_MS) +
          await brokerMemory(this.#broker?.pid);
      case "server-time":
        return await server.ask<number>({ do: "clock" }, ASK_TIMEOUT_MS) +
          await brokerTimeUs(this.#broker?.pid);
    }
  }
}

/** @returns Processor time of a process, in microseconds; 0 where the system does not say. */
async function brokerTimeUs(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const { output } = await runProgram("cat", [`/proc/${pid}/stat`]);
  const fields = output.slice(output.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[USER_TIME_FIELD]) +
    Number(fields[SYSTEM_TIME_FIELD]);
  return ticks * US_PER_TICK || 0;
}

/** @returns Resident bytes of a process; 0 where the system does not say. */
async function brokerMemory(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const { output } = await runProgram("cat", [`/proc/${pid}/status`]);
  return Number(/VmRSS:\s*(\d+) kB/.exec(output)?.[1] ?? 0) * 1_024;
}

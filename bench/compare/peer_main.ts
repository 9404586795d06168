/**
 * The process of a peer, answering or asking: each file in `peers/` ends by
 * calling {@linkcode runPeer}. Runs in Deno and, bundled, in Node.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { createInterface } from "node:readline";
import type { Command, Order, Question, Report } from "./child_protocol.ts";
import type { PeerContext, PeerDriver, PeerServer } from "./driver.ts";
import { MetricRun } from "./metrics/metric_run.ts";
import type { Sample } from "./metrics/metric.ts";
import { METRICS } from "./metrics/mod.ts";

/** Time for what was freed to go back to the system, in milliseconds. */
const SETTLE_MS = 150;

class PeerProcess {
  readonly #driver: PeerDriver;
  readonly #questions = new Map<number, (value: number) => void>();
  #lastQuestion = 0;
  #server: PeerServer | undefined;
  #run: MetricRun | undefined;

  constructor(driver: PeerDriver) {
    this.#driver = driver;
  }

  async handle(command: Command): Promise<void> {
    try {
      const value = await this.#obey(command);
      report({ id: command.id, value });
    } catch (error) {
      const text = error instanceof Error
        ? `${error.name}: ${error.message}`
        : String(error);
      report({ id: command.id, error: text });
    }
  }

  #obey(command: Order): Promise<string | number | Sample> | string | number {
    switch (command.do) {
      case "serve":
        return this.#serve(command.context);
      case "connect":
        this.#run = new MetricRun({
          driver: this.#driver,
          context: command.context,
          address: command.address,
          ask: (question) => this.#ask(question),
          weigh,
          processorTimeUs,
        });
        return "";
      case "measure":
        return METRICS[command.metric].measure(this.#run!, command.settings);
      case "weigh":
        return weigh();
      case "clock":
        return processorTimeUs();
      case "hear":
        this.#questions.get(command.question)?.(command.value);
        this.#questions.delete(command.question);
        return "";
      case "close":
        return this.#close();
    }
  }

  async #serve(context: PeerContext): Promise<string> {
    this.#server = await this.#driver.startServer(context);
    return this.#server.address;
  }

  async #close(): Promise<string> {
    await this.#run?.close();
    await this.#server?.close();
    // What a library leaves running must not keep the process.
    setTimeout(() => process.exit(0), SETTLE_MS);
    return "";
  }

  #ask(question: Question): Promise<number> {
    const number = ++this.#lastQuestion;
    report({ question: number, ask: question });
    return new Promise((resolve) => {
      this.#questions.set(number, resolve);
    });
  }
}

function report(value: Report): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** @returns What this process has used of the processors, in microseconds. */
function processorTimeUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** @returns Resident bytes of this process after a collection. */
async function weigh(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let turn = 0; turn < 3; turn++) {
    gc?.();
    await delay(SETTLE_MS);
  }
  return process.memoryUsage().rss;
}

/**
 * Obeys the runner until it says that it is over, or is gone.
 *
 * @param driver The peer.
 */
export function runPeer(driver: PeerDriver): void {
  const peer = new PeerProcess(driver);
  createInterface({ input: process.stdin })
    .on("line", (line: string) => void peer.handle(JSON.parse(line)))
    .on("close", () => process.exit(0));
}

/**
 * Calls without end between two processes, over real sockets, while keys are
 * replaced and the caller changes its address; and what became of them.
 *
 * @module
 */
import { Agent, Node } from "../../mod.ts";
import { createUdpCarrier } from "../../transport/mod.ts";
import { LineProcess } from "../support/line_process.ts";
import type { CalleeReport } from "./callee.ts";
import { MovingCarrier } from "./moving_carrier.ts";
import { PathCounts } from "./path_counts.ts";

/** Calls that are open at a time. */
const CONCURRENCY = 32;

/** Size of a call, and of its answer, in bytes. */
const CALL_BYTES = 256;

/** Longest that a call may take: it would be lost. */
const CALL_TIMEOUT_MS = 30_000;

/** How a soak is done. */
export interface SoakOptions {
  /** How many calls. */
  readonly callCount: number;
  /** Packets after which keys are replaced, on both ends. */
  readonly keyUpdatePackets: number;
  /** Calls after which the caller changes its address. */
  readonly callsPerMove: number;
  /** Called for each sample of the memory. */
  readonly onSample?: (sample: SoakSample) => void;
}

/** The memory at one moment. */
export interface SoakSample {
  /** Calls that were answered so far. */
  readonly answeredCount: number;
  /** Resident memory of the caller, in bytes. */
  readonly callerBytes: number;
  /** Resident memory of the callee, in bytes. */
  readonly calleeBytes: number;
}

/** What came of it. */
export interface SoakReport {
  /** Calls with the right answer. */
  readonly answeredCount: number;
  /** What became of the others. */
  readonly errors: readonly string[];
  /** Times that the handler ran: once a call. */
  readonly handledCount: number;
  /** Keys that were replaced, both directions, both ends. */
  readonly keyUpdateCount: number;
  /** Changes of address of the caller. */
  readonly moveCount: number;
  /** Those that the callee noticed. */
  readonly noticedMoveCount: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
  /** The memory, twenty times, evenly over the calls. */
  readonly samples: readonly SoakSample[];
}

/**
 * Runs calls.
 *
 * @param options How many, and what happens meanwhile.
 * @returns What became of them.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const callee = new LineProcess(
    new URL("callee.ts", import.meta.url),
    [String(options.keyUpdatePackets)],
  );
  const node = await Node.start({ bind: "127.0.0.1:0" });
  try {
    const url = await callee.read();
    const counts = new PathCounts();
    const carrier = await MovingCarrier.bind("127.0.0.1");
    const caller = await Agent.connect(node.url, {
      carrier,
      transport: { keyUpdatePackets: options.keyUpdatePackets },
      observe: counts.observe,
    });
    try {
      const soak = new Soak(options, { caller, callee, carrier, counts, url });
      return await soak.run();
    } finally {
      await caller.close({ drainMs: 0 });
    }
  } finally {
    await node.close();
    await callee.close();
  }
}

interface SoakParts {
  readonly caller: Agent;
  readonly callee: LineProcess;
  readonly carrier: MovingCarrier;
  readonly counts: PathCounts;
  readonly url: string;
}

class Soak {
  readonly #options: SoakOptions;
  readonly #parts: SoakParts;
  readonly #samples: SoakSample[] = [];
  readonly #errors: string[] = [];
  #startedCount = 0;
  #answeredCount = 0;
  #moveCount = 0;
  #hostnames: readonly string[] = [];

  constructor(options: SoakOptions, parts: SoakParts) {
    this.#options = options;
    this.#parts = parts;
  }

  async run(): Promise<SoakReport> {
    this.#hostnames = await loopbackAddresses();
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: CONCURRENCY }, () => this.#work()),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const callee = await this.#ask();
    return {
      answeredCount: this.#answeredCount,
      errors: this.#errors,
      handledCount: callee.handledCount,
      keyUpdateCount: callee.keyUpdateCount + this.#parts.counts.keyUpdateCount,
      moveCount: this.#moveCount,
      noticedMoveCount: callee.moveCount,
      seconds,
      samples: this.#samples,
    };
  }

  async #work(): Promise<void> {
    const { callCount, callsPerMove } = this.#options;
    const sampleEvery = Math.max(1, Math.floor(callCount / 20));
    const payload = new Uint8Array(CALL_BYTES);
    while (this.#startedCount < callCount) {
      const index = this.#startedCount++;
      await this.#call(index, payload);
      if (index % sampleEvery === sampleEvery - 1) await this.#sample();
      if (index % callsPerMove === callsPerMove - 1) await this.#move();
    }
  }

  async #call(index: number, payload: Uint8Array): Promise<void> {
    const { caller, url } = this.#parts;
    new DataView(payload.buffer).setUint32(0, index);
    payload.fill(index, 4);
    try {
      const answer = await caller.call({ url }, "echo", payload, {
        timeoutMs: CALL_TIMEOUT_MS,
      });
      if (!isEqual(answer, payload)) throw new Error("The answer is another's");
      this.#answeredCount++;
    } catch (error) {
      this.#errors.push(`Call ${index}: ${error}`);
    }
  }

  async #move(): Promise<void> {
    this.#moveCount++;
    const { length } = this.#hostnames;
    await this.#parts.carrier.move(this.#hostnames[this.#moveCount % length]!);
  }

  async #sample(): Promise<void> {
    const { residentBytes } = await this.#ask();
    const sample = {
      answeredCount: this.#answeredCount,
      callerBytes: Deno.memoryUsage().rss,
      calleeBytes: residentBytes,
    };
    this.#samples.push(sample);
    this.#options.onSample?.(sample);
  }

  async #ask(): Promise<CalleeReport> {
    return JSON.parse(await this.#parts.callee.ask());
  }
}

function isEqual(answer: unknown, payload: Uint8Array): boolean {
  return answer instanceof Uint8Array && answer.length === payload.length &&
    answer.every((byte, index) => byte === payload[index]);
}

/** Linux has all of 127.0.0.0/8; elsewhere only the port changes. */
async function loopbackAddresses(): Promise<string[]> {
  try {
    await (await createUdpCarrier({ hostname: "127.0.0.2", port: 0 })).close();
    return ["127.0.0.1", "127.0.0.2"];
  } catch {
    return ["127.0.0.1"];
  }
}

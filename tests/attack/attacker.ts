/**
 * An attacker as a process of its own: it sends at a rate, from many addresses,
 * and counts what comes back to each.
 *
 * ```sh
 * deno run --unstable-net --allow-net --allow-ffi tests/attack/attacker.ts \
 *   garbage 127.0.0.1 9000 <public key, base64url> 100000 10
 * ```
 *
 * Prints `ready`, waits for a line on standard input, floods, and prints a
 * {@linkcode FloodReport} as one line of JSON.
 *
 * @module
 */
import { decodeBase64Url } from "../../crypto/base64.ts";
import { printLine } from "../support/line_process.ts";
import { createFlood, type FloodKind } from "./flood_datagrams.ts";
import { createFloodSockets, type FloodSocket } from "./flood_socket.ts";

/** Addresses that the datagrams come from: 127.0.1.1, 127.0.1.2, … */
const SOURCE_COUNT = 64;

/** Time between two bursts: short, so that they look like a stream. */
const BURST_INTERVAL_MS = 0.25;

/** Most datagrams that one socket sends before the next takes its turn. */
const MAX_BURST_LENGTH = 32;

/** Bursts between two looks at what came back. */
const BURSTS_PER_RECEIVE = 16;

/** What a flood was. */
export interface FloodReport {
  /** How the datagrams were sent. */
  readonly sender: "sendmmsg" | "runtime";
  /** How long it took. */
  readonly seconds: number;
  /** Datagrams that the system took, per second. */
  readonly datagramsPerSecond: number;
  /** Bytes of what was sent. */
  readonly sentBytes: number;
  /** Bytes that came back. */
  readonly answeredBytes: number;
  /** The most that came back to one address, for each byte that it had sent, at any time. */
  readonly worstRatio: number;
}

interface Source {
  readonly socket: FloodSocket;
  sentBytes: number;
  answeredBytes: number;
}

class Flood {
  readonly sender: "sendmmsg" | "runtime";
  readonly #datagrams: readonly Uint8Array<ArrayBuffer>[];
  readonly #sources: readonly Source[];
  #next = 0;
  /** Datagrams that were offered to the system. */
  #offeredCount = 0;
  #sentCount = 0;
  #worstRatio = 0;

  constructor(
    datagrams: readonly Uint8Array<ArrayBuffer>[],
    target: { hostname: string; port: number },
  ) {
    this.#datagrams = datagrams;
    const sockets = createFloodSockets();
    this.sender = sockets.name;
    this.#sources = Array.from({ length: SOURCE_COUNT }, (_, index) => ({
      socket: sockets.open(`127.0.1.${index + 1}`, target),
      sentBytes: 0,
      answeredBytes: 0,
    }));
  }

  async run(perSecond: number, seconds: number): Promise<FloodReport> {
    const startedAt = performance.now();
    let elapsedMs = 0;
    for (let burst = 0; elapsedMs < seconds * 1000; burst++) {
      const dueCount = Math.floor(perSecond * elapsedMs / 1000);
      await this.#sendUpTo(dueCount, burst);
      if (burst % BURSTS_PER_RECEIVE === 0) await this.#receive();
      pause(BURST_INTERVAL_MS);
      elapsedMs = performance.now() - startedAt;
    }
    // What is on its way still counts.
    pause(100);
    await this.#receive();
    for (const { socket } of this.#sources) socket.close();
    return this.#report(elapsedMs / 1000);
  }

  async #sendUpTo(dueCount: number, burst: number): Promise<void> {
    for (let turn = burst; this.#offeredCount < dueCount; turn++) {
      const source = this.#sources[turn % SOURCE_COUNT]!;
      const length = Math.min(dueCount - this.#offeredCount, MAX_BURST_LENGTH);
      const datagrams = Array.from({ length }, () => this.#take());
      this.#offeredCount += length;
      const { datagramCount, byteCount } = await source.socket.send(datagrams);
      this.#sentCount += datagramCount;
      source.sentBytes += byteCount;
    }
  }

  #take(): Uint8Array<ArrayBuffer> {
    const datagram = this.#datagrams[this.#next]!;
    // A step that has no divisor in common with the count, and goes through all.
    this.#next = (this.#next + 1_237) % this.#datagrams.length;
    return datagram;
  }

  async #receive(): Promise<void> {
    // The runtime's sockets receive only when nothing else runs.
    if (this.sender === "runtime") {
      await new Promise<void>((resolve) => setTimeout(resolve));
    }
    for (const source of this.#sources) {
      source.answeredBytes += source.socket.receive();
      if (source.answeredBytes === 0) continue;
      const ratio = source.answeredBytes / source.sentBytes;
      this.#worstRatio = Math.max(this.#worstRatio, ratio);
    }
  }

  #report(seconds: number): FloodReport {
    const sum = (key: "sentBytes" | "answeredBytes"): number =>
      this.#sources.reduce((total, source) => total + source[key], 0);
    return {
      sender: this.sender,
      seconds,
      datagramsPerSecond: Math.round(this.#sentCount / seconds),
      sentBytes: sum("sentBytes"),
      answeredBytes: sum("answeredBytes"),
      worstRatio: this.#worstRatio,
    };
  }
}

const flag = new Int32Array(new SharedArrayBuffer(4));

/** Timers of the event loop are too coarse: the thread itself waits. */
function pause(milliseconds: number): void {
  Atomics.wait(flag, 0, 0, milliseconds);
}

if (import.meta.main) {
  const [kind, hostname, port, publicKey, perSecond, seconds] = Deno.args;
  const flood = new Flood(
    createFlood(kind as FloodKind, decodeBase64Url(publicKey!)!),
    { hostname: hostname!, port: Number(port) },
  );
  printLine("ready");
  Deno.stdin.readSync(new Uint8Array(16));
  const report = await flood.run(Number(perSecond), Number(seconds));
  printLine(JSON.stringify(report));
}

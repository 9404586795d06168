/**
 * A process of the demo, seen from the one that starts it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ChildLine, SpanLine } from "./process/child_process.ts";

/** Time to start, in milliseconds: a slow machine compiles for a while. */
const START_TIMEOUT_MS = 30_000;

/** Time to end when asked to, in milliseconds. */
const STOP_TIMEOUT_MS = 3_000;

/** The configuration that every process uses. */
const CONFIG = fileURLToPath(new URL("../deno.json", import.meta.url));

/** What a process says when it can be used. */
export type ReadyLine = Extract<ChildLine, { type: "ready" }>;

/** A running process. It ends with the one that started it. */
export class Child {
  /** What a person calls it. */
  readonly name: string;
  /** Resolves when it can be used; rejects when it cannot be started. */
  readonly ready: Promise<ReadyLine>;
  /** Resolves with one line for a person when it ended unasked. */
  readonly lost: Promise<string>;
  /** The spans that it told of so far. */
  readonly spans: SpanLine[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #ready = Promise.withResolvers<ReadyLine>();
  readonly #lost = Promise.withResolvers<string>();
  #failure = "its process ended";
  #isStopping = false;

  /**
   * Starts a process.
   *
   * @param name What a person calls it; `process/<name>.ts` is what it runs.
   * @param permissions What it may do, as options of `deno run`.
   */
  constructor(name: string, permissions: readonly string[]) {
    this.name = name;
    this.ready = this.#ready.promise;
    this.lost = this.#lost.promise;
    const script = new URL(`process/${name}.ts`, import.meta.url).href;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--unstable-net",
        `--config=${CONFIG}`,
        ...permissions,
        script,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#reading = this.#read();
    this.#watch();
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Tells it what it needs to know.
   *
   * @param orders What its script expects.
   * @returns As {@linkcode Child.ready}.
   */
  async start(orders: unknown): Promise<ReadyLine> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(orders)}\n`);
    await this.#input.write(bytes).catch(() => {
      // It has ended: `ready` says so.
    });
    return await this.ready;
  }

  /**
   * Asks it to end, and ends it when it does not.
   *
   * @returns Resolves when it is gone and everything it said was read.
   */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#input.close().catch(() => {
      // It has ended.
    });
    const timer = setTimeout(() => this.#kill(), STOP_TIMEOUT_MS);
    await this.#process.status;
    clearTimeout(timer);
    await this.#reading;
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }

  async #read(): Promise<void> {
    const errors = new Response(this.#process.stderr).text();
    const decoded = this.#process.stdout.pipeThrough(new TextDecoderStream());
    let text = "";
    for await (const part of decoded) {
      text += part;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.#handle(JSON.parse(line) as ChildLine);
    }
    const [error] = (await errors).trim().split("\n", 1);
    if (error) this.#failure = error;
  }

  #handle(line: ChildLine): void {
    switch (line.type) {
      case "ready":
        return this.#ready.resolve(line);
      case "span":
        this.spans.push(line.span);
        return;
      case "failed":
        this.#failure = line.message;
    }
  }

  async #watch(): Promise<void> {
    // Whoever waits for neither of the two is not to be disturbed.
    this.ready.catch(() => {});
    const timer = setTimeout(() => {
      this.#ready.reject(new Error(`${this.name}: it did not start`));
    }, START_TIMEOUT_MS);
    this.ready.finally(() => clearTimeout(timer)).catch(() => {});
    await this.#process.status;
    await this.#reading;
    const message = `${this.name}: ${this.#failure}`;
    this.#ready.reject(new Error(message));
    if (!this.#isStopping) this.#lost.resolve(message);
  }
}

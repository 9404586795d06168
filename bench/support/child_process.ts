/**
 * A program that was started, and one that obeys.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import type {
  AnyOrder,
  Command,
  CommonOrder,
  Report,
} from "./child_protocol.ts";

/** Time that a process has to end by itself, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Characters of standard error that are kept for a failure. */
const MAX_COMPLAINT_LENGTH = 600;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A program that was started. */
export class Program {
  /** The process. */
  protected readonly handle: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<void>;
  #complaint = "";

  /**
   * Starts it.
   *
   * @param name For messages.
   * @param program What to run.
   * @param args With what.
   */
  constructor(name: string, program: string, args: readonly string[]) {
    this.#name = name;
    this.handle = spawn(program, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.#ended = new Promise((resolve) => {
      this.handle.once("error", () => resolve());
      this.handle.once("exit", () => resolve());
    });
    this.handle.stderr?.on("data", (data: Uint8Array) => {
      const text = this.#complaint + new TextDecoder().decode(data);
      this.#complaint = text.slice(-MAX_COMPLAINT_LENGTH);
    });
    // A program that is gone takes no more commands; its end is seen elsewhere.
    this.handle.stdin?.on("error", () => {});
  }

  /** Its number for the system; `undefined` when it did not start. */
  get pid(): number | undefined {
    return this.handle.pid;
  }

  /** Fulfilled when it has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** What it said on standard error, last. */
  get failure(): Error {
    const lines = this.#complaint.trim().split("\n").map((line) => line.trim());
    const text = lines.join(" ");
    return new Error(`${this.#name}: ended: ${text || "without a word"}`);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.handle.kill("SIGTERM");
    const timer = setTimeout(
      () => this.handle.kill("SIGKILL"),
      CLOSE_TIMEOUT_MS,
    );
    await this.#ended;
    clearTimeout(timer);
  }
}

/** Answers what the process asks while it measures. */
export type Oracle<Question extends string> = (
  question: Question,
) => Promise<number>;

/**
 * A process that obeys.
 *
 * @typeParam Order What it can do, beside what every process can.
 * @typeParam Question What it may ask.
 */
export class ObedientChild<
  Order extends AnyOrder,
  Question extends string = never,
> extends Program {
  readonly #waiting = new Map<number, Waiting>();
  readonly #oracle: Oracle<Question> | undefined;
  #lastId = 0;

  /**
   * Starts it.
   *
   * @param name For messages.
   * @param program What to run.
   * @param args With what.
   * @param oracle Answers its questions, if it has any.
   */
  constructor(
    name: string,
    program: string,
    args: readonly string[],
    oracle?: Oracle<Question>,
  ) {
    super(name, program, args);
    this.#oracle = oracle;
    createInterface({ input: this.handle.stdout! })
      .on("line", (line: string) => this.#handleLine(line));
    this.ended.then(() => this.#failAll(this.failure));
  }

  /**
   * Has it do something.
   *
   * @typeParam Value What it answers with.
   * @param command What.
   * @param timeoutMs For how long at most.
   * @returns Its answer.
   */
  async ask<Value>(
    command: Order | CommonOrder,
    timeoutMs: number,
  ): Promise<Value> {
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(
        new Error(`${command.do}: not done within ${timeoutMs / 1_000} s`),
      );
    }, timeoutMs);
    this.#write({ id, ...command });
    try {
      return await answer as Value;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Lets it end by itself, or ends it. */
  async close(): Promise<void> {
    try {
      await this.ask({ do: "close" }, CLOSE_TIMEOUT_MS);
      const timer = setTimeout(() => this.stop(), CLOSE_TIMEOUT_MS);
      await this.ended;
      clearTimeout(timer);
    } catch {
      await this.stop();
    }
  }

  #write(command: Command<Order>): void {
    this.handle.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  #handleLine(line: string): void {
    const report = parseReport(line);
    if (report === undefined) return;
    if ("ask" in report) {
      const { ask, question } = report;
      this.#oracle?.(ask as Question).then(
        (value) =>
          this.#write({ id: ++this.#lastId, do: "hear", question, value }),
        (error: Error) => this.#failAll(error),
      );
      return;
    }
    const waiting = this.#waiting.get(report.id);
    if ("error" in report) waiting?.reject(new Error(report.error));
    else waiting?.resolve(report.value);
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

/** A library may print, too. */
function parseReport(line: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? value as Report
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Everything that `mxp` writes.
 *
 * Results go to standard output, remarks for a person to standard error. With
 * `--json` standard output holds JSON and nothing else.
 *
 * @module
 */
import { oneLine, printable } from "../internal/printable.ts";
import { SealedValue } from "../mesh/mod.ts";
import { CliError } from "./error.ts";
import { openStandardStream, type OutputStream } from "./standard_stream.ts";
import { untilAborted } from "./time_limit.ts";

/** How the runtime says that whoever read the output is gone. */
const CLOSED_CODES: readonly string[] = ["EPIPE", "ERR_STREAM_DESTROYED"];

/** Most characters of remarks that wait for whoever reads them. */
const MAX_WAITING_LENGTH = 65_536;

/** How long the last words wait for whoever reads them, in milliseconds. */
const LAST_WORDS_MS = 1_000;

/** Writes results and remarks. */
export class Output {
  /** Whether standard output is for a program. */
  readonly isJson: boolean;
  /** Whether a person looks at standard output. */
  readonly isTerminal: boolean;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #interruption: AbortSignal | undefined;
  #lastNote = "";
  #waitingLength = 0;
  /** Fulfilled when the last remark is written, or cannot be. */
  #remarks: Promise<void> = Promise.resolve();
  #failure: CliError | undefined;

  /**
   * @param options Whether to write JSON, what ends the wait for whoever reads
   * it, and where to write; the streams of the process when absent.
   */
  constructor(options: {
    isJson: boolean;
    interruption?: AbortSignal;
    stdout?: OutputStream;
    stderr?: OutputStream;
  }) {
    this.isJson = options.isJson;
    this.#interruption = options.interruption;
    this.#stdout = options.stdout ?? openStandardStream("stdout");
    this.isTerminal = this.#stdout.isTTY === true;
    this.#stderr = options.stderr ?? openStandardStream("stderr");
  }

  /**
   * Writes to standard output as it is.
   *
   * @param data Text or bytes; borrowed until the promise resolves.
   * @throws {CliError} `OUTPUT_CLOSED` when nobody reads it any more,
   * `OUTPUT_FAILED` when it cannot be written for another reason,
   * `INTERRUPTED` at Ctrl-C while it waits for whoever reads.
   */
  async write(data: string | Uint8Array): Promise<void> {
    if (data.length === 0) return;
    const written = this.#write(data);
    if (this.#interruption === undefined) await written;
    else await untilAborted(written, this.#interruption);
  }

  async #write(data: string | Uint8Array): Promise<void> {
    // A stream that failed may never call back again.
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await writeTo(this.#stdout, data);
    } catch (error) {
      this.#failure = outputError(error as Error);
      throw this.#failure;
    }
  }

  /**
   * Writes one JSON value and a line break.
   *
   * @param value Any value; bytes become `{"base64": "…"}`.
   * @throws {CliError} As `write()`; `OUTPUT_FAILED` also when the value is
   * nested too deeply.
   */
  async json(value: unknown): Promise<void> {
    await this.write(`${stringify(value)}\n`);
  }

  /**
   * Writes the answer of a call: text and bytes as they are, anything else as
   * JSON. On a terminal text gets the line break that it lacks.
   *
   * @param value The answer.
   */
  async value(value: unknown): Promise<void> {
    if (this.isJson) return await this.json(value);
    if (value instanceof Uint8Array) return await this.write(value);
    if (typeof value !== "string") {
      return await this.write(`${stringify(value, 2)}\n`);
    }
    const isBroken = this.isTerminal && !value.endsWith("\n");
    await this.write(isBroken ? `${value}\n` : value);
  }

  /**
   * Writes a chunk of a stream: text and bytes as they are, so that tokens
   * join to a text; anything else, and everything with `--json`, one a line.
   *
   * @param value The chunk.
   */
  async chunk(value: unknown): Promise<void> {
    const isRaw = typeof value === "string" || value instanceof Uint8Array;
    if (isRaw && !this.isJson) await this.write(value);
    else await this.json(value);
  }

  /**
   * Writes a remark for a person to standard error. Nothing waits for it: while
   * nobody reads them, remarks beyond some are not made.
   *
   * @param text One or more lines, without a final line break.
   */
  note(text: string): void {
    if (this.#waitingLength < MAX_WAITING_LENGTH) this.#remark(text);
  }

  /**
   * Writes a warning to standard error: one line, whoever had a word in it.
   *
   * @param message What happened.
   */
  warn(message: string): void {
    this.note(`mxp: ${oneLine(message)}`);
  }

  /**
   * Writes the last words, and waits for all remarks, a second at most: whoever
   * reads may have stopped.
   *
   * @param failure Why the command failed, if it did: the line for a person, and
   * the value that `--json` writes.
   */
  async end(failure?: { line: string; json: unknown }): Promise<void> {
    let results: Promise<void> | undefined;
    if (failure !== undefined) {
      this.#remark(failure.line);
      if (this.isJson) {
        results = this.#write(`${stringify(failure.json)}\n`).catch(() => {});
      }
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, LAST_WORDS_MS);
    });
    await Promise.race([Promise.all([this.#remarks, results]), over]);
    clearTimeout(timer);
  }

  #remark(text: string): void {
    if (text === this.#lastNote) return; // said already
    this.#lastNote = text;
    this.#waitingLength += text.length;
    this.#remarks = writeTo(this.#stderr, `${text}\n`)
      .catch(() => {}) // nobody reads the remarks: no reason to stop
      .then(() => {
        this.#waitingLength -= text.length;
      });
  }
}

/**
 * Sets out rows in columns.
 *
 * @param rows Cells; the first row is the heading. Text of others is made
 * safe for a terminal.
 * @returns Lines, with a line break at the end of each.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  const lines = cells.map((row) =>
    row.map((cell, index) => cell.padEnd(widths[index]!)).join("  ").trimEnd()
  );
  return lines.map((line) => `${line}\n`).join("");
}

function stringify(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value ?? null, replace, indent) ?? "null";
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CliError(
      "OUTPUT_FAILED",
      "Output: the value is nested too deeply to be shown",
      { cause },
    );
  }
}

function replace(_key: string, field: unknown): unknown {
  if (field instanceof SealedValue) return { sealed: field.bytes };
  if (field instanceof Uint8Array) return { base64: encodeBase64(field) };
  return typeof field === "bigint" ? String(field) : field;
}

function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function writeTo(
  stream: OutputStream,
  data: string | Uint8Array,
): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => error ? reject(error) : resolve());
  });
}

function outputError(cause: Error): CliError {
  const { code = "" } = cause as { code?: string };
  return CLOSED_CODES.includes(code)
    ? new CliError("OUTPUT_CLOSED", "Output: nobody reads it any more", {
      cause,
    })
    : new CliError(
      "OUTPUT_FAILED",
      `Output: it cannot be written (${cause.message})`,
      { cause },
    );
}

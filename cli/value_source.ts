/**
 * The value of a call, from the command line, a file or standard input.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import {
  type JsonValue,
  MAX_PAYLOAD_LENGTH,
  type Value,
} from "../protocol/mod.ts";
import { CliError, usageError } from "./error.ts";

/** Options that say where the value is and what it is. */
export interface ValueOptions {
  /** It is text, even if it looks like JSON. */
  readonly text?: boolean;
  /** It has to be JSON. */
  readonly dataJson?: boolean;
  /** A file whose bytes it is. */
  readonly file?: string;
}

/**
 * Reads the value of a call.
 *
 * @param word The word on the command line; `-` stands for standard input.
 * @param options What the options say.
 * @returns JSON if it is JSON, text if it is text, otherwise bytes;
 * `undefined` when there is none.
 * @throws {CliError} `USAGE`, or `FILE_UNREADABLE`.
 */
export async function readValue(
  word: string | undefined,
  options: ValueOptions,
): Promise<Value | undefined> {
  if (options.text && options.dataJson) {
    throw usageError("one of --text and --data-json only");
  }
  if (options.file !== undefined) {
    if (word !== undefined) throw usageError("a value or --file, not both");
    const bytes = await readBytes(options.file);
    return options.text || options.dataJson
      ? interpret(decode(bytes) ?? notText(options.file), options)
      : bytes;
  }
  if (word === undefined) {
    if (options.dataJson) throw usageError("--data-json needs a value");
    return options.text ? "" : undefined;
  }
  if (word !== "-") return interpret(word, options);
  const bytes = await readStandardInput();
  const text = decode(bytes);
  if (text !== undefined) return interpret(text, options);
  return options.text || options.dataJson ? notText("standard input") : bytes;
}

function interpret(text: string, options: ValueOptions): Value {
  if (options.text) return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    if (options.dataJson) throw usageError("the value is not JSON");
    return text;
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function notText(name: string): never {
  throw usageError(`${name} is not UTF-8 text`);
}

async function readBytes(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  checkSize(bytes.length);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function readStandardInput(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of process.stdin as AsyncIterable<Uint8Array>) {
    length += part.length;
    checkSize(length);
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function checkSize(length: number): void {
  if (length <= MAX_PAYLOAD_LENGTH) return;
  throw usageError(`a value has at most ${MAX_PAYLOAD_LENGTH} bytes`);
}

function unreadable(path: string, error: unknown): CliError {
  const code = (error as { code?: unknown }).code;
  const reason = code === "ENOENT"
    ? "there is no such file"
    : code === "EISDIR"
    ? "it is a directory"
    : "it cannot be read";
  return new CliError("FILE_UNREADABLE", `File ${path}: ${reason}`, {
    cause: error,
  });
}

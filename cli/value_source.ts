/**
 * The value of a call, from the command line, a file or standard input.
 *
 * @module
 */
import {
  type JsonValue,
  MAX_PAYLOAD_LENGTH,
  type Value,
} from "../protocol/mod.ts";
import { readFileBytes, readStandardInput } from "./byte_source.ts";
import { usageError } from "./error.ts";

/**
 * What is left for all of a request but method and value, in bytes: head,
 * envelope and stream id have some 130.
 */
const MAX_REQUEST_HEAD_BYTES = 256;

const BYTE_ORDER_MARK = "\ufeff";

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
 * How large a value can be: a request is one message.
 *
 * @param method What is called with it.
 * @returns A number of bytes.
 */
export function maxValueBytes(method: string): number {
  const { length } = new TextEncoder().encode(method);
  return MAX_PAYLOAD_LENGTH - MAX_REQUEST_HEAD_BYTES - length;
}

/**
 * Reads the value of a call.
 *
 * @param word The word on the command line; `-` stands for standard input.
 * @param options What the options say.
 * @param maxBytes Most bytes that a file or standard input may have.
 * @returns JSON if it is JSON whose numbers can be kept, text if it is text,
 * otherwise bytes; `undefined` when there is none.
 * @throws {CliError} `USAGE`, or `FILE_UNREADABLE`.
 */
export async function readValue(
  word: string | undefined,
  options: ValueOptions,
  maxBytes: number,
): Promise<Value | undefined> {
  if (options.text && options.dataJson) {
    throw usageError("one of --text and --data-json only");
  }
  if (options.file !== undefined) {
    if (word !== undefined) throw usageError("a value or --file, not both");
    const bytes = await readFileBytes(options.file, maxBytes);
    return options.text || options.dataJson
      ? interpret(decode(bytes) ?? notText(options.file), options)
      : bytes;
  }
  if (word === undefined) {
    if (options.dataJson) throw usageError("--data-json needs a value");
    return options.text ? "" : undefined;
  }
  if (word !== "-") return interpret(word, options);
  const bytes = await readStandardInput(maxBytes);
  const text = decode(bytes);
  if (text !== undefined) return interpret(text, options);
  return options.text || options.dataJson ? notText("standard input") : bytes;
}

function interpret(text: string, options: ValueOptions): Value {
  if (options.text) return text;
  const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  const value = parseJson(json);
  if (value === undefined) {
    if (options.dataJson) throw usageError("the value is not JSON");
    return text;
  }
  if (!hasLostNumber(json)) return value;
  if (!options.dataJson) return text;
  throw usageError(
    `the value holds a number beyond ${Number.MAX_SAFE_INTEGER}, which would ` +
      "arrive as another: put it in quotes",
  );
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * Whether a number of a JSON text is not the one that was read: a whole number
 * that was rounded, such as an id, or infinity. Fractions and powers of ten are
 * rounded everywhere.
 */
function hasLostNumber(json: string): boolean {
  const outsideStrings = json.replace(/\\./g, "").replace(/"[^"]*"/g, "");
  for (const [literal] of outsideStrings.matchAll(/-?\d[\d.eE+-]*/g)) {
    const number = Number(literal);
    const isWhole = /^-?\d+$/.test(literal);
    if (isWhole ? !Number.isSafeInteger(number) : !Number.isFinite(number)) {
      return true;
    }
  }
  return false;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    return undefined;
  }
}

function notText(name: string): never {
  throw usageError(`${name} is not UTF-8 text`);
}

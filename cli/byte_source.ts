/**
 * Bytes from a file or from standard input.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  constants,
  createReadStream,
  fstatSync,
  openSync,
  statSync,
} from "node:fs";
import { Socket } from "node:net";
import process from "node:process";
import { missingPermission } from "../internal/missing_permission.ts";
import { CliError, usageError } from "./error.ts";

/** Its file descriptor. */
const STANDARD_INPUT = 0;

/**
 * Reads a file, or what comes out of a pipe.
 *
 * @param path Where it is.
 * @param maxBytes Most bytes that there may be.
 * @returns The bytes.
 * @throws {CliError} `USAGE` when there are more, `FILE_UNREADABLE`.
 */
export async function readFileBytes(
  path: string,
  maxBytes: number,
): Promise<Uint8Array> {
  return await collect(`File ${path}`, maxBytes, () => openFile(path));
}

/**
 * Reads standard input to its end.
 *
 * @param maxBytes Most bytes that there may be.
 * @returns The bytes.
 * @throws {CliError} `USAGE` when there are more, `FILE_UNREADABLE`.
 */
export async function readStandardInput(maxBytes: number): Promise<Uint8Array> {
  return await collect("Standard input", maxBytes, () => {
    // The runtimes take a directory for an empty file.
    if (!fstatSync(STANDARD_INPUT).isDirectory()) return process.stdin;
    throw unreadable("Standard input", "it is a directory");
  });
}

function openFile(path: string): AsyncIterable<Uint8Array> {
  const { versions } = process;
  if (versions.deno !== undefined || !statSync(path).isFIFO()) {
    return createReadStream(path);
  }
  // Node cannot end while it waits for a pipe that it reads as a file.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}

async function collect(
  name: string,
  maxBytes: number,
  open: () => AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of open()) {
      length += part.length;
      // Nothing behind it is read: it may have no end.
      if (length > maxBytes) {
        throw usageError(`${name}: a value has at most ${maxBytes} bytes here`);
      }
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(name, reasonOf(error), error);
  }
  const { buffer, byteOffset } = Buffer.concat(parts);
  return new Uint8Array(buffer, byteOffset, length);
}

function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a directory";
  const permission = missingPermission(error);
  return permission === undefined
    ? "it cannot be read"
    : `it cannot be read (${permission})`;
}

function unreadable(name: string, reason: string, cause?: unknown): CliError {
  return new CliError("FILE_UNREADABLE", `${name}: ${reason}`, { cause });
}

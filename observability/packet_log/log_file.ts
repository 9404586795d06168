/**
 * Files of a log, readable by their owner alone.
 *
 * @module
 */
import fs from "node:fs";
import path from "node:path";
import { missingPermission } from "../../internal/missing_permission.ts";
import { ObservabilityError } from "../error.ts";
import type { Appender } from "./log_sink.ts";

/** The owner reads and writes, nobody else does anything. */
const FILE_MODE = 0o600;

/** The same for a directory. */
const DIRECTORY_MODE = 0o700;

/** What group and others must not have. */
const OTHERS_MASK = 0o077;

/** What becomes of a file that is there already. */
export type ExistingFile =
  /** It is emptied. */
  | "replace"
  /** Lines are added to it, unless group or others may touch it. */
  | "append-if-private"
  /** It stays, and nothing is opened. */
  | "refuse";

/**
 * Makes a directory for logs, and those above it, if they are missing.
 *
 * @param directory Where.
 * @throws {ObservabilityError} `LOG_UNAVAILABLE`.
 */
export function createLogDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    throw unavailable(directory, error);
  }
}

/**
 * Opens a file for a log. One that is made has mode 0600. A named pipe is opened
 * when somebody reads it: nothing waits for a reader.
 *
 * @param file Where.
 * @param existing What becomes of a file that is there already.
 * @returns What appends to it.
 * @throws {ObservabilityError} `LOG_UNAVAILABLE` when it cannot be written,
 * `LOG_PERMISSIONS` when it is to hold keys and is open to others.
 */
export function openLogFile(file: string, existing: ExistingFile): Appender {
  const flags = { replace: "w", "append-if-private": "a", refuse: "wx" };
  let descriptor: number;
  let probe: number | undefined;
  try {
    probe = openAtOnce(file);
    descriptor = fs.openSync(file, flags[existing], FILE_MODE);
  } catch (error) {
    throw unavailable(file, error);
  } finally {
    if (probe !== undefined) fs.closeSync(probe);
  }
  if (existing === "append-if-private" && !isPrivate(descriptor)) {
    fs.closeSync(descriptor);
    throw new ObservabilityError(
      "LOG_PERMISSIONS",
      `Log file ${file}: others may read it, set its mode to 0600`,
    );
  }
  return {
    append: (bytes) => appendAll(descriptor, bytes),
    close: () => close(descriptor),
  };
}

/**
 * Opens a file that is there without waiting. A pipe that nobody reads refuses
 * that; with a reader, opening it once more does not wait either, and as long as
 * this one is open the reader sees no end.
 */
function openAtOnce(file: string): number | undefined {
  const { O_NONBLOCK, O_WRONLY } = fs.constants;
  try {
    return fs.openSync(file, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENXIO") throw error;
    return undefined; // what is wrong otherwise, opening it in earnest says
  }
}

/** Asked of the open file, so that it cannot be exchanged in between. */
function isPrivate(descriptor: number): boolean {
  // Windows has no such bits.
  return path.sep === "\\" ||
    (fs.fstatSync(descriptor).mode & OTHERS_MASK) === 0;
}

async function appendAll(
  descriptor: number,
  bytes: Uint8Array,
): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await append(descriptor, bytes.subarray(offset));
  }
}

function append(descriptor: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(descriptor, bytes, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

function close(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(descriptor, (error) => error ? reject(error) : resolve());
  });
}

function unavailable(file: string, cause: unknown): ObservabilityError {
  const code = (cause as { code?: unknown } | null)?.code;
  const reason = missingPermission(cause) ?? code;
  const detail = reason === undefined ? "" : ` (${reason})`;
  return new ObservabilityError(
    "LOG_UNAVAILABLE",
    `Log file ${file}: it cannot be written${detail}`,
    { cause },
  );
}

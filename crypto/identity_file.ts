/**
 * Key files: an identity on disk, readable by its owner alone.
 *
 * @module
 */
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { builtinModule } from "../internal/builtin_module.ts";
import { missingPermission } from "../internal/missing_permission.ts";
import type { RandomSource } from "../internal/random_source.ts";
import { encodeBase64Url } from "./base64.ts";
import { CryptoError } from "./error.ts";
import {
  createIdentity,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  MAX_IDENTITY_TEXT_LENGTH,
} from "./identity.ts";

/** The owner reads and writes, nobody else does anything. */
const FILE_MODE = 0o600;
/** The same for a directory that is made on the way. */
const DIRECTORY_MODE = 0o700;
/** What group and others must not have. */
const OTHERS_MASK = 0o077;

/**
 * Reads a key file.
 *
 * @param path Where it is.
 * @returns The identity.
 * @throws {CryptoError} `IDENTITY_NOT_FOUND` when there is none,
 * `IDENTITY_PERMISSIONS` when group or others may touch it (not checked on
 * Windows, which has no such bits) or it may not be read, `IDENTITY_INVALID`
 * when it holds something else, `PROVIDER_UNAVAILABLE` without a file system.
 */
export function loadIdentity(path: string): Identity {
  const fs = fileSystem();
  let file: number;
  try {
    // Opening a pipe would wait for its other end, and the process with it.
    if (!fs.statSync(path).isFile()) throw notFile(path);
    file = fs.openSync(path, "r");
  } catch (error) {
    throw fromSystem(error, path);
  }
  try {
    // Asked of the open file, so that it cannot be exchanged in between.
    checkFile(fs.fstatSync(file), path);
    return decodeFile(fs.readFileSync(file, "utf8"), path);
  } catch (error) {
    throw fromSystem(error, path);
  } finally {
    fs.closeSync(file);
  }
}

/**
 * Makes an identity and writes it to a new key file with mode 0600. Missing
 * directories are made with mode 0700. The file appears complete or not at all,
 * and one that exists is never overwritten.
 *
 * @param path Where to put it.
 * @param random Where the private key comes from.
 * @returns The new identity.
 * @throws {CryptoError} `IDENTITY_EXISTS` when there is a file already,
 * `IDENTITY_PERMISSIONS` when the place cannot be written to,
 * `IDENTITY_INVALID` when it is below a file, `PROVIDER_UNAVAILABLE` without a
 * file system.
 */
export function createIdentityFile(
  path: string,
  random: RandomSource,
): Identity {
  const fs = fileSystem();
  const suffix = new Uint8Array(9);
  random.fillPublic(suffix);
  const temporary = `${path}.${encodeBase64Url(suffix)}.tmp`;
  const identity = createIdentity(random);
  try {
    makeDirectory(fs, directoryOf(path), path);
    writeDurably(fs, temporary, encodeIdentity(identity));
    // A link fails when the name is taken, where a rename would replace it.
    fs.linkSync(temporary, path);
  } catch (error) {
    throw fromMaking(error, path);
  } finally {
    removeQuietly(fs, temporary);
  }
  return identity;
}

/**
 * Reads a key file, or makes it when there is none.
 *
 * @param path Where it is or goes.
 * @param random Where a new private key comes from: `systemRandom`, as a rule.
 * @returns The identity that is in the file, even when two processes start at
 * the same time.
 * @throws {CryptoError} As {@linkcode loadIdentity} and
 * {@linkcode createIdentityFile}, but neither `IDENTITY_NOT_FOUND` nor
 * `IDENTITY_EXISTS`.
 */
export function loadOrCreateIdentity(
  path: string,
  random: RandomSource,
): Identity {
  try {
    return loadIdentity(path);
  } catch (error) {
    if (!hasCode(error, "IDENTITY_NOT_FOUND")) throw error;
  }
  try {
    return createIdentityFile(path, random);
  } catch (error) {
    if (!hasCode(error, "IDENTITY_EXISTS")) throw error;
    return loadIdentity(path); // another process was faster
  }
}

function makeDirectory(
  fs: typeof NodeFs,
  directory: string,
  path: string,
): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE });
  } catch (error) {
    // Only a file keeps a directory from being there already.
    throw hasCode(error, "EEXIST") ? notInDirectory(path, error) : error;
  }
}

function writeDurably(fs: typeof NodeFs, path: string, text: string): void {
  const file = fs.openSync(path, "wx", FILE_MODE);
  try {
    fs.writeFileSync(file, text);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

function removeQuietly(fs: typeof NodeFs, path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // Where it was not made, what kept it from that was thrown already.
  }
}

function decodeFile(text: string, path: string): Identity {
  try {
    return decodeIdentity(text);
  } catch (error) {
    throw new CryptoError(
      "IDENTITY_INVALID",
      `Key file ${path}: it holds no identity (${(error as Error).message})`,
      { cause: error },
    );
  }
}

function checkFile(stats: NodeFs.Stats, path: string): void {
  if (!stats.isFile()) throw notFile(path);
  if (stats.size > MAX_IDENTITY_TEXT_LENGTH) {
    throw new CryptoError(
      "IDENTITY_INVALID",
      `Key file ${path}: ${stats.size} bytes are too many`,
    );
  }
  const mode = stats.mode & 0o777;
  if (!isWindows() && (mode & OTHERS_MASK) !== 0) {
    const octal = mode.toString(8).padStart(4, "0");
    throw new CryptoError(
      "IDENTITY_PERMISSIONS",
      `Key file ${path}: mode ${octal} lets others in, set it to 0600`,
    );
  }
}

function fromSystem(error: unknown, path: string): CryptoError {
  if (error instanceof CryptoError) return error;
  const make = (code: CryptoError["code"], detail: string): CryptoError =>
    new CryptoError(code, `Key file ${path}: ${detail}`, { cause: error });
  if (hasCode(error, "ENOENT")) {
    return make("IDENTITY_NOT_FOUND", "there is none");
  }
  if (hasCode(error, "EEXIST")) {
    return make("IDENTITY_EXISTS", "it exists and is not overwritten");
  }
  if (hasCode(error, "EISDIR") || hasCode(error, "ENOTDIR")) {
    return notInDirectory(path, error);
  }
  const permission = missingPermission(error);
  const { code = "no reason given" } = error as { code?: string };
  return make(
    "IDENTITY_PERMISSIONS",
    permission === undefined
      ? `the system refuses access (${code})`
      : `the runtime refuses access (${permission})`,
  );
}

function notFile(path: string): CryptoError {
  return new CryptoError("IDENTITY_INVALID", `Key file ${path}: not a file`);
}

function notInDirectory(path: string, cause: unknown): CryptoError {
  return new CryptoError(
    "IDENTITY_INVALID",
    `Key file ${path}: not a file in a directory`,
    { cause },
  );
}

/** As {@linkcode fromSystem}, for a file that is to be made. */
function fromMaking(error: unknown, path: string): CryptoError {
  if (!hasCode(error, "ENOENT")) return fromSystem(error, path);
  return new CryptoError(
    "IDENTITY_PERMISSIONS",
    `Key file ${path}: it cannot be made there`,
    { cause: error },
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === code;
}

function directoryOf(path: string): string {
  const module = builtinModule("node:path") as typeof NodePath;
  return module.dirname(path);
}

function isWindows(): boolean {
  const path = builtinModule("node:path") as typeof NodePath;
  return path.sep === "\\";
}

function fileSystem(): typeof NodeFs {
  const module = builtinModule("node:fs") as typeof NodeFs | undefined;
  if (module === undefined) {
    throw new CryptoError(
      "PROVIDER_UNAVAILABLE",
      "Key file: this runtime has no file system",
    );
  }
  return module;
}

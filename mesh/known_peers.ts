/**
 * Trust on first use: the keys that peers showed when they were met first.
 *
 * ```text
 * # peers that mxp has met; remove a line to trust a new key
 * localhost:9000 q83v…(43 characters of base64url)…
 * ```
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { missingPermission } from "../internal/missing_permission.ts";
import { CallError } from "./error.ts";

/** Size of a static public key, in bytes. */
const PUBLIC_KEY_LENGTH = 32;

/**
 * How often a file is read whose last line another process is still writing: the
 * pauses double from 2 ms, a quarter of a second in all.
 */
const MAX_READS = 8;

/** Largest file that is read, in bytes: thousands of peers. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Of a file that is made: the owner reads and writes, nobody else does anything. */
const FILE_MODE = 0o600;

/** The same for a directory. */
const DIRECTORY_MODE = 0o700;

const HEADER = "# peers that mxp has met; remove a line to trust a new key\n";
const LINE = /^(\S+) ([A-Za-z0-9_-]{43})$/;

/**
 * A file of peers and their keys. It is read at each use and only ever added to,
 * a line at a time, so that processes share it; what a person wrote there stays.
 * One that is made is readable by its owner only. Of two lines for an address the
 * last one counts.
 */
export class KnownPeers {
  /** Where the file is. */
  readonly path: string;
  readonly #sleep: (milliseconds: number) => void;
  /** What the file held when the end of its last line was waited for in vain. */
  #unfinished: string | undefined;

  /**
   * Names the file; nothing is read yet.
   *
   * @param path Where it is, or will be.
   * @param sleep Stops this thread: the file is read where nothing can be awaited.
   */
  constructor(
    path: string,
    sleep: (milliseconds: number) => void = sleepThread,
  ) {
    this.path = path;
    this.#sleep = sleep;
  }

  /**
   * Looks a peer up.
   *
   * @param address `host:port`.
   * @returns Its static public key; `undefined` when it was never met.
   * @throws {CallError} `FAILED_PRECONDITION` when the file cannot be read.
   */
  find(address: string): Uint8Array | undefined {
    return this.#read().get(address);
  }

  /**
   * Remembers the key of a peer, in place of the one that it had.
   *
   * @param address `host:port`.
   * @param publicKey Its static public key, 32 bytes.
   * @throws {CallError} `FAILED_PRECONDITION` when the file cannot be read or
   * written.
   */
  remember(address: string, publicKey: Uint8Array): void {
    const key = Buffer.from(publicKey);
    const known = this.find(address);
    if (known !== undefined && key.equals(known)) return;
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: DIRECTORY_MODE });
      appendLine(this.path, `${address} ${key.toString("base64url")}\n`);
    } catch (cause) {
      throw this.#failure("cannot be written", cause);
    }
  }

  #read(): Map<string, Uint8Array> {
    for (let reads = 1;; reads++) {
      const text = this.#readText();
      const lines = text.split("\n");
      const peers = new Map<string, Uint8Array>();
      const wrong = lines.findIndex((line) => !addPeer(peers, line));
      if (wrong === -1) return peers;
      // A write that crosses a page of the file is seen in two parts. What is
      // there of the line is never taken for none: its peer would be trusted anew.
      const isFinal = wrong < lines.length - 1 || text === this.#unfinished;
      if (isFinal || reads === MAX_READS) {
        this.#unfinished = text;
        throw this.#failure(`line ${wrong + 1} is not "host:port key"`);
      }
      this.#sleep(2 ** reads);
    }
  }

  #readText(): string {
    try {
      const stats = statSync(this.path);
      // Opening a pipe would wait for its other end, and the process with it.
      if (!stats.isFile()) throw this.#failure("is not a file");
      if (stats.size > MAX_FILE_BYTES) throw this.#failure("is too large");
      return readFileSync(this.path, "utf8");
    } catch (cause) {
      if (cause instanceof CallError) throw cause;
      if ((cause as { code?: string }).code === "ENOENT") return "";
      throw this.#failure("cannot be read", cause);
    }
  }

  #failure(detail: string, cause?: unknown): CallError {
    const reason = missingPermission(cause) ??
      (cause as { code?: string } | undefined)?.code;
    return new CallError(
      "FAILED_PRECONDITION",
      `Known peers file ${this.path}: ${detail}${
        reason === undefined ? "" : ` (${reason})`
      }`,
      { cause },
    );
  }
}

/** Reads a line into `peers`; says whether it is one that may be there. */
function addPeer(peers: Map<string, Uint8Array>, line: string): boolean {
  if (line.trim() === "" || line.startsWith("#")) return true;
  const [, address, encoded] = LINE.exec(line.trimEnd()) ?? [];
  const key = Buffer.from(encoded ?? "", "base64url");
  if (address === undefined || key.length !== PUBLIC_KEY_LENGTH) return false;
  peers.set(address, new Uint8Array(key));
  return true;
}

function sleepThread(milliseconds: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(never, 0, 0, milliseconds);
}

/**
 * Adds a line with one write, after whatever other processes add meanwhile. A
 * last line without a line break, as a person may leave it, is ended first.
 */
function appendLine(path: string, line: string): void {
  const file = openSync(path, "a+", FILE_MODE);
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(file, last, 0, 1, size - 1);
    const start = size === 0 ? HEADER : last.toString() === "\n" ? "" : "\n";
    const bytes = Buffer.from(start + line);
    try {
      writeFileSync(file, bytes);
    } catch (error) {
      removePart(file, size, bytes);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

/** Half a line, of a disk that is full, would keep all others from being read. */
function removePart(file: number, start: number, whole: Buffer): void {
  const length = fstatSync(file).size - start;
  if (length <= 0 || length >= whole.length) return;
  const part = Buffer.alloc(length);
  readSync(file, part, 0, length, start);
  if (whole.subarray(0, length).equals(part)) ftruncateSync(file, start);
}

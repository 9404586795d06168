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
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { missingPermission } from "../internal/missing_permission.ts";
import { CallError } from "./error.ts";

/** Size of a static public key, in bytes. */
const PUBLIC_KEY_LENGTH = 32;

/** Largest file that is read, in bytes: thousands of peers. */
const MAX_FILE_BYTES = 1024 * 1024;

const HEADER = "# peers that mxp has met; remove a line to trust a new key\n";
const LINE = /^(\S+) ([A-Za-z0-9_-]{43})$/;

/**
 * A file of peers and their keys. It is read at each use, so that processes
 * share it, and written whole to a new file that takes the old one's place,
 * readable by its owner only.
 */
export class KnownPeers {
  /** Where the file is. */
  readonly path: string;

  /**
   * Names the file; nothing is read yet.
   *
   * @param path Where it is, or will be.
   */
  constructor(path: string) {
    this.path = path;
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
   * Remembers the key of a peer.
   *
   * @param address `host:port`.
   * @param publicKey Its static public key, 32 bytes.
   * @throws {CallError} `FAILED_PRECONDITION` when the file cannot be read or
   * written.
   */
  remember(address: string, publicKey: Uint8Array): void {
    const peers = this.#read().set(address, publicKey);
    const lines = [...peers].map(([peer, key]) =>
      `${peer} ${Buffer.from(key).toString("base64url")}\n`
    );
    const temporary = `${this.path}.${crypto.randomUUID()}`;
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, HEADER + lines.join(""), {
        mode: 0o600,
        flag: "wx",
      });
      renameSync(temporary, this.path);
    } catch (cause) {
      // Without the permission to write there is nothing to remove either.
      if (missingPermission(cause) === undefined) {
        rmSync(temporary, { force: true });
      }
      throw this.#failure("cannot be written", cause);
    }
  }

  #read(): Map<string, Uint8Array> {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (cause) {
      if ((cause as { code?: string }).code === "ENOENT") return new Map();
      throw this.#failure("cannot be read", cause);
    }
    if (text.length > MAX_FILE_BYTES) throw this.#failure("is too large");
    const peers = new Map<string, Uint8Array>();
    text.split("\n").forEach((line, index) => {
      if (line.trim() === "" || line.startsWith("#")) return;
      const [, address, encoded] = LINE.exec(line.trimEnd()) ?? [];
      const key = Buffer.from(encoded ?? "", "base64url");
      if (address === undefined || key.length !== PUBLIC_KEY_LENGTH) {
        throw this.#failure(`line ${index + 1} is not "host:port key"`);
      }
      peers.set(address, new Uint8Array(key));
    });
    return peers;
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

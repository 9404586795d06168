/**
 * Standard output and standard error of the process.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import process from "node:process";

/** A stream of the process, as far as it is used. */
export interface OutputStream {
  /** Whether a person looks at it. */
  readonly isTTY?: boolean;
  /** Writes behind what was written before, then calls back. */
  write(
    data: string | Uint8Array,
    callback: (error?: Error | null) => void,
  ): unknown;
}

/**
 * Opens a stream of the process.
 *
 * @param name Which one.
 * @returns The stream. While nobody reads what is on the other side, the rest of
 * the process goes on.
 */
export function openStandardStream(name: "stdout" | "stderr"): OutputStream {
  // To the streams of `node:process` Deno writes while everything else waits.
  if (globalThis.Deno !== undefined) return openDenoStream(Deno[name]);
  const stream = process[name];
  // The callback of the write reports it; without a listener it would throw.
  if (stream.listenerCount("error") === 0) stream.on("error", () => {});
  return {
    isTTY: stream.isTTY,
    write: (data, callback) => stream.write(data as Buffer | string, callback),
  };
}

function openDenoStream(
  stream: typeof Deno.stdout | typeof Deno.stderr,
): OutputStream {
  const encoder = new TextEncoder();
  let last: Promise<void> = Promise.resolve();
  return {
    isTTY: stream.isTerminal(),
    write: (data, callback) => {
      const bytes = typeof data === "string" ? encoder.encode(data) : data;
      last = last.then(() => writeAll(stream, bytes))
        .then(() => callback(), callback);
    },
  };
}

async function writeAll(
  stream: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await stream.write(bytes.subarray(sent));
  }
}

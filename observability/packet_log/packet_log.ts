/**
 * A packet log: what the transport did, for whoever has to find out why.
 *
 * @module
 */
import type {
  Address,
  EndpointObserver,
  Instant,
} from "../../transport/mod.ts";
import { ObservabilityError } from "../error.ts";
import { combineObservers } from "./combine_observers.ts";
import { createPacketLogLimits, type PacketLogLimits } from "./config.ts";
import { encodeKeyLogLine } from "./key_log.ts";
import {
  createLogDirectory,
  type ExistingFile,
  openLogFile,
} from "./log_file.ts";
import {
  type ByteBudget,
  createLogSinkStats,
  LogSink,
  type LogSinkStats,
} from "./log_sink.ts";
import { encodePcapHeader, encodePcapRecord } from "./pcap.ts";
import { QlogDirectory } from "./qlog_directory.ts";

/** Options of {@linkcode PacketLog.open}; one of the first three at least. */
export interface PacketLogOptions extends PacketLogLimits {
  /**
   * Where qlog files go, one for each connection; made when missing. They hold
   * addresses, sizes, times and identifiers, neither data nor keys.
   */
  readonly qlogDirectory?: string;
  /** Capture of all datagrams, as they travel: encrypted. Replaced when it exists. */
  readonly pcapFile?: string;
  /**
   * Keys of every connection. **Whoever has this file and a capture reads
   * everything.** Lines are added when it exists; refused when others than its
   * owner may read it.
   */
  readonly keyLogFile?: string;
  /**
   * Called with one line for a person: keys are logged, a file failed. What it
   * throws is rethrown in a microtask, where the runtime reports it as uncaught.
   */
  readonly onWarning?: (message: string) => void;
  /** Milliseconds since 1970; the system's clock when absent. */
  readonly wallClock?: () => number;
}

/** Counters of a {@linkcode PacketLog}. */
export interface PacketLogStats {
  /** Bytes written to all files. */
  readonly bytesWritten: number;
  /** Records dropped: the disk was too slow or failed, or a file is full. */
  readonly recordsDropped: number;
  /** Connections that got no qlog file: because of a limit, or it cannot be made. */
  readonly connectionsSkipped: number;
}

/**
 * Writes what transports do to files.
 *
 * Nothing waits for the disk: while it is slow, records are dropped and counted
 * in {@linkcode PacketLog.stats}. Files are made with mode 0600.
 *
 * @example Usage
 * ```ts
 * import { PacketLog } from "@mxp/core/observability";
 * import { Agent, Node } from "@mxp/core";
 * import assert from "node:assert/strict";
 * import { mkdtempSync, readdirSync, rmSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const directory = mkdtempSync(join(tmpdir(), "mxp-"));
 * const log = PacketLog.open({ qlogDirectory: directory });
 * const node = await Node.start({ port: 0 });
 * const agent = await Agent.connect(node.url, { observe: log.observe });
 *
 * await agent.close();
 * await node.close();
 * await log.close();
 * assert.match(readdirSync(directory)[0]!, /^[0-9a-f]{16}_client\.sqlog$/);
 * rmSync(directory, { recursive: true });
 * ```
 */
export class PacketLog {
  readonly #limits: Required<PacketLogLimits>;
  readonly #sinkStats: LogSinkStats = createLogSinkStats();
  readonly #options: PacketLogOptions;
  readonly #wallClock: () => number;
  readonly #qlog: QlogDirectory | undefined;
  readonly #pcap: LogSink | undefined;
  readonly #keys: LogSink | undefined;
  /** Milliseconds since 1970 at the instant 0. */
  #epochMs: number | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: PacketLogOptions) {
    const { keyLogFile, pcapFile, qlogDirectory } = options;
    this.#options = options;
    this.#limits = createPacketLogLimits(limitsOf(options));
    this.#wallClock = options.wallClock ?? Date.now;
    if (qlogDirectory !== undefined) {
      createLogDirectory(qlogDirectory);
      this.#qlog = new QlogDirectory({
        directory: qlogDirectory,
        limits: this.#limits,
        unixMs: (now) => this.#unixMs(now),
        openSink: (file, budget) => this.#tryOpen(file, budget),
      });
    }
    // The one that may be refused comes first: nothing is replaced then.
    if (keyLogFile !== undefined) {
      this.#keys = this.#open(keyLogFile, "append-if-private");
    }
    try {
      if (pcapFile !== undefined) this.#pcap = this.#open(pcapFile, "replace");
    } catch (error) {
      void this.#keys?.close();
      throw error;
    }
    this.#pcap?.write(encodePcapHeader());
    if (keyLogFile !== undefined) {
      this.#warn(
        `Key log: whoever reads ${keyLogFile} can decrypt every connection of this process`,
      );
    }
  }

  /**
   * Opens the files.
   *
   * @param options What to write, and where.
   * @returns The log; close it after the transports.
   * @throws {ObservabilityError} `INVALID_CONFIG` when nothing is asked for or a
   * limit is out of its bounds, `LOG_UNAVAILABLE` for a file that cannot be
   * written, `LOG_PERMISSIONS` for a key log that others may read.
   */
  static open(options: PacketLogOptions): PacketLog {
    const { keyLogFile, pcapFile, qlogDirectory } = options;
    if ((keyLogFile ?? pcapFile ?? qlogDirectory) === undefined) {
      throw new ObservabilityError(
        "INVALID_CONFIG",
        "Packet log: one of qlogDirectory, pcapFile and keyLogFile is needed",
      );
    }
    return new PacketLog(options);
  }

  /** Counters. */
  get stats(): PacketLogStats {
    const { bytesWritten, recordsDropped } = this.#sinkStats;
    return {
      bytesWritten,
      recordsDropped,
      connectionsSkipped: this.#qlog?.connectionsSkipped ?? 0,
    };
  }

  /**
   * Watches a transport: the `observe` option of `Transport.bind`,
   * `Agent.connect` and `Node.start`. Bound, so that it can be handed over.
   *
   * @param local Where the transport is bound.
   * @returns Its observer.
   */
  readonly observe = (local: Address): EndpointObserver =>
    combineObservers([
      this.#qlog?.observe(local),
      this.#pcap && this.#capture(this.#pcap, local),
      this.#keys && logKeys(this.#keys),
    ].filter((observer) => observer !== undefined));

  /**
   * Writes what waits and closes the files. What happens later is dropped. A
   * second call waits for the first.
   */
  close(): Promise<void> {
    this.#closing ??= Promise.all([
      this.#qlog?.close(),
      this.#pcap?.close(),
      this.#keys?.close(),
    ]).then(() => {});
    return this.#closing;
  }

  /** As {@linkcode PacketLog.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #capture(sink: LogSink, bound: Address): EndpointObserver {
    let local = bound;
    const write = (
      now: Instant,
      path: { from: Address; to: Address },
      datagram: Uint8Array,
    ): void => {
      sink.write(encodePcapRecord(this.#unixMs(now), path, datagram));
    };
    return {
      onRebound: (address) => {
        local = address;
      },
      onDatagramSent: (now, to, datagram) =>
        write(now, { from: local, to }, datagram),
      onDatagramReceived: (now, from, datagram) =>
        write(now, { from, to: local }, datagram),
    };
  }

  /** Both clocks are read once: the times of a log never go back. */
  #unixMs(now: Instant): number {
    this.#epochMs ??= this.#wallClock() - now;
    return this.#epochMs + now;
  }

  #open(
    file: string,
    existing: ExistingFile,
    budget?: ByteBudget,
  ): LogSink {
    return new LogSink({
      appender: openLogFile(file, existing),
      maxQueuedBytes: this.#limits.maxQueuedBytes,
      maxFileBytes: this.#limits.maxFileBytes,
      stats: this.#sinkStats,
      ...(budget === undefined ? {} : { budget }),
      onError: (error) => this.#warnOfEnd(file, error),
      schedule: (task) => setTimeout(task, 0),
    });
  }

  /** A connection goes on without its log. */
  #tryOpen(file: string, budget: ByteBudget): LogSink | "taken" | undefined {
    if (this.#closing !== undefined) return undefined;
    try {
      return this.#open(file, "refuse", budget);
    } catch (error) {
      if (isTaken(error)) return "taken";
      this.#warnOfEnd(file, error);
      return undefined;
    }
  }

  #warnOfEnd(file: string, error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    this.#warn(`Packet log: ${file} ends here: ${detail}`);
  }

  /** Whoever warns is in the middle of writing, and must go on. */
  #warn(message: string): void {
    try {
      this.#options.onWarning?.(message);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function logKeys(sink: LogSink): EndpointObserver {
  return { onSecret: (secret) => void sink.write(encodeKeyLogLine(secret)) };
}

function isTaken(error: unknown): boolean {
  return error instanceof ObservabilityError &&
    (error.cause as { code?: unknown } | undefined)?.code === "EEXIST";
}

function limitsOf(options: PacketLogOptions): PacketLogLimits {
  const {
    qlogDirectory: _qlogDirectory,
    pcapFile: _pcapFile,
    keyLogFile: _keyLogFile,
    onWarning: _onWarning,
    wallClock: _wallClock,
    ...limits
  } = options;
  return limits;
}

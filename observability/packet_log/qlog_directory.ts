/**
 * A directory of qlog files, one for each connection, and one for each socket
 * with what belongs to no connection.
 *
 * @module
 */
import path from "node:path";
import type {
  Address,
  ConnectionObserver,
  EndpointObserver,
  Instant,
  ObservedConnection,
  StrayPacket,
} from "../../transport/mod.ts";
import type { PacketLogLimits } from "./config.ts";
import { ByteBudget, type LogSink } from "./log_sink.ts";
import { encodeQlogEvent, encodeQlogHeader, type QlogHeader } from "./qlog.ts";
import { droppedPacket, one } from "./qlog_event.ts";
import { QlogTrace } from "./qlog_trace.ts";

/** What a {@linkcode QlogDirectory} is made from. */
export interface QlogDirectoryOptions {
  /** Where the files go. */
  readonly directory: string;
  /** How many, and how large. */
  readonly limits: Required<PacketLogLimits>;
  /** Milliseconds since 1970 at an instant. */
  readonly unixMs: (now: Instant) => number;
  /** Opens a file that is not there yet; `undefined` when that failed. */
  readonly openSink: (
    file: string,
    budget: ByteBudget,
  ) => LogSink | "taken" | undefined;
}

/** What takes the packets of no connection of one endpoint. */
interface StrayLog {
  /** `undefined` when there may be no more files. */
  readonly sink: LogSink | undefined;
  readonly write: (now: Instant, packet: StrayPacket) => void;
}

/**
 * Names that are tried for one file: whoever sends a hello chooses the connection id
 * that is in it, and may choose it again.
 */
const MAX_NAMES = 16;

/** Opens and closes the files. */
export class QlogDirectory {
  readonly #options: QlogDirectoryOptions;
  readonly #budget: ByteBudget;
  readonly #openSinks = new Set<LogSink>();
  readonly #closing = new Set<Promise<void>>();
  #fileCount = 0;
  /** The number behind the last name that would have been there twice. */
  #nameNumber = 1;
  #connectionsSkipped = 0;

  /** @param options Where, and how much. */
  constructor(options: QlogDirectoryOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.limits.maxTotalBytes);
  }

  /** Files that were opened. */
  get fileCount(): number {
    return this.#fileCount;
  }

  /** Connections that got no file, because of a limit. */
  get connectionsSkipped(): number {
    return this.#connectionsSkipped;
  }

  /**
   * Watches an endpoint.
   *
   * @param local Where it is bound.
   * @returns Its observer.
   */
  observe(local: Address): EndpointObserver {
    let strays: StrayLog | undefined;
    return {
      onConnection: (now, connection) => this.#trace(now, local, connection),
      onStrayPacket: (now, packet) => {
        strays ??= this.#logStrays(now, local);
        strays.write(now, packet);
      },
      onClosed: () => {
        if (strays?.sink !== undefined) this.#closeSink(strays.sink);
      },
    };
  }

  /** Writes what waits and closes every file. */
  async close(): Promise<void> {
    for (const sink of this.#openSinks) this.#closeSink(sink);
    await Promise.all(this.#closing);
  }

  #trace(
    now: Instant,
    local: Address,
    connection: ObservedConnection,
  ): ConnectionObserver {
    const { isInitiator, initiatorConnectionId, remoteAddress } = connection;
    const vantagePoint = isInitiator ? "client" : "server";
    const trace = new QlogTrace({
      isInitiator,
      startedAt: now,
      open: () =>
        this.#open(`${initiatorConnectionId}_${vantagePoint}`, now, {
          title: `Connection ${initiatorConnectionId}`,
          vantagePoint,
          groupId: initiatorConnectionId,
        }),
      onEnd: (sink) => {
        if (sink !== undefined) this.#closeSink(sink);
      },
    });
    trace.write(
      now,
      one("mxp:connection_started", { local, remote: remoteAddress }),
    );
    return trace;
  }

  #logStrays(startedAt: Instant, local: Address): StrayLog {
    const unixMs = Math.floor(this.#options.unixMs(startedAt));
    const sink = this.#open(`socket_${local.port}_${unixMs}`, startedAt, {
      title: `Packets of no connection, port ${local.port}`,
      vantagePoint: "unknown",
    });
    return {
      sink,
      write: (now, packet) => {
        sink?.write(encodeQlogEvent(now - startedAt, droppedPacket(packet)));
      },
    };
  }

  #open(
    name: string,
    startedAt: Instant,
    header: Omit<QlogHeader, "referenceTimeMs">,
  ): LogSink | undefined {
    const { limits, unixMs } = this.#options;
    const isAllowed = this.#fileCount < limits.maxFiles &&
      this.#openSinks.size < limits.maxOpenFiles;
    const sink = isAllowed ? this.#openSink(name) : undefined;
    if (sink === undefined) {
      this.#connectionsSkipped++;
      return undefined;
    }
    this.#fileCount++;
    this.#openSinks.add(sink);
    sink.write(
      encodeQlogHeader({ ...header, referenceTimeMs: unixMs(startedAt) }),
    );
    return sink;
  }

  #openSink(name: string): LogSink | undefined {
    const { directory, openSink } = this.#options;
    let file = `${name}.sqlog`;
    for (let tried = 0; tried < MAX_NAMES; tried++) {
      const sink = openSink(path.join(directory, file), this.#budget);
      if (sink !== "taken") return sink;
      file = `${name}_${++this.#nameNumber}.sqlog`;
    }
    return undefined;
  }

  #closeSink(sink: LogSink): void {
    if (!this.#openSinks.delete(sink)) return;
    const closing = sink.close().then(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }
}

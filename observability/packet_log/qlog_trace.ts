/**
 * The log of one connection, as it is written.
 *
 * @module
 */
import type {
  ConnectionObserver,
  Instant,
  TraceEvent,
} from "../../transport/mod.ts";
import { MAX_PENDING_TRACE_BYTES } from "./config.ts";
import type { LogSink } from "./log_sink.ts";
import { encodeQlogEvent, type QlogEvent } from "./qlog.ts";
import { one, QlogEventMapper } from "./qlog_event.ts";

/** What a {@linkcode QlogTrace} is made from. */
export interface QlogTraceOptions {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** When the log begins. */
  readonly startedAt: Instant;
  /**
   * Opens the file, when it is known that there is something to log. Gives
   * `undefined` when there may be no more files.
   */
  readonly open: () => LogSink | undefined;
  /** Called once, when nothing more will be written. */
  readonly onEnd: (sink: LogSink | undefined) => void;
}

/**
 * Writes what one connection tells.
 *
 * Whoever sends a hello can make a connection begin, but not be established: so
 * a connection that a peer began gets its file when its handshake is complete.
 */
export class QlogTrace implements ConnectionObserver {
  readonly #options: QlogTraceOptions;
  readonly #mapper: QlogEventMapper;
  #sink: LogSink | undefined;
  /** Records of before the file; `undefined` once they are written or given up. */
  #pending: Uint8Array[] | undefined = [];
  #pendingBytes = 0;
  #droppedCount = 0;
  #isEnded = false;

  /** @param options Which connection, and where to write. */
  constructor(options: QlogTraceOptions) {
    this.#options = options;
    this.#mapper = new QlogEventMapper(options.isInitiator);
    if (options.isInitiator) this.#open();
  }

  /**
   * Writes an event.
   *
   * @param now The time.
   * @param event What happened.
   */
  onEvent(now: Instant, event: TraceEvent): void {
    if (this.#isEnded) return;
    if (event.type === "handshake-complete") this.#open();
    for (const mapped of this.#mapper.map(event)) this.write(now, mapped);
    if (event.type === "connection-state" && event.state === "closed") {
      this.#isEnded = true;
      this.#pending = undefined;
      this.#options.onEnd(this.#sink);
    }
  }

  /**
   * Writes a record.
   *
   * @param now The time.
   * @param event What to write.
   */
  write(now: Instant, event: QlogEvent): void {
    const record = encodeQlogEvent(now - this.#options.startedAt, event);
    if (this.#pending !== undefined) {
      this.#pendingBytes += record.length;
      if (this.#pendingBytes <= MAX_PENDING_TRACE_BYTES) {
        this.#pending.push(record);
      } else this.#droppedCount++;
      return;
    }
    const sink = this.#sink;
    if (sink === undefined) return;
    if (this.#droppedCount > 0) this.#confess(now, sink);
    if (this.#droppedCount > 0 || !sink.write(record)) this.#droppedCount++;
  }

  /** Whoever reads the log has to know where it has a hole. */
  #confess(now: Instant, sink: LogSink): void {
    const count = this.#droppedCount;
    const record = encodeQlogEvent(
      now - this.#options.startedAt,
      one("mxp:log_records_dropped", { count }),
    );
    if (sink.write(record)) this.#droppedCount = 0;
  }

  #open(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    this.#sink = this.#options.open();
    for (const record of pending) {
      if (this.#sink?.write(record) === false) this.#droppedCount++;
    }
  }
}

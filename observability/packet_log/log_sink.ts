/**
 * Where records of a log go: a queue with a bound in front of something slow.
 *
 * Whoever writes never waits. While the disk is slower than the connection,
 * records are dropped whole and counted, so that the log stays readable and the
 * protocol keeps its time.
 *
 * @module
 */

/** Appends bytes somewhere. */
export interface Appender {
  /**
   * Appends bytes. Not called again before it is done.
   *
   * @param bytes All of them are written; not changed until it is done.
   */
  append(bytes: Uint8Array): Promise<void>;
  /** Gives the file back. Called once, after the last `append` is done. */
  close(): Promise<void>;
}

/** Bytes that several sinks may write together. */
export class ByteBudget {
  #leftBytes: number;

  /** @param bytes How many. */
  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  /**
   * Takes bytes if enough are left.
   *
   * @param byteCount How many.
   * @returns Whether they were taken.
   */
  take(byteCount: number): boolean {
    if (byteCount > this.#leftBytes) return false;
    this.#leftBytes -= byteCount;
    return true;
  }
}

/** Counters of one {@linkcode LogSink} or of several. */
export interface LogSinkStats {
  /** Records that were written. */
  recordsWritten: number;
  /** Their bytes. */
  bytesWritten: number;
  /** Records that were dropped: the disk was slow or failed, or the file is full. */
  recordsDropped: number;
}

/** @returns Counters to begin with. */
export function createLogSinkStats(): LogSinkStats {
  return { recordsWritten: 0, bytesWritten: 0, recordsDropped: 0 };
}

/** Options of a {@linkcode LogSink}. */
export interface LogSinkOptions {
  /** Where the bytes go. */
  readonly appender: Appender;
  /** Bytes that may wait. */
  readonly maxQueuedBytes: number;
  /** Bytes after which the log ends. */
  readonly maxFileBytes: number;
  /** Bytes that this sink shares with others. */
  readonly budget?: ByteBudget;
  /** What it counts in, with others as a rule; counters of its own when absent. */
  readonly stats?: LogSinkStats;
  /**
   * Called once, when the file fails; everything is dropped from then on. Must not
   * throw.
   */
  readonly onError: (error: unknown) => void;
  /** Runs a task soon, in a turn of its own: until then records gather. */
  readonly schedule: (task: () => void) => void;
}

/** Takes records and appends them in order. */
export class LogSink {
  /** Counters. */
  readonly stats: LogSinkStats;
  readonly #options: LogSinkOptions;
  #queue: Uint8Array[] = [];
  /** Of the queue, and of what is being appended. */
  #queuedBytes = 0;
  #isAppending = false;
  #isFull = false;
  #isFailed = false;
  #closing: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;
  /** Written, or on the way. */
  #takenBytes = 0;

  /** @param options Where to write, and how much. */
  constructor(options: LogSinkOptions) {
    this.#options = options;
    this.stats = options.stats ?? createLogSinkStats();
  }

  /**
   * Takes a record, or drops it.
   *
   * @param record The whole record; owned here from now on.
   * @returns Whether it was taken.
   */
  write(record: Uint8Array): boolean {
    if (!this.#admit(record.length)) {
      this.stats.recordsDropped++;
      return false;
    }
    this.#takenBytes += record.length;
    this.#queuedBytes += record.length;
    this.#queue.push(record);
    if (!this.#isAppending) {
      this.#isAppending = true;
      this.#options.schedule(() => void this.#appendAll());
    }
    return true;
  }

  /**
   * Writes what waits and gives the file back. A second call waits for the
   * first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #admit(byteCount: number): boolean {
    const { maxQueuedBytes, maxFileBytes, budget } = this.#options;
    if (this.#isFull || this.#isFailed || this.#closing !== undefined) {
      return false;
    }
    if (this.#queuedBytes + byteCount > maxQueuedBytes) return false;
    if (
      this.#takenBytes + byteCount <= maxFileBytes &&
      budget?.take(byteCount) !== false
    ) return true;
    // A shorter record might still fit, and would hide that the log has ended.
    this.#isFull = true;
    return false;
  }

  async #appendAll(): Promise<void> {
    let records: Uint8Array[] = [];
    try {
      while (this.#queue.length > 0) {
        records = this.#queue;
        this.#queue = [];
        const bytes = join(records);
        await this.#options.appender.append(bytes);
        this.#queuedBytes -= bytes.length;
        this.stats.recordsWritten += records.length;
        this.stats.bytesWritten += bytes.length;
      }
    } catch (error) {
      this.#isFailed = true;
      // Of the first, some may be there: nobody can say which.
      this.stats.recordsDropped += records.length + this.#queue.length;
      this.#queue = [];
      this.#options.onError(error);
    }
    this.#isAppending = false;
    this.#onDrained?.();
  }

  async #close(): Promise<void> {
    if (this.#isAppending) {
      await new Promise<void>((resolve) => {
        this.#onDrained = resolve;
      });
    }
    try {
      await this.#options.appender.close();
    } catch (error) {
      if (!this.#isFailed) this.#options.onError(error);
    }
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

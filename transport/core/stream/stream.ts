/**
 * One stream: its two sides, and where it stands in the manager's queues.
 *
 * @module
 */
import { Priority } from "../../../protocol/frame/mod.ts";
import type { Schedulable } from "../scheduler.ts";
import type { RecvStream } from "./recv_stream.ts";
import type { SendStream } from "./send_stream.ts";

/** The parts of a stream. */
export interface StreamParts {
  /** Its identifier. */
  readonly id: number;
  /** Whether this end opened it. */
  readonly isLocal: boolean;
  /** Our sending side, if it has one. */
  readonly send: SendStream | undefined;
  /** Our receiving side, if it has one. */
  readonly recv: RecvStream | undefined;
}

/** A stream as the manager keeps it. The marks belong to the manager. */
export class Stream implements Schedulable, StreamParts {
  readonly id: number;
  readonly isLocal: boolean;
  readonly send: SendStream | undefined;
  readonly recv: RecvStream | undefined;
  /** Class in which it sends; known to a peer once the opening has arrived. */
  priority: Priority = Priority.INTERACTIVE;
  /** Whether it waits in the scheduler. */
  isScheduled = false;
  /** Whether it waits to send a reset, a stop or credit. */
  isControlQueued = false;
  /** Whether a `stream-readable` event waits. */
  isReadableQueued = false;
  /** Whether a `stream-writable` event waits. */
  isWritableQueued = false;
  /** Whether a write was cut short and nothing was said since. */
  isWriteWaiting = false;
  /** How many of its events wait. */
  eventCount = 0;
  /** Whether both sides are done. */
  isClosed = false;
  /** Whether the right to open it was given back to the peer. */
  isReturned = false;

  /**
   * Starts without any mark.
   *
   * @param parts Its identifier and sides.
   */
  constructor(parts: StreamParts) {
    this.id = parts.id;
    this.isLocal = parts.isLocal;
    this.send = parts.send;
    this.recv = parts.recv;
  }

  /** Whether neither side has anything left to happen. */
  get isDone(): boolean {
    return (this.send === undefined || this.send.isDone) &&
      (this.recv === undefined || this.recv.isDone);
  }
}

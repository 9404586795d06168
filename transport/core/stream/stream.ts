/**
 * One stream: its two sides, and where it stands in the manager's queues.
 *
 * @module
 */
import { keepHiddenClass } from "../../../internal/hidden_class.ts";
import { Priority } from "../../../protocol/frame/mod.ts";
import type { Schedulable } from "../scheduler.ts";
import type { RecvStream } from "./recv_stream.ts";
import type { SendStream } from "./send_stream.ts";

/** A stream as the manager keeps it. The marks belong to the manager. */
export class Stream implements Schedulable {
  /** Its identifier. */
  readonly id: number;
  /** Whether this end opened it. */
  readonly isLocal: boolean;
  /** Our sending side, if it has one. */
  readonly send: SendStream | undefined;
  /** Our receiving side, if it has one. */
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
  /** How many of its events wait. */
  eventCount = 0;
  /** Whether both sides are done. */
  isClosed = false;
  /** Whether the right to open it was given back to the peer. */
  isReturned = false;

  /**
   * Starts without any mark. One is made for each call: the sides are arguments and
   * no object of options.
   *
   * @param id Its identifier.
   * @param isLocal Whether this end opened it.
   * @param send Our sending side, if it has one.
   * @param recv Our receiving side, if it has one.
   */
  constructor(
    id: number,
    isLocal: boolean,
    send: SendStream | undefined,
    recv: RecvStream | undefined,
  ) {
    this.id = id;
    this.isLocal = isLocal;
    this.send = send;
    this.recv = recv;
  }

  /** Whether neither side has anything left to happen. */
  get isDone(): boolean {
    return (this.send === undefined || this.send.isDone) &&
      (this.recv === undefined || this.recv.isDone);
  }
}

keepHiddenClass(new Stream(0, true, undefined, undefined));

/**
 * The one loop: carrier, clock and endpoint.
 *
 * It knows when to do things, never what they mean. After any input it delivers
 * events, gives the application a few microtasks to answer them, sends what
 * there is to send, and sets its one timer. Events come before sending, unlike
 * in the contract of the state machines, because an answer that is there in
 * time shares its datagram with the acknowledgement of the question.
 *
 * @module
 */
import { BlockPool } from "../internal/block_pool.ts";
import type { Instant, MonotonicClock } from "../internal/instant.ts";
import { poison } from "../internal/poison.ts";
import { BusyPoll } from "./busy_poll.ts";
import { type Carrier, UDP_MAX_DATAGRAM_BYTES } from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";
import { LOOPBACK_DATAGRAM_BYTES } from "./core/config.ts";
import type { Endpoint } from "./core/endpoint.ts";
import type { EndpointEvent } from "./core/endpoint_event.ts";
import { TransportError } from "./core/error.ts";
import { DeadlineTimer } from "./deadline_timer.ts";
import { createDeferred, type Deferred } from "./deferred.ts";
import { HelloQueue, isHelloShaped } from "./hello_queue.ts";
import { scheduleMacrotask, scheduleSocketTurn } from "./macrotask.ts";
import { MicrotaskCountdown } from "./microtask_countdown.ts";
import { OutgoingBatch } from "./outgoing_batch.ts";
import type { ReceivingTurns } from "./receiving_turns.ts";
import type { SocketTurns } from "./socket_turns.ts";

/**
 * Datagrams sent before the rest of the process may run. At about 10 µs each
 * (a system call) that is well below a millisecond.
 */
export const MAX_DATAGRAMS_PER_TURN = 64;

/**
 * Turns given away without a datagram coming, after which the runtime has to look at
 * its sockets. With a thousand connections to send on, none waits for
 * acknowledgements, which the kernel then drops by the thousand, unread.
 */
export const MAX_UNHEARD_YIELDS = 3;

/**
 * Sends that may be under way; then the next waits for one of them. A batch of
 * which the carrier could send nothing at once may go beyond it.
 */
export const MAX_SENDS_IN_FLIGHT = 32;

/** Datagrams received before they are answered, at most. */
export const MAX_RECEIVE_BATCH = 32;

/**
 * Bytes received before they are answered, at most: two of the five datagrams
 * that a sender on loopback has under way. Opening them takes a while, and were
 * all of them answered at once, the two ends would work in turns.
 */
export const MAX_RECEIVE_BATCH_BYTES: number = 2 * LOOPBACK_DATAGRAM_BYTES;

/**
 * Microtasks after a datagram in which the next may still join its batch.
 * `Deno.listenDatagram` gives a datagram that is there already after two;
 * the rest is for the `await` around it.
 */
const RECEIVE_BATCH_MICROTASKS = 4;

/**
 * Microtasks after a call of the application, or an event for it, in which more
 * may still share a datagram: `await stream.write(bytes); stream.finish()` takes
 * one or two, a function around it a few more.
 */
const WAKE_BATCH_MICROTASKS = 4;

/**
 * The same after a connection has begun: whoever waited for it is told first, and
 * what he says then goes with the last message of the handshake.
 */
const NEW_CONNECTION_MICROTASKS = 8;

/** The same when it began with data: the way to who waits for that is longer still. */
const FIRST_DATA_MICROTASKS = 16;

/** Calls of the application that may put off a flush. */
const MAX_WAKE_BATCH = 32;

/**
 * Streams that end here before what is there is sent, though more may follow at
 * once: requests and answers that the peer can work on while the next are made.
 * With one datagram for all of 64 calls, either end waits for the other.
 */
const MAX_COMPLETE_BATCH = 24;

/**
 * How long a carrier that was replaced still receives: what was on its way to the
 * address before need not be sent again.
 */
const OLD_CARRIER_MS = 1_000;

/**
 * How late a deadline of the endpoint may be seen to. Later than that this process
 * was kept from it, and from reading its sockets: what was waited for may be there.
 */
export const MAX_LATE_MS = 5;

/** Buffers to send from that are kept for the next use, at most: 2 MiB. */
const MAX_FREE_SEND_BUFFERS = 32;

/**
 * Where datagrams are written until a socket has taken them, for all sockets of
 * the process: one with nothing to send holds none.
 */
const sendBuffers = new BlockPool(
  UDP_MAX_DATAGRAM_BYTES,
  MAX_FREE_SEND_BUFFERS,
);

/** Never added to. */
const NO_TASKS: (() => void)[] = [];

/** Something to be done at a time, beside what the endpoint has to do. */
interface Deadline {
  readonly at: Instant;
  readonly task: () => void;
}

/** What a driver is made from. */
export interface DriverOptions {
  /** The state machine. */
  readonly endpoint: Endpoint;
  /** The socket. */
  readonly carrier: Carrier;
  /** The clock. */
  readonly clock: MonotonicClock;
  /** Turns of the event loop to look at the socket in; released when closed. */
  readonly turns?: Pick<
    SocketTurns,
    "acquire" | "isQuick" | "look" | "release" | "schedule" | "yield"
  >;
  /** Says when to leave others their turn to receive. */
  readonly receiving?: Pick<ReceivingTurns, "rest"> | undefined;
  /** Called with each event. */
  readonly onEvent: (event: EndpointEvent) => void;
  /** Nothing can be sent to this address, and trying again cannot help. */
  readonly onSendFailed: (to: Address, error: TransportError) => void;
  /** Called with what nobody else handles. */
  readonly onError: (error: unknown) => void;
}

/**
 * Runs an endpoint on a carrier.
 *
 * The timer is armed only while the endpoint or an operation has a deadline,
 * so it keeps the process alive while a connection is open, and not longer.
 * A socket keeps the process alive until it is closed.
 */
export class Driver {
  /** Reads the clock. */
  readonly now: MonotonicClock;
  readonly #options: DriverOptions;
  readonly #endpoint: Endpoint;
  #carrier: Carrier;
  /** The carrier before, as long as something may come there. */
  #oldCarrier: Carrier | undefined;
  readonly #deadlines = new Set<Deadline>();
  readonly #timer: DeadlineTimer;
  /** To the next flush. */
  readonly #countdown = new MicrotaskCountdown(() => this.#flushSafely());

  readonly #look = (): void => {
    const task = this.#afterLook;
    this.#afterLook = undefined;
    if (this.#isClosed) return;
    this.#carrier.receiveNow?.();
    task?.();
  };

  #receivedCount = 0;
  #receivedBytes = 0;
  readonly #hellos: HelloQueue;
  #isHelloTurnPlanned = false;
  readonly #busyPoll: BusyPoll | undefined;
  /** What is called when the socket has been looked at. */
  #afterLook: (() => void) | undefined;
  /** Whether the socket is looked at, or was, because the endpoint's time is late. */
  #lateLook: "none" | "pending" | "done" = "none";
  /** Whether something was sent in this flush. */
  #hasSent = false;
  /** Turns given away since a datagram came. */
  #unheardYields = 0;
  #wakeCount = 0;
  #completeCount = 0;
  /** Whether events were delivered and nothing was sent since. */
  #isAwaitingAnswer = false;
  #settling: (() => void)[] = NO_TASKS;

  /** What a carrier that takes many datagrams at once is given. */
  #batch: OutgoingBatch;
  #sendsInFlight = 0;
  #sentThisTurn = 0;
  #isYielding = false;
  #isPreparing = false;
  /** How long the events delivered last may take to be answered. */
  #answerMicrotasks = WAKE_BATCH_MICROTASKS;
  /** Whether an observer, and not the application, is what calls. */
  #isTransmitting = false;
  #isBlocked = false;
  #drained: Deferred<void> | undefined;

  /** Whether datagrams are ignored: what is left is to send. */
  #isDeaf = false;
  #isClosed = false;

  /** @param options Endpoint, carrier, clock, and who hears. */
  constructor(options: DriverOptions) {
    this.#options = options;
    this.now = options.clock;
    this.#endpoint = options.endpoint;
    this.#carrier = options.carrier;
    this.#batch = new OutgoingBatch(options.carrier.maxDatagramBytes);
    this.#hellos = new HelloQueue({
      config: options.endpoint.config,
      clock: this.now,
      handle: (hello, from) => this.#handleHello(hello, from),
      drop: (hello, from) => this.#endpoint.dropHello(this.now(), from, hello),
    });
    const { turns } = options;
    const maxMs = options.endpoint.config.busyPollMs;
    turns?.acquire();
    if (turns?.isQuick && maxMs > 0) {
      this.#busyPoll = new BusyPoll({
        maxMs,
        clock: this.now,
        scheduleLook: (task, now) => this.#scheduleLook(task, now, turns),
      });
    }
    this.#timer = new DeadlineTimer(this.now, () => this.#countdown.plan(1));
    this.#start(this.#carrier);
  }

  /**
   * There may be something to send: flushes a few microtasks after the last call.
   *
   * @param isComplete Whether a direction of a stream ends with it.
   */
  wake(isComplete = false): void {
    if (isComplete && ++this.#completeCount >= MAX_COMPLETE_BATCH) {
      this.#transmitSafely();
    }
    if (this.#countdown.isPlanned && this.#wakeCount >= MAX_WAKE_BATCH) return;
    this.#wakeCount++;
    this.#countdown.plan(WAKE_BATCH_MICROTASKS);
  }

  /**
   * Calls `task` when the events that wait now are delivered.
   *
   * @param task Must not throw.
   */
  settleLater(task: () => void): void {
    // As a rule it is one: an array that is added to has room for many.
    if (this.#settling.length === 0) this.#settling = [task];
    else this.#settling.push(task);
  }

  /**
   * Calls `task` at a time.
   *
   * @param at When.
   * @param task Must not throw.
   * @returns Cancels it.
   */
  schedule(at: Instant, task: () => void): () => void {
    const deadline: Deadline = { at, task };
    this.#deadlines.add(deadline);
    this.#armTimer();
    return () => {
      if (this.#deadlines.delete(deadline)) this.#armTimer();
    };
  }

  /**
   * Goes on with another carrier, and with every connection. The one before still
   * receives for a moment, then it is closed.
   *
   * @param carrier Not started; owned from now on.
   * @param isOtherHost Whether more than the port is another one.
   */
  replaceCarrier(carrier: Carrier, isOtherHost: boolean): void {
    this.#closeOldCarrier();
    const old = this.#carrier;
    this.#oldCarrier = old;
    this.#carrier = carrier;
    this.#batch = new OutgoingBatch(carrier.maxDatagramBytes);
    this.#start(carrier);
    this.schedule(this.now() + OLD_CARRIER_MS, () => {
      if (this.#oldCarrier === old) this.#closeOldCarrier();
    });
    this.#endpoint.handleLocalMove(this.now(), isOtherHost);
    this.wake();
  }

  /**
   * Closes every connection, sends what says so, and closes the carrier.
   *
   * @returns Fulfilled when the carrier is closed.
   */
  async close(): Promise<void> {
    // Never inside an event that is being delivered.
    await Promise.resolve();
    try {
      // Nobody who connects from here on would be closed.
      this.#isDeaf = true;
      this.#endpoint.close(this.now());
      // Close frames of thousands of connections take more than one turn.
      while (this.#sendAll()) await this.#waitUntilDrained();
    } finally {
      this.#isClosed = true;
      this.#timer.cancel();
      if (this.#sendsInFlight > 0) await this.#waitUntilDrained();
      await this.#oldCarrier?.close();
      await this.#carrier.close();
      await this.#options.turns?.release();
    }
  }

  // ── Input ─────────────────────────────────────────────────────────────────

  #start(carrier: Carrier): void {
    carrier.start(
      (datagram, from) => this.#handleDatagram(datagram, from),
      this.#options.onError,
    );
  }

  #scheduleLook(
    task: () => void,
    now: Instant,
    turns: Pick<SocketTurns, "schedule">,
  ): void {
    if (this.#carrier.receiveNow === undefined) turns.schedule(task, now);
    else {
      if (this.#afterLook === undefined) scheduleMacrotask(this.#look);
      this.#afterLook = task;
    }
  }

  #closeOldCarrier(): void {
    const old = this.#oldCarrier;
    this.#oldCarrier = undefined;
    // Its last sends are counted by nobody.
    void old?.close();
  }

  /** @returns What the carrier waits for before it reads the next one. */
  #handleDatagram(datagram: Uint8Array, from: Address): Promise<void> | void {
    if (this.#isDeaf) return;
    const now = this.now();
    this.#busyPoll?.handleReceived(now);
    if (isHelloShaped(datagram)) this.#hellos.push(datagram, from);
    else this.#endpoint.handleDatagram(now, from, datagram);
    poison(datagram);
    // Answering a batch at once saves acknowledgements, a datagram each.
    this.#receivedCount++;
    this.#receivedBytes += datagram.length;
    this.#unheardYields = 0;
    if (this.#receivedBytes >= MAX_RECEIVE_BATCH_BYTES) {
      // What the application answers follows: the peer waits.
      this.#isAwaitingAnswer = true;
      this.#flushSafely();
    } else if (this.#receivedCount >= MAX_RECEIVE_BATCH) this.#flushSafely();
    else this.#countdown.plan(RECEIVE_BATCH_MICROTASKS);
    return this.#options.receiving?.rest(now);
  }

  /** @returns Whether it became a connection. */
  #handleHello(hello: Uint8Array, from: Address): boolean {
    const endpoint = this.#endpoint;
    const countBefore = endpoint.connectionCount;
    endpoint.handleDatagram(this.now(), from, hello);
    if (endpoint.isAnswerUrgent) this.#sendUrgently();
    return endpoint.connectionCount > countBefore;
  }

  #handleWaitingHellos(): void {
    this.#hellos.handleWaiting(() => this.#transmit());
    // For what comes of them, and for the rest.
    if (this.#isHelloTurnPlanned) return;
    this.#isHelloTurnPlanned = true;
    this.#scheduleTurn(() => {
      this.#isHelloTurnPlanned = false;
      if (!this.#isDeaf) this.#flushSafely();
    });
  }

  // ── Output ────────────────────────────────────────────────────────────────

  #flushSafely(): void {
    if (this.#isClosed) return;
    try {
      this.#flush();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Sends in the middle of something: events and timers wait for the flush. */
  #transmitSafely(): void {
    if (this.#isClosed || this.#isTransmitting) return;
    try {
      this.#transmit();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #flush(): void {
    this.#receivedCount = 0;
    this.#receivedBytes = 0;
    this.#wakeCount = 0;
    this.#hellos.beginTurn();
    this.#runDue(this.now());
    if (this.#deliverEvents() && !this.#isAwaitingAnswer) {
      this.#isAwaitingAnswer = true;
      this.#countdown.plan(this.#answerMicrotasks);
    } else {
      this.#sendAll();
      if (this.#hellos.isWaiting) this.#handleWaitingHellos();
    }
  }

  /** @returns Whether more is to be sent than this turn allows. */
  #sendAll(): boolean {
    this.#isAwaitingAnswer = false;
    const hasMore = this.#transmit();
    if (this.#hasSent) {
      this.#hasSent = false;
      this.#busyPoll?.handleSent(this.now());
    }
    this.#armTimer();
    this.#deliverEvents();
    if (this.#endpoint.isPreparationDue) this.#prepareLater();
    return hasMore;
  }

  /** The peer has its turn now: whatever it sends finds keys that are ready. */
  #prepareLater(): void {
    if (this.#isPreparing) return;
    this.#isPreparing = true;
    scheduleMacrotask(() => {
      this.#isPreparing = false;
      if (this.#isDeaf || this.#isClosed) return;
      this.#endpoint.prepare();
      if (this.#endpoint.isPreparationDue) this.#prepareLater();
    });
  }

  #runDue(now: Instant): void {
    for (const deadline of this.#deadlines) {
      if (deadline.at > now) continue;
      this.#deadlines.delete(deadline);
      deadline.task();
    }
    const at = this.#endpoint.pollTimeout();
    if (at === undefined || at > now || this.#looksFirst(at, now)) return;
    this.#lateLook = "none";
    this.#endpoint.handleTimeout(now);
  }

  /**
   * A late deadline waits until the socket has been looked at, once: were there a
   * thousand connections, all of them would send again what is acknowledged.
   */
  #looksFirst(at: Instant, now: Instant): boolean {
    const { turns } = this.#options;
    if (this.#lateLook === "none" && now - at > MAX_LATE_MS && turns) {
      this.#lateLook = "pending";
      const goOn = (): void => {
        this.#lateLook = "done";
        this.#flushSafely();
      };
      if (this.#carrier.receiveNow === undefined) turns.look(goOn, now);
      else {
        scheduleMacrotask(() => {
          if (!this.#isClosed) this.#carrier.receiveNow?.();
          goOn();
        });
      }
    }
    return this.#lateLook === "pending";
  }

  #transmit(): boolean {
    this.#isTransmitting = true;
    this.#completeCount = 0;
    try {
      for (;;) {
        if (this.#isYielding) return true;
        if (this.#sentThisTurn >= MAX_DATAGRAMS_PER_TURN) {
          this.#yield();
          return true;
        }
        if (this.#sendsInFlight >= MAX_SENDS_IN_FLIGHT) {
          this.#isBlocked = true;
          return true;
        }
        const isSent = this.#carrier.sendBatch === undefined
          ? this.#transmitOne()
          : this.#transmitToBatch();
        if (!isSent) return false;
        this.#hasSent = true;
        this.#sentThisTurn++;
      }
    } finally {
      this.#isTransmitting = false;
      this.#sendBatch();
    }
  }

  /** Sends one datagram now, if that is possible. */
  #sendUrgently(): void {
    if (this.#isYielding || this.#sendsInFlight >= MAX_SENDS_IN_FLIGHT) return;
    this.#isTransmitting = true;
    try {
      if (this.#carrier.sendBatch === undefined) this.#transmitOne();
      else this.#transmitToBatch();
      this.#sentThisTurn++;
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isTransmitting = false;
      this.#sendBatch();
    }
  }

  /** @returns Whether there was something to send. */
  #transmitOne(): boolean {
    const { maxDatagramBytes } = this.#carrier;
    const buffer = sendBuffers.take();
    const room = maxDatagramBytes < buffer.length
      ? buffer.subarray(0, maxDatagramBytes)
      : buffer;
    const transmit = this.#endpoint.pollTransmit(this.now(), room);
    if (transmit === undefined) {
      sendBuffers.release(buffer);
      return false;
    }
    this.#send(buffer, transmit.length, transmit.to);
    return true;
  }

  /** @returns Whether there was something to send. */
  #transmitToBatch(): boolean {
    const room = this.#batch.room();
    const transmit = this.#endpoint.pollTransmit(this.now(), room);
    if (transmit === undefined) return false;
    this.#batch.add(room, transmit.length, transmit.to);
    if (this.#batch.isFull) this.#sendBatch();
    return true;
  }

  #sendBatch(): void {
    const carrier = this.#carrier;
    const pending = this.#batch
      .sendWith((datagrams) => carrier.sendBatch?.(datagrams) ?? []);
    for (const { sending, to } of pending) {
      if (sending !== undefined) this.#awaitSend(sending, to);
    }
  }

  #send(buffer: Uint8Array, length: number, to: Address): void {
    const sending = this.#carrier.send(buffer.subarray(0, length), to);
    if (sending === undefined) sendBuffers.release(buffer);
    else this.#awaitSend(sending, to, buffer);
  }

  #awaitSend(sending: Promise<void>, to: Address, buffer?: Uint8Array): void {
    this.#sendsInFlight++;
    sending.then(
      () => this.#handleSent(buffer),
      (error: unknown) => {
        this.#handleSent(buffer);
        this.#handleSendError(to, error);
      },
    );
  }

  #handleSent(buffer: Uint8Array | undefined): void {
    if (buffer !== undefined) sendBuffers.release(buffer);
    this.#sendsInFlight--;
    if (this.#isBlocked && this.#sendsInFlight <= MAX_SENDS_IN_FLIGHT / 2) {
      this.#isBlocked = false;
      this.#resume();
    }
    if (this.#isClosed && this.#sendsInFlight === 0) this.#drained?.resolve();
  }

  #handleSendError(to: Address, error: unknown): void {
    // Too large for the path: for the endpoint it is a lost datagram.
    if (error instanceof TransportError && error.code !== "CARRIER_FAILED") {
      return;
    }
    this.#options.onSendFailed(
      to,
      error instanceof TransportError ? error : new TransportError(
        "CARRIER_FAILED",
        "Send: the carrier failed",
        { cause: error },
      ),
    );
  }

  /** Lets the rest of the process run. */
  #yield(): void {
    this.#isYielding = true;
    const resume = (): void => {
      this.#isYielding = false;
      this.#sentThisTurn = 0;
      this.#resume();
    };
    this.#scheduleTurn(resume);
  }

  /** Calls `task` in a turn of its own, for which the sockets are not forgotten. */
  #scheduleTurn(task: () => void): void {
    const { turns } = this.#options;
    if (turns !== undefined) turns.yield(task, this.now());
    else if (this.#unheardYields++ < MAX_UNHEARD_YIELDS) {
      scheduleMacrotask(task);
    } else {
      this.#unheardYields = 0;
      scheduleSocketTurn(task);
    }
  }

  #waitUntilDrained(): Promise<void> {
    this.#drained = createDeferred();
    return this.#drained.promise;
  }

  #resume(): void {
    if (this.#drained !== undefined) this.#drained.resolve();
    else this.#flushSafely();
  }

  // ── Timer and events ──────────────────────────────────────────────────────

  #armTimer(): void {
    // What is late is seen to when the socket has been looked at.
    if (this.#isClosed || this.#lateLook === "pending") return;
    let at = this.#endpoint.pollTimeout() ?? Infinity;
    for (const deadline of this.#deadlines) at = Math.min(at, deadline.at);
    this.#timer.arm(at);
  }

  #allowFor(event: EndpointEvent): void {
    if (event.type !== "connection") return;
    const { type } = event.event;
    if (type === "established") {
      this.#answerMicrotasks = NEW_CONNECTION_MICROTASKS;
    } else if (
      type === "stream-readable" &&
      this.#answerMicrotasks === NEW_CONNECTION_MICROTASKS
    ) this.#answerMicrotasks = FIRST_DATA_MICROTASKS;
  }

  /** @returns Whether there were any. */
  #deliverEvents(): boolean {
    let hasEvents = false;
    this.#answerMicrotasks = WAKE_BATCH_MICROTASKS;
    for (
      let event = this.#endpoint.pollEvent();
      event !== undefined;
      event = this.#endpoint.pollEvent()
    ) {
      hasEvents = true;
      this.#allowFor(event);
      this.#options.onEvent(event);
    }
    while (this.#settling.length > 0) {
      const settling = this.#settling;
      this.#settling = NO_TASKS;
      for (const task of settling) task();
    }
    return hasEvents;
  }
}

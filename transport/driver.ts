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
import type { Instant, MonotonicClock } from "../internal/instant.ts";
import { poison } from "../internal/poison.ts";
import { TimerQueue } from "../internal/timer_queue.ts";
import { BusyPoll } from "./busy_poll.ts";
import type { Carrier, SendRefusedHandler } from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";
import { LOOPBACK_DATAGRAM_BYTES } from "./core/config.ts";
import type { Endpoint } from "./core/endpoint.ts";
import type { EndpointEvent } from "./core/endpoint_event.ts";
import { TransportError } from "./core/error.ts";
import { DatagramSender } from "./datagram_sender.ts";
import { DeadlineTimer } from "./deadline_timer.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { HelloQueue, isHelloShaped } from "./hello_queue.ts";
import { LateLook } from "./late_look.ts";
import { scheduleMacrotask } from "./macrotask.ts";
import { MicrotaskCountdown } from "./microtask_countdown.ts";
import type { ReceivingTurns } from "./receiving_turns.ts";
import { scheduleFairTurn, type SocketTurns } from "./socket_turns.ts";
import { SYSTEM_CLOCK, systemTimers } from "./system_clock.ts";

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
 * How long closing waits for a carrier that does not take what it was given, and then
 * for one that does not close: a socket does either within milliseconds.
 */
export const MAX_CLOSE_WAIT_MS = 3_000;

/**
 * How long closing waits for peers to say that they know: as a rule a round trip, and
 * three probe timeouts for one that is gone. A process that ends waits no longer.
 */
export const MAX_CLOSE_ANSWER_MS = 1_000;

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
  /**
   * Timers of that clock, shared with others; by default its own, and those of the
   * system for what closing waits: a clock that stands still keeps nothing open.
   */
  readonly timers?: TimerQueue;
  /** Turns of the event loop to look at the socket in; released when closed. */
  readonly turns?: Pick<
    SocketTurns,
    "acquire" | "isQuick" | "look" | "release" | "schedule" | "yield"
  >;
  /** Says when to leave others their turn to receive. */
  readonly receiving?: Pick<ReceivingTurns, "rest"> | undefined;
  /** Called with each event. */
  readonly onEvent: (event: EndpointEvent) => void;
  /** Nothing can be sent to this address, and trying again cannot help; must not throw. */
  readonly onSendFailed: (to: Address, error: TransportError) => void;
  /** A datagram did not leave, and the next one may; must not throw. */
  readonly onSendRefused: SendRefusedHandler;
  /** Called with what nobody else handles; must not throw. */
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
  /** Bounds what closing waits. */
  readonly #closeTimers: TimerQueue;
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
  readonly #lateLook: LateLook;
  readonly #sender: DatagramSender;
  #wakeCount = 0;
  #completeCount = 0;
  /** Whether events were delivered and nothing was sent since. */
  #isAwaitingAnswer = false;
  #settling: (() => void)[] = NO_TASKS;

  #isPreparing = false;
  /** How long the events delivered last may take to be answered. */
  #answerMicrotasks = WAKE_BATCH_MICROTASKS;

  /** While closing: fulfilled when every peer knows. Nobody may connect any more. */
  #known: Deferred<void> | undefined;
  #isClosed = false;

  /** @param options Endpoint, carrier, clock, and who hears. */
  constructor(options: DriverOptions) {
    this.#options = options;
    this.now = options.clock;
    this.#endpoint = options.endpoint;
    this.#carrier = options.carrier;
    this.#sender = new DatagramSender({
      endpoint: options.endpoint,
      carrier: options.carrier,
      clock: this.now,
      scheduleTurn: (task) => this.#scheduleTurn(task),
      onReady: () => this.#flushSafely(),
      onSendFailed: options.onSendFailed,
      onSendRefused: options.onSendRefused,
      onError: options.onError,
    });
    this.#hellos = new HelloQueue({
      config: options.endpoint.config,
      clock: this.now,
      handle: (hello, from) => this.#handleHello(hello, from),
      drop: (hello, from) => this.#endpoint.dropHello(this.now(), from, hello),
    });
    const { turns } = options;
    this.#lateLook = new LateLook({
      look: turns && ((task, now) => this.#lookLate(task, now, turns)),
      onLooked: () => this.#flushSafely(),
    });
    const maxMs = options.endpoint.config.busyPollMs;
    turns?.acquire();
    if (turns?.isQuick && maxMs > 0) {
      this.#busyPoll = new BusyPoll({
        maxMs,
        clock: this.now,
        scheduleLook: (task, now) => this.#scheduleLook(task, now, turns),
      });
    }
    this.#closeTimers = options.timers ?? systemTimers;
    this.#timer = new DeadlineTimer(
      options.timers ?? new TimerQueue({ ...SYSTEM_CLOCK, now: this.now }),
      () => this.#countdown.plan(1),
    );
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
   * @throws What the carrier throws when it is started; nothing is replaced then.
   */
  replaceCarrier(carrier: Carrier, isOtherHost: boolean): void {
    this.#start(carrier);
    void this.#closeOldCarrier();
    const old = this.#carrier;
    this.#oldCarrier = old;
    this.#carrier = carrier;
    this.#sender.replaceCarrier(carrier);
    this.schedule(this.now() + OLD_CARRIER_MS, () => {
      if (this.#oldCarrier === old) void this.#closeOldCarrier();
    });
    this.#endpoint.handleLocalMove(this.now(), isOtherHost);
    this.wake();
  }

  /**
   * Closes every connection, sends what says so until the peers know, or for
   * {@linkcode MAX_CLOSE_ANSWER_MS}, and closes the carrier. One that does not take
   * that within {@linkcode MAX_CLOSE_WAIT_MS} is closed all the same.
   *
   * @param code Close code for the peers.
   * @param reason For a person there.
   * @returns Fulfilled when the carrier is closed.
   * @throws What the carrier throws; {@linkcode TransportError} `CARRIER_FAILED` when
   * it is not closed within that time.
   */
  async close(code = 0, reason = ""): Promise<void> {
    // Never inside an event that is being delivered.
    await Promise.resolve();
    let isTaking = true;
    try {
      // Nobody who connects from here on would be closed.
      const known = this.#known = createDeferred<void>();
      this.#endpoint.close(this.now(), code, reason);
      // Close frames of thousands of connections take more than one turn.
      while (isTaking && this.#sendAll()) {
        isTaking = await this.#isInTime(this.#sender.waitUntilReady());
      }
      if (isTaking) await this.#isInTime(known.promise, MAX_CLOSE_ANSWER_MS);
    } finally {
      this.#isClosed = true;
      this.#timer.cancel();
      this.#endpoint.forgetAll(this.now());
      if (isTaking) await this.#isInTime(this.#sender.waitUntilSettled());
      await this.#closeCarriers();
    }
  }

  /** One that cannot be closed keeps nothing else open. */
  async #closeCarriers(): Promise<void> {
    await this.#closeOldCarrier();
    try {
      await this.#closeInTime(this.#carrier);
    } finally {
      await this.#options.turns?.release();
    }
  }

  async #closeInTime(carrier: Carrier): Promise<void> {
    const closing = carrier.close();
    if (closing === undefined || await this.#isInTime(closing)) return;
    throw new TransportError(
      "CARRIER_FAILED",
      `Close: the carrier has not closed within ${MAX_CLOSE_WAIT_MS} ms`,
    );
  }

  /** @returns Whether it is fulfilled within what closing waits. */
  async #isInTime(
    task: Promise<void>,
    waitMs = MAX_CLOSE_WAIT_MS,
  ): Promise<boolean> {
    const late = createDeferred<boolean>();
    const cancel = this.#closeTimers.schedule(
      waitMs,
      () => late.resolve(false),
    );
    try {
      return await Promise.race([task.then(() => true), late.promise]);
    } finally {
      cancel();
    }
  }

  // ── Input ─────────────────────────────────────────────────────────────────

  #start(carrier: Carrier): void {
    carrier.start(
      (datagram, from) => this.#handleDatagram(datagram, from),
      this.#options.onError,
      this.#options.onSendRefused,
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

  #lookLate(
    task: () => void,
    now: Instant,
    turns: Pick<SocketTurns, "look">,
  ): void {
    if (this.#carrier.receiveNow === undefined) turns.look(task, now);
    else {
      scheduleMacrotask(() => {
        if (!this.#isClosed) this.#carrier.receiveNow?.();
        task();
      });
    }
  }

  /** @returns Fulfilled in any case: nobody waits for what is left there. */
  async #closeOldCarrier(): Promise<void> {
    const old = this.#oldCarrier;
    this.#oldCarrier = undefined;
    try {
      // Its last sends are counted by nobody.
      if (old !== undefined) await this.#closeInTime(old);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** @returns What the carrier waits for before it reads the next one. */
  #handleDatagram(datagram: Uint8Array, from: Address): Promise<void> | void {
    if (this.#isClosed) return;
    const now = this.now();
    this.#busyPoll?.handleReceived(now);
    if (isHelloShaped(datagram)) {
      if (this.#known === undefined) this.#hellos.push(datagram, from);
    } else this.#endpoint.handleDatagram(now, from, datagram);
    poison(datagram);
    // Answering a batch at once saves acknowledgements, a datagram each.
    this.#receivedCount++;
    this.#receivedBytes += datagram.length;
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
    const countBefore = endpoint.begunCount;
    endpoint.handleDatagram(this.now(), from, hello);
    if (endpoint.isAnswerUrgent) this.#sender.transmitUrgently();
    return endpoint.begunCount > countBefore;
  }

  #handleWaitingHellos(): void {
    this.#hellos.handleWaiting(() => this.#transmit());
    // For what comes of them, and for the rest.
    if (this.#isHelloTurnPlanned) return;
    this.#isHelloTurnPlanned = true;
    this.#scheduleTurn(() => {
      this.#isHelloTurnPlanned = false;
      this.#flushSafely();
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
    if (this.#isClosed || this.#sender.isTransmitting) return;
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
      if (this.#hellos.isWaiting && this.#known === undefined) {
        this.#handleWaitingHellos();
      }
    }
  }

  /** @returns Whether more is to be sent than this turn allows. */
  #sendAll(): boolean {
    this.#isAwaitingAnswer = false;
    const hasMore = this.#transmit();
    const hasHello = this.#sender.takeHasSentHello();
    if (this.#sender.takeHasSent()) {
      this.#busyPoll?.handleSent(this.now(), hasHello);
    }
    this.#armTimer();
    this.#deliverEvents();
    if (this.#known !== undefined) {
      if (!this.#endpoint.isPeerUnaware) this.#known.resolve();
    } else if (this.#endpoint.isPreparationDue) this.#prepareLater();
    return hasMore;
  }

  /** The peer has its turn now: whatever it sends finds keys that are ready. */
  #prepareLater(): void {
    if (this.#isPreparing) return;
    this.#isPreparing = true;
    scheduleMacrotask(() => {
      this.#isPreparing = false;
      if (this.#known !== undefined) return;
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
    if (at === undefined || at > now || this.#lateLook.holdsUp(at, now)) return;
    this.#endpoint.handleTimeout(now);
  }

  #transmit(): boolean {
    this.#completeCount = 0;
    return this.#sender.transmit();
  }

  /** Calls `task` in a turn of its own, for which the sockets are not forgotten. */
  #scheduleTurn(task: () => void): void {
    const { turns } = this.#options;
    if (turns === undefined) scheduleFairTurn(task);
    else turns.yield(task, this.now());
  }

  // ── Timer and events ──────────────────────────────────────────────────────

  #armTimer(): void {
    // What is late is seen to when the socket has been looked at.
    if (this.#isClosed || this.#lateLook.isPending) return;
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

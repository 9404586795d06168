/**
 * Turns of the event loop in which the runtime looks at its sockets.
 *
 * While one immediate follows the other, Deno looks at its sockets in every 61st
 * turn only. It looks at once when all that is left is to wait: so here a socket
 * sends itself a datagram and waits for it, which takes 12 µs. Other runtimes look
 * in every turn.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";
import { hasDenoUdp } from "./carrier/deno_udp.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { scheduleMacrotask, scheduleSocketTurn } from "./macrotask.ts";
import { systemClock } from "./system_clock.ts";
import { throwUncaught } from "./uncaught.ts";

const LOOPBACK = "127.0.0.1";

/** How long a datagram to ourselves may take before another one follows. */
export const LOST_AFTER_MS = 10;

/** Datagrams of others in one turn that are passed over. */
const MAX_FOREIGN_DATAGRAMS = 8;

/**
 * How long senders may be busy before the runtime has to look at its sockets. A
 * socket that is never empty keeps the others waiting: 61 turns of 10 ms each are
 * two thirds of a second.
 */
export const MAX_SENDING_MS = 2;

/** The same where such a turn takes a millisecond or two itself. */
export const MAX_SENDING_MS_WITHOUT_SOCKET = 50;

/** The part of `Deno.DatagramConn` that is used here. */
export interface SelfSocket {
  readonly addr: Deno.Addr;
  receive(buffer: Uint8Array): Promise<[Uint8Array, Deno.Addr]>;
  send(datagram: Uint8Array, to: Deno.Addr): Promise<number>;
  close(): void;
}

/**
 * Turns for everybody in the process. A turn makes as little garbage as it can:
 * there may be 80,000 in a second.
 */
export class SocketTurns {
  readonly #bind: (() => SelfSocket) | undefined;
  #isRefused = false;
  #userCount = 0;
  #socket: SelfSocket | undefined;
  readonly #buffer = new Uint8Array(2);
  /** Number of the datagram that is awaited: those before may come late. */
  readonly #number = new Uint8Array(1);
  #sentAt: Instant = -Infinity;
  /** When the last turn began. */
  #lookedAt: Instant = -Infinity;
  #foreignCount = 0;
  #isTurning = false;
  #tasks: (() => void)[] = [];
  /** An empty list, to take the place of the other one. */
  #noTasks: (() => void)[] = [];
  #released: Deferred<void> | undefined;
  /** Sees to it that a lost datagram keeps nobody waiting. */
  #guard: ReturnType<typeof setTimeout> | undefined;
  readonly #onReceived = (received: [Uint8Array, Deno.Addr]): void =>
    this.#handleDatagram(received[0]);
  readonly #onTurn = (): void => this.#finish();
  readonly #onFailed = (): void => this.#handleFailure();
  /** Of the socket: a send of one before may fail when that is closed. */
  #onSendFailed: (() => void) | undefined;

  /**
   * Binds nothing before somebody asks for a turn. The socket is closed with the
   * last user.
   *
   * @param bind Binds a socket on loopback; absent where this process may not, or
   * need not.
   */
  constructor(bind?: () => SelfSocket) {
    this.#bind = bind;
  }

  /** Whether a turn takes microseconds: without a socket, in Deno, it does not. */
  get isQuick(): boolean {
    return this.#canReceive || globalThis.Deno === undefined;
  }

  /** Whether anybody has asked to ask for turns. */
  get isInUse(): boolean {
    return this.#userCount > 0;
  }

  get #canReceive(): boolean {
    return this.#bind !== undefined && !this.#isRefused;
  }

  /** Somebody is going to ask for turns. */
  acquire(): void {
    this.#userCount++;
  }

  /**
   * Somebody is not going to ask any more.
   *
   * @returns Fulfilled when the last one has left nothing open.
   */
  async release(): Promise<void> {
    if (--this.#userCount > 0) return;
    clearTimeout(this.#guard);
    this.#guard = undefined;
    this.#closeSocket();
    if (!this.#isTurning) return;
    this.#released ??= createDeferred();
    await this.#released.promise;
  }

  /**
   * Calls `task` in the next turn; never once the last user is gone. When the
   * datagram is lost, that is when somebody asks again.
   *
   * @param task Must not throw. The same one again, before, changes nothing.
   * @param now The present instant.
   */
  schedule(task: () => void, now: Instant): void {
    if (this.#userCount === 0) return;
    if (!this.#tasks.includes(task)) this.#tasks.push(task);
    if (!this.#isTurning) this.#begin(now);
    else if (now - this.#sentAt > LOST_AFTER_MS) this.#send(now);
  }

  /**
   * Calls `task` in another turn of the event loop, for certain: one in which the
   * sockets are looked at when the last one was too long ago.
   *
   * @param task Must not throw. The same one again, before, changes nothing.
   * @param now The present instant.
   */
  yield(task: () => void, now: Instant): void {
    const maxMs = this.#canReceive && this.isInUse
      ? MAX_SENDING_MS
      : MAX_SENDING_MS_WITHOUT_SOCKET;
    if (now - this.#lookedAt >= maxMs) this.look(task, now);
    else scheduleMacrotask(task);
  }

  /**
   * Calls `task` when the sockets have been looked at, for certain; those of
   * others where nobody has asked to ask.
   *
   * @param task Must not throw. The same one again, before, changes nothing.
   * @param now The present instant.
   */
  look(task: () => void, now: Instant): void {
    if (!this.isInUse) {
      // None of ours, but the process may have others.
      this.#lookedAt = now;
      schedulePlainTurn(task);
      return;
    }
    this.schedule(task, now);
    if (this.#canReceive) this.#watch();
  }

  #watch(): void {
    if (this.#guard !== undefined) return;
    const sentAt = this.#sentAt;
    this.#guard = setTimeout(() => {
      this.#guard = undefined;
      if (!this.#isTurning) return;
      if (this.#sentAt === sentAt) this.#send(sentAt + LOST_AFTER_MS);
      this.#watch();
    }, LOST_AFTER_MS);
  }

  #begin(now: Instant): void {
    this.#isTurning = true;
    this.#lookedAt = now;
    this.#sentAt = now;
    if (!this.#canReceive) return schedulePlainTurn(() => this.#finish());
    this.#foreignCount = 0;
    try {
      this.#socket ??= this.#bindSocket();
    } catch {
      return this.#refuse();
    }
    // Before there is anything, so that the runtime has to look.
    this.#receive(this.#socket);
    this.#send(now);
  }

  #bindSocket(): SelfSocket {
    const socket = this.#bind!();
    this.#onSendFailed = () => this.#handleSendFailure(socket);
    return socket;
  }

  #closeSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #receive(socket: SelfSocket): void {
    socket.receive(this.#buffer).then(this.#onReceived, this.#onFailed);
  }

  #send(now: Instant): void {
    const socket = this.#socket;
    this.#sentAt = now;
    this.#number[0]!++;
    socket?.send(this.#number, socket.addr).catch(this.#onSendFailed);
  }

  #handleDatagram(datagram: Uint8Array): void {
    const socket = this.#socket;
    if (
      socket === undefined || datagram[0] === this.#number[0] ||
      this.#foreignCount++ >= MAX_FOREIGN_DATAGRAMS
    ) {
      // What came together with it is handled first.
      queueMicrotask(this.#onTurn);
    } else this.#receive(socket);
  }

  #handleSendFailure(socket: SelfSocket): void {
    if (this.#socket !== socket) return;
    this.#isRefused = true;
    // Without a datagram the receive would wait for ever: closed, it fails.
    this.#closeSocket();
  }

  #handleFailure(): void {
    // The last user closed it; that there is a new one by now says nothing of it.
    if (this.#socket === undefined && !this.#isRefused) this.#finish();
    else this.#refuse();
  }

  #refuse(): void {
    this.#isRefused = true;
    schedulePlainTurn(() => this.#finish());
    this.#closeSocket();
  }

  #finish(): void {
    this.#isTurning = false;
    this.#released?.resolve();
    this.#released = undefined;
    const tasks = this.#tasks;
    this.#tasks = this.#noTasks;
    for (const task of tasks) {
      try {
        task();
      } catch (error) {
        // It must not; but the others, of other sockets, have to go on.
        throwUncaught(error);
      }
    }
    tasks.length = 0;
    this.#noTasks = tasks;
  }
}

/** A turn in which the sockets are looked at for certain, however long it takes. */
const schedulePlainTurn = globalThis.Deno === undefined
  ? scheduleMacrotask
  : scheduleSocketTurn;

let shared: SocketTurns | undefined;

/** @returns Those of this process. */
export function sharedSocketTurns(): SocketTurns {
  return shared ??= new SocketTurns(canBind() ? bind : undefined);
}

/** @returns Whether it is allowed already; nobody is asked. */
function canBind(): boolean {
  return hasDenoUdp() &&
    Deno.permissions.querySync({ name: "net", host: LOOPBACK }).state ===
      "granted";
}

/**
 * Runs `task` in another turn of the event loop, without keeping the sockets of
 * the transports from being looked at.
 *
 * @param task Must not throw.
 */
export function scheduleFairTurn(task: () => void): void {
  sharedSocketTurns().yield(task, systemClock());
}

function bind(): SelfSocket {
  return Deno.listenDatagram({
    transport: "udp",
    hostname: LOOPBACK,
    port: 0,
  });
}

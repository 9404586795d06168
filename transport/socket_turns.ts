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
import { scheduleMacrotask, scheduleSocketTurn } from "./macrotask.ts";

const LOOPBACK = "127.0.0.1";

/** How long a datagram to ourselves may take before another one follows. */
export const LOST_AFTER_MS = 10;

/** Datagrams of others in one turn that are passed over. */
const MAX_FOREIGN_DATAGRAMS = 8;

/** The part of `Deno.DatagramConn` that is used here. */
export interface SelfSocket {
  readonly addr: Deno.Addr;
  receive(buffer: Uint8Array): Promise<[Uint8Array, Deno.Addr]>;
  send(datagram: Uint8Array, to: Deno.Addr): Promise<number>;
  close(): void;
  /** Missing in the declarations of Deno. */
  unref?(): void;
}

/** Turns for everybody in the process. */
export class SocketTurns {
  readonly #bind: (() => SelfSocket) | undefined;
  #isRefused = false;
  #userCount = 0;
  #socket: SelfSocket | undefined;
  readonly #buffer = new Uint8Array(2);
  /** Number of the datagram that is awaited: those before may come late. */
  readonly #number = new Uint8Array(1);
  #sentAt: Instant = -Infinity;
  #tasks: (() => void)[] = [];
  #turning: Promise<void> | undefined;

  /**
   * Binds nothing before somebody asks for a turn.
   *
   * @param bind Binds a socket on loopback; absent where this process may not, or
   * need not.
   */
  constructor(bind?: () => SelfSocket) {
    this.#bind = bind;
  }

  /** Whether a turn takes microseconds: without a socket, in Deno, it does not. */
  get isQuick(): boolean {
    return this.#isAwaitable || globalThis.Deno === undefined;
  }

  get #isAwaitable(): boolean {
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
    this.#socket?.close();
    this.#socket = undefined;
    await this.#turning;
  }

  /**
   * Calls `task` in the next turn.
   *
   * @param task Must not throw.
   * @param now The present instant.
   */
  schedule(task: () => void, now: Instant): void {
    this.#tasks.push(task);
    if (this.#turning === undefined) this.#turning = this.#turn(now);
    else if (now - this.#sentAt > LOST_AFTER_MS) this.#sendToOurselves(now);
  }

  async #turn(now: Instant): Promise<void> {
    if (this.#isAwaitable) {
      try {
        await this.#socketTurn(now);
      } catch {
        // Forbidden, unless it was closed meanwhile.
        this.#isRefused = this.#userCount > 0;
      }
    } else await new Promise<void>(schedulePlainTurn);
    this.#turning = undefined;
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
  }

  async #socketTurn(now: Instant): Promise<void> {
    const socket = this.#socket ??= this.#bind!();
    // No process stays alive for it.
    socket.unref?.();
    // Before there is anything, so that the runtime has to look.
    let receiving = socket.receive(this.#buffer);
    this.#sendToOurselves(now);
    for (let count = 0; count < MAX_FOREIGN_DATAGRAMS; count++) {
      const [datagram] = await receiving;
      if (datagram[0] === this.#number[0]) return;
      receiving = socket.receive(this.#buffer);
    }
    await receiving;
  }

  #sendToOurselves(now: Instant): void {
    const socket = this.#socket;
    this.#sentAt = now;
    this.#number[0]!++;
    // Without it the receive would wait for ever.
    socket?.send(this.#number, socket.addr).catch(() => socket.close());
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

function bind(): SelfSocket {
  return Deno.listenDatagram({
    transport: "udp",
    hostname: LOOPBACK,
    port: 0,
  });
}

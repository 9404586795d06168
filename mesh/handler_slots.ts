/**
 * Which of an agent's calls run, which wait, and which are refused.
 *
 * An agent runs so many handlers at a time. A caller, known by its key, has a
 * share of them, so that nobody's calls, which may never end, keep those of others
 * out. What it asks for beyond that waits for the calls before it, in the order in
 * which it came: a burst of an honest caller takes longer, and does not fail. Once
 * that has become too late for one of them, its newest calls come first.
 *
 * @module
 */
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import type { LineMember, WaitingLine } from "../internal/waiting_line.ts";
import type { AbortListener, AbortRace } from "./abort.ts";
import {
  FEW_HANDLERS,
  HANDLERS_PER_FREE_ONE,
  RETRY_AFTER_MS,
  SHARED_HANDLERS,
  UNSHARED_HANDLERS,
} from "./config.ts";
import { CallError } from "./error.ts";
import { isTooLate } from "./failure.ts";

/** What a caller has of the slots, over all its connections. */
export interface SlotUser {
  /** How many it has; for {@linkcode HandlerSlots}. */
  slotCount: number;
  /** Its calls that wait; for {@linkcode HandlerSlots}. */
  readonly waiting: WaitingLine<SlotWaiter>;
}

/** A call that waits for a slot. */
class SlotWaiter implements AbortListener, LineMember {
  lineIndex = -1;
  readonly #slots: HandlerSlots;
  readonly #user: SlotUser;
  readonly #race: AbortRace;
  readonly #resolve: () => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    slots: HandlerSlots,
    user: SlotUser,
    race: AbortRace,
    { resolve, reject }: Deferred<void>,
  ) {
    this.#slots = slots;
    this.#user = user;
    this.#race = race;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Ends the wait with a slot. */
  handleTurn(): void {
    this.#race.delete(this);
    this.#resolve();
  }

  /** Ends the wait without one. */
  handleAbort(reason: unknown): void {
    this.#slots.stopWaiting(this.#user, this);
    if (isTooLate(reason)) this.#user.waiting.preferNewest();
    this.#race.delete(this);
    this.#reject(reason);
  }
}

/** The slots of an agent: one for each handler that may run. */
export class HandlerSlots {
  readonly #count: number;
  #usedCount = 0;
  #waitingCount = 0;
  /** Callers whose calls wait; whoever had a turn last is at the end. */
  readonly #waitingUsers = new Set<SlotUser>();

  /** @param count How many there are. */
  constructor(count: number) {
    this.#count = count;
  }

  /** How many slots are in use, or waited for. */
  get size(): number {
    return this.#usedCount + this.#waitingCount;
  }

  /** Whether calls may have to wait before long. */
  get isBusy(): boolean {
    return this.#usedCount >= UNSHARED_HANDLERS;
  }

  /** How busy the agent is, from 0 to 1. */
  get load(): number {
    return Math.min(1, this.size / this.#count);
  }

  /**
   * Takes a slot, if the caller may have one more just now.
   *
   * @param user The caller.
   * @returns Whether it did, so that it has to be given back; if not, the call
   * may {@linkcode HandlerSlots.wait}.
   * @throws {CallError} `RESOURCE_EXHAUSTED` when it may not even wait.
   */
  tryTake(user: SlotUser): boolean {
    if (this.#usedCount < this.#count) {
      if (user.slotCount < this.#share) {
        this.#give(user);
        return true;
      }
    } else if (user.slotCount > 0 || this.#waitingCount === 0) {
      // But who has none: every slot that becomes free goes to those who wait.
      throw busy(`it works on ${this.#count} calls already`);
    }
    const size = user.slotCount + user.waiting.size;
    if (size >= this.#count) {
      throw busy(`it has ${size} calls of this caller already`);
    }
    return false;
  }

  /**
   * Waits for a slot, in line with the calls of the same caller that wait already.
   *
   * @param user The caller.
   * @param race Ends the wait when it is aborted.
   * @returns Resolves when the slot is taken, which has to be given back then.
   */
  wait(user: SlotUser, race: AbortRace): Promise<void> {
    const turn = createDeferred<void>();
    const waiter = new SlotWaiter(this, user, race, turn);
    user.waiting.add(waiter, undefined);
    this.#waitingUsers.add(user);
    this.#waitingCount++;
    race.add(waiter);
    return turn.promise;
  }

  /**
   * Has a call wait no longer.
   *
   * @param user Its caller.
   * @param waiter The call; whether it waits still does not matter.
   */
  stopWaiting(user: SlotUser, waiter: SlotWaiter): void {
    if (user.waiting.delete(waiter)) this.#countWaiting(user);
  }

  /**
   * Gives a slot back; the next one that may have it gets it.
   *
   * @param user Who had it.
   */
  release(user: SlotUser): void {
    user.slotCount--;
    this.#usedCount--;
    if (this.#waitingCount > 0) this.#giveTurns();
  }

  /**
   * Ends every wait.
   *
   * @param reason What they are rejected with.
   */
  refuseWaiting(reason: CallError): void {
    for (const { waiting } of this.#waitingUsers) {
      for (const waiter of waiting.list()) waiter.handleAbort(reason);
    }
  }

  /** How many one caller may have just now. */
  get #share(): number {
    if (this.#usedCount < UNSHARED_HANDLERS) return this.#count;
    const freeCount = SHARED_HANDLERS * this.#count - this.#usedCount;
    return Math.max(FEW_HANDLERS, HANDLERS_PER_FREE_ONE * freeCount);
  }

  #give(user: SlotUser): void {
    user.slotCount++;
    this.#usedCount++;
  }

  /** One of a caller's calls waits no longer. */
  #countWaiting(user: SlotUser): void {
    this.#waitingCount--;
    if (user.waiting.size === 0) this.#waitingUsers.delete(user);
  }

  /** Callers take turns, so that one with many that wait does not hold others up. */
  #giveTurns(): void {
    while (this.#usedCount < this.#count) {
      const user = this.#nextUser();
      if (user === undefined) return;
      const waiter = user.waiting.peek();
      this.#give(user);
      user.waiting.serve(waiter!);
      this.#countWaiting(user);
      if (this.#waitingUsers.delete(user)) this.#waitingUsers.add(user);
      waiter!.handleTurn();
    }
  }

  /** Few are looked at: whoever has to wait on has {@linkcode FEW_HANDLERS} at least. */
  #nextUser(): SlotUser | undefined {
    const share = this.#share;
    for (const user of this.#waitingUsers) {
      if (user.slotCount < share) return user;
    }
    return undefined;
  }
}

function busy(detail: string): CallError {
  return new CallError("RESOURCE_EXHAUSTED", `Agent: ${detail}`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

/**
 * A deadline that is late waits until the socket has been looked at.
 *
 * Timers come before sockets: a process that was busy for a while finds its
 * deadlines due, and what it waited for unread. Were there a thousand
 * connections, all of them would send again what is acknowledged.
 *
 * @module
 */
import type { Instant } from "../internal/instant.ts";

/**
 * How late a deadline of the endpoint may be seen to. Later than that this process
 * was kept from it, and from reading its sockets: what was waited for may be there.
 */
export const MAX_LATE_MS = 5;

/** What a {@linkcode LateLook} is made from. */
export interface LateLookOptions {
  /** Calls `task` when the socket has been looked at; absent where that is of no use. */
  readonly look?: ((task: () => void, now: Instant) => void) | undefined;
  /** Called then: sees to what is due still. */
  readonly onLooked: () => void;
}

/** One look at the socket for each deadline that is late. */
export class LateLook {
  readonly #options: LateLookOptions;
  #state: "none" | "pending" | "done" = "none";

  /** @param options How to look, and who goes on. */
  constructor(options: LateLookOptions) {
    this.#options = options;
  }

  /** Whether a look is under way: until then a deadline is not seen to. */
  get isPending(): boolean {
    return this.#state === "pending";
  }

  /**
   * A deadline is due.
   *
   * @param at When it was.
   * @param now The present instant.
   * @returns Whether it has to wait; `onLooked` follows then.
   */
  holdsUp(at: Instant, now: Instant): boolean {
    const { look, onLooked } = this.#options;
    if (this.#state === "none" && now - at > MAX_LATE_MS && look) {
      this.#state = "pending";
      look(() => {
        this.#state = "done";
        onLooked();
        this.#state = "none";
      }, now);
    }
    return this.isPending;
  }
}

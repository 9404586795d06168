/**
 * Hellos whose second packet has still to come.
 *
 * Only the hello of a sender that has proven its address by a cookie gets here,
 * and of those only so many: past the bound the oldest goes, whose second
 * packet should have come right behind the first. A hello that is forgotten is
 * repeated, and asked for a new cookie.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import { PARTIAL_HELLO_LIFETIME_MS } from "./config.ts";
import type { InitiatorHello } from "./handshake_packet.ts";
import { joinMessage } from "./split_message.ts";
import type { Suite } from "./suite.ts";

/** A hello of which one packet is here. */
export interface PartialHello {
  /** What it says. Its Noise message is the first part; all arrays are copies. */
  readonly hello: InitiatorHello;
  /** The suite that it uses. */
  readonly suite: Suite;
  /** Size of its first datagram, in bytes. */
  readonly byteCount: number;
}

/** The incomplete hellos of one endpoint. */
export class PartialHellos {
  readonly #maxCount: number;
  /** By address and connection id; the oldest comes first. */
  readonly #waiting = new Map<
    string,
    PartialHello & { readonly expiresAt: Instant }
  >();

  /** @param maxCount How many are kept. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** How many are kept. */
  get count(): number {
    return this.#waiting.size;
  }

  /**
   * Whether the first packet of this very hello is here already.
   *
   * @param key Its address and connection id.
   * @param hello What another copy says.
   */
  has(key: string, hello: InitiatorHello): boolean {
    const known = this.#waiting.get(key)?.hello.noise;
    return known?.length === hello.noise.length &&
      known.every((byte, index) => byte === hello.noise[index]);
  }

  /**
   * Keeps the first packet of a hello.
   *
   * @param now The time.
   * @param key Its address and connection id.
   * @param partial What it says; copied.
   * @returns Whether another one had to go for it.
   */
  add(now: Instant, key: string, partial: PartialHello): boolean {
    const { hello } = partial;
    this.#waiting.delete(key);
    this.#forgetExpired(now);
    const [oldest] = this.#waiting.keys();
    const isFull = oldest !== undefined &&
      this.#waiting.size >= this.#maxCount;
    if (isFull) this.#waiting.delete(oldest);
    this.#waiting.set(key, {
      ...partial,
      hello: {
        ...hello,
        connectionId: hello.connectionId.slice(),
        suites: hello.suites.slice(),
        cookie: hello.cookie.slice(),
        noise: hello.noise.slice(),
      },
      expiresAt: now + PARTIAL_HELLO_LIFETIME_MS,
    });
    return isFull;
  }

  /**
   * Takes the second packet of a hello, which is forgotten when it fits.
   *
   * @param now The time.
   * @param key Its address and connection id.
   * @param rest The rest of the Noise message; borrowed.
   * @returns The whole hello; `unknown` when its first packet is not here,
   * `mismatch` when they do not belong together.
   */
  complete(
    now: Instant,
    key: string,
    rest: Uint8Array,
  ): PartialHello | "unknown" | "mismatch" {
    this.#forgetExpired(now);
    const partial = this.#waiting.get(key);
    if (partial === undefined) return "unknown";
    const { hello, suite, byteCount } = partial;
    const noise = joinMessage({ first: hello.noise, rest });
    if (noise === undefined) return "mismatch";
    this.#waiting.delete(key);
    return { hello: { ...hello, noise }, suite, byteCount };
  }

  #forgetExpired(now: Instant): void {
    for (const [key, { expiresAt }] of this.#waiting) {
      if (expiresAt > now) return;
      this.#waiting.delete(key);
    }
  }
}

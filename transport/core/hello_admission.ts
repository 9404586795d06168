/**
 * Which hellos are answered at the cost of a Diffie-Hellman, and which have to
 * prove their address first (RFC 9000 §8.1.2).
 *
 * As long as few handshakes are half open, all are answered. From a threshold
 * on, over all or for one address, a hello needs a cookie, and one without gets
 * a Retry that holds it. A hello that cost a Diffie-Hellman and was no good
 * counts as half open for as long as one that nobody finishes: otherwise whoever
 * sends noise behind a right MAC would never be asked. What is remembered is
 * bounded by the handshakes that may be half open.
 *
 * @module
 */
import { Fifo } from "../../internal/fifo.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { type Address, senderKey } from "./address.ts";
import { HALF_OPEN_SENDER_DIVISOR } from "./config.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import {
  encodeRetry,
  type InitiatorHello,
  NOISE_EPHEMERAL_LENGTH,
  responseMacKey,
} from "./handshake_packet.ts";
import { type RetrySubject, RetryTokens } from "./retry_token.ts";

/** A hello that was answered with nothing, after a Diffie-Hellman. */
interface Failure {
  readonly hostname: string;
  readonly forgottenAt: Instant;
}

/** The half-open handshakes of an endpoint, and who may add one. */
export class HelloAdmission {
  readonly #retryThreshold: number;
  readonly #maxHalfOpen: number;
  readonly #failureLifetimeMs: number;
  readonly #maxPerSender: number;
  /** With cookies: nobody fills the half-open handshakes alone. */
  readonly #maxOfOneSender: number;
  readonly #tokens: RetryTokens;
  /** Half-open and failed ones. */
  readonly #countBySender = new Map<string, number>();
  readonly #failures = new Fifo<Failure>();
  #halfOpenCount = 0;

  /**
   * @param config The limits.
   * @param random Where the secrets of the cookies come from.
   */
  constructor(
    config: Pick<
      EndpointConfig,
      | "retryThreshold"
      | "maxHalfOpen"
      | "maxHalfOpenPerAddress"
      | "handshakeTimeoutMs"
      | "maxAcceptedCookies"
    >,
    random: RandomSource,
  ) {
    this.#retryThreshold = config.retryThreshold;
    this.#maxHalfOpen = config.maxHalfOpen;
    this.#failureLifetimeMs = config.handshakeTimeoutMs;
    this.#maxPerSender = config.maxHalfOpenPerAddress;
    this.#maxOfOneSender = Math.max(
      config.maxHalfOpenPerAddress,
      Math.floor(config.maxHalfOpen / HALF_OPEN_SENDER_DIVISOR),
    );
    this.#tokens = new RetryTokens(random, {
      maxAccepted: config.maxAcceptedCookies,
    });
  }

  /** Handshakes that wait for their third message. */
  get halfOpenCount(): number {
    return this.#halfOpenCount;
  }

  /**
   * Whether no further hello of a sender may be answered, cookie or not.
   *
   * @param now The time.
   * @param hostname Where it comes from.
   */
  isFull(now: Instant, hostname: string): boolean {
    this.#forgetFailures(now);
    return this.#burden >= this.#maxHalfOpen ||
      this.#countOf(hostname) >= this.#maxOfOneSender;
  }

  /**
   * Judges a hello whose MAC is right. A cookie that is needed is used up.
   *
   * @param now The time.
   * @param from Where it came from.
   * @param hello The hello.
   * @param isCookieDemanded Whether it needs a cookie however few are half open.
   * @returns `undefined` when it may be answered, `malformed` for one that no
   * Noise could read, otherwise why a Retry has to go first.
   */
  judge(
    now: Instant,
    from: Address,
    hello: InitiatorHello,
    isCookieDemanded: boolean,
  ): "malformed" | "retry-required" | "bad-cookie" | undefined {
    if (hello.noise.length < NOISE_EPHEMERAL_LENGTH) return "malformed";
    this.#forgetFailures(now);
    const isCookieNeeded = isCookieDemanded ||
      this.#burden >= this.#retryThreshold ||
      this.#countOf(from.hostname) >= this.#maxPerSender;
    if (!isCookieNeeded) return undefined;
    if (hello.cookie.length === 0) return "retry-required";
    return this.#tokens.accept(now, subjectOf(from, hello), hello.cookie)
      ? undefined
      : "bad-cookie";
  }

  /**
   * Makes the Retry that answers a hello.
   *
   * @param now The time.
   * @param from Where the hello came from.
   * @param hello The hello.
   * @returns A packet far smaller than the hello.
   */
  createRetry(now: Instant, from: Address, hello: InitiatorHello): Uint8Array {
    const subject = subjectOf(from, hello);
    return encodeRetry(
      hello.connectionId,
      this.#tokens.create(now, subject),
      responseMacKey(hello.connectionId, subject.ephemeral),
    );
  }

  /**
   * A hello was answered.
   *
   * @param hostname Where it came from.
   */
  onOpened(hostname: string): void {
    this.#halfOpenCount++;
    this.#count(hostname);
  }

  /**
   * A hello that was admitted could not be answered.
   *
   * @param now The time.
   * @param hostname Where it came from.
   */
  onFailed(now: Instant, hostname: string): void {
    const forgottenAt = now + this.#failureLifetimeMs;
    this.#failures.push({ hostname, forgottenAt });
    this.#count(hostname);
  }

  /**
   * A handshake that was half open is complete, or over.
   *
   * @param hostname Where its hello came from.
   */
  onSettled(hostname: string): void {
    this.#halfOpenCount--;
    this.#uncount(hostname);
  }

  /** What was paid for and came to nothing yet. */
  get #burden(): number {
    return this.#halfOpenCount + this.#failures.length;
  }

  #forgetFailures(now: Instant): void {
    for (
      let oldest = this.#failures.peek();
      oldest !== undefined && oldest.forgottenAt <= now;
      oldest = this.#failures.peek()
    ) {
      this.#failures.shift();
      this.#uncount(oldest.hostname);
    }
  }

  #countOf(hostname: string): number {
    return this.#countBySender.get(senderKey(hostname)) ?? 0;
  }

  #count(hostname: string): void {
    const sender = senderKey(hostname);
    const count = this.#countBySender.get(sender) ?? 0;
    this.#countBySender.set(sender, count + 1);
  }

  #uncount(hostname: string): void {
    const sender = senderKey(hostname);
    const count = this.#countBySender.get(sender) ?? 0;
    if (count > 1) this.#countBySender.set(sender, count - 1);
    else this.#countBySender.delete(sender);
  }
}

function subjectOf(address: Address, hello: InitiatorHello): RetrySubject {
  return {
    address,
    connectionId: hello.connectionId,
    ephemeral: hello.noise.subarray(0, NOISE_EPHEMERAL_LENGTH),
  };
}

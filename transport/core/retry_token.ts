/**
 * Cookies that prove an address without remembering it (RFC 9000 §8.1.2).
 *
 * ```text
 * offset  size  field   encoding
 *      0     4  key     u32, little-endian: number of the secret
 *      4     4  age     u32, little-endian: ms from the secret's making to the cookie's
 *      8    16  mac     the first 16 bytes of HMAC-SHA-256
 * ```
 *
 * The MAC covers the source address, the initiator's connection id and its
 * ephemeral key: a cookie serves one handshake from one address. The secret is
 * replaced once per lifetime, and the one before it kept for as long. Only the
 * cookies that were accepted are remembered, up to a bound.
 *
 * Spec: docs/spec/transport.md, "Retry".
 *
 * @module
 */
import { hmacSha256, isEqualConstantTime, wipe } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import { type Address, formatAddress } from "./address.ts";
import {
  DEFAULT_MAX_ACCEPTED_COOKIES,
  RETRY_COOKIE_LIFETIME_MS,
} from "./config.ts";

/** Size of a cookie, in bytes. */
export const RETRY_COOKIE_LENGTH = 24;

const HEAD_LENGTH = 8;
const MAC_LENGTH: number = RETRY_COOKIE_LENGTH - HEAD_LENGTH;
const SECRET_LENGTH = 32;
const text = new TextEncoder();
const LABEL = text.encode("mxp v1 retry");

/** What a cookie is made for. */
export interface RetrySubject {
  /** Where the hello came from. */
  readonly address: Address;
  /** The id that the initiator chose, 8 bytes. */
  readonly connectionId: Uint8Array;
  /** The first 32 bytes of Noise message 1. */
  readonly ephemeral: Uint8Array;
}

/** Options of {@linkcode RetryTokens}. */
export interface RetryTokensOptions {
  /**
   * How long a cookie is good.
   *
   * @default {RETRY_COOKIE_LIFETIME_MS}
   */
  readonly lifetimeMs?: number;
  /**
   * Cookies under one secret that are accepted; more are refused.
   *
   * @default {DEFAULT_MAX_ACCEPTED_COOKIES}
   */
  readonly maxAccepted?: number;
}

interface Secret {
  readonly number: number;
  readonly key: Uint8Array;
  readonly madeAt: Instant;
  /** 53 bits of the MACs of the cookies that were accepted. */
  readonly accepted: Set<number>;
}

/** Makes and checks the cookies of one endpoint. */
export class RetryTokens {
  readonly #random: RandomSource;
  readonly #lifetimeMs: number;
  readonly #maxAccepted: number;
  #current: Secret | undefined;
  #previous: Secret | undefined;

  /**
   * @param random Where the secrets come from; the first is drawn with the
   * first cookie.
   * @param options Lifetime and bound.
   */
  constructor(random: RandomSource, options: RetryTokensOptions = {}) {
    this.#random = random;
    this.#lifetimeMs = options.lifetimeMs ?? RETRY_COOKIE_LIFETIME_MS;
    this.#maxAccepted = options.maxAccepted ?? DEFAULT_MAX_ACCEPTED_COOKIES;
  }

  /** How many accepted cookies are remembered. */
  get acceptedCount(): number {
    return (this.#current?.accepted.size ?? 0) +
      (this.#previous?.accepted.size ?? 0);
  }

  /**
   * Makes a cookie. Nothing is remembered of it.
   *
   * @param now The time.
   * @param subject What it is for.
   * @returns {@linkcode RETRY_COOKIE_LENGTH} new bytes.
   */
  create(now: Instant, subject: RetrySubject): Uint8Array {
    const secret = this.#secretAt(now);
    const writer = new ByteWriter(new Uint8Array(RETRY_COOKIE_LENGTH));
    writer.u32(secret.number);
    writer.u32(Math.floor(now - secret.madeAt));
    writer.bytes(macOf(secret.key, writer.written, subject));
    return writer.buffer;
  }

  /**
   * Takes a cookie, once.
   *
   * @param now The time.
   * @param subject What it has to be for.
   * @param cookie From a hello: any bytes.
   * @returns Whether it was made here for the subject, is not too old, was not
   * accepted before, and can be remembered.
   */
  accept(now: Instant, subject: RetrySubject, cookie: Uint8Array): boolean {
    if (cookie.length !== RETRY_COOKIE_LENGTH) return false;
    const reader = new ByteReader(cookie);
    const number = reader.u32();
    const age = reader.u32();
    const secret = [this.#current, this.#previous]
      .find((each) => each?.number === number);
    if (secret === undefined) return false;
    const mac = cookie.subarray(HEAD_LENGTH);
    const head = cookie.subarray(0, HEAD_LENGTH);
    if (!isEqualConstantTime(mac, macOf(secret.key, head, subject))) {
      return false;
    }
    if (now - (secret.madeAt + age) > this.#lifetimeMs) return false;
    const trace = traceOf(mac);
    if (
      secret.accepted.has(trace) || secret.accepted.size >= this.#maxAccepted
    ) {
      return false;
    }
    secret.accepted.add(trace);
    return true;
  }

  #secretAt(now: Instant): Secret {
    const current = this.#current;
    if (current !== undefined && now - current.madeAt < this.#lifetimeMs) {
      return current;
    }
    if (this.#previous !== undefined) wipe(this.#previous.key);
    // What it made last is too old one lifetime after it was replaced: it is
    // kept until then, and its cookies tell their own age.
    this.#previous = current;
    const key = new Uint8Array(SECRET_LENGTH);
    this.#random.fillSecret(key);
    const secret: Secret = {
      number: ((current?.number ?? 0) + 1) >>> 0,
      key,
      madeAt: now,
      accepted: new Set(),
    };
    this.#current = secret;
    return secret;
  }
}

function macOf(
  key: Uint8Array,
  head: Uint8Array,
  subject: RetrySubject,
): Uint8Array {
  const { connectionId, ephemeral, address } = subject;
  // All but the address have a fixed length: no two subjects give the same bytes.
  return hmacSha256(
    key,
    LABEL,
    head,
    connectionId,
    ephemeral,
    text.encode(formatAddress(address)),
  ).subarray(0, MAC_LENGTH);
}

/** 53 bits of a MAC: nobody else can choose them, so they tell cookies apart. */
function traceOf(mac: Uint8Array): number {
  const reader = new ByteReader(mac);
  return reader.u32() + (reader.u32() >>> 11) * 2 ** 32;
}

/**
 * Session tickets: what lets a peer that was here before send data with its
 * first datagram.
 *
 * ```text
 * offset  size  field
 *      0     4  key id      random: which ticket key
 *      4    16  ticket id   random
 *     20    85  sealed: ChaCha20-Poly1305
 *             1  suite
 *            32  resumption secret
 *            32  the initiator's static public key
 *            16  trace of the initiator's IP address
 *             4  expiry: ms from the making of the ticket key, u32
 *    105    16  tag
 * ```
 *
 * Nothing is remembered of a ticket that was made; only of one that was used.
 * A ticket serves once: its id is kept as long as its key, and a key whose ids
 * are too many is good for no more tickets. So what was refused once is refused
 * for ever: an initiator that fell back may send its data again.
 *
 * Each ticket is sealed under a key of its own, derived from the ticket key and
 * the ticket id, so the nonce is zero and used once.
 *
 * Spec: docs/spec/transport.md, "Tickets".
 *
 * @module
 */
import {
  aead,
  hmacSha256,
  isEqualConstantTime,
  wipe,
} from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { ByteWriter } from "../../internal/byte_writer.ts";
import type { Instant } from "../../internal/instant.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import type { EndpointConfig } from "./endpoint_options.ts";
import type { TicketRefusalReason } from "./stats.ts";

const KEY_ID_LENGTH = 4;
const TICKET_ID_LENGTH = 16;
const HEAD_LENGTH: number = KEY_ID_LENGTH + TICKET_ID_LENGTH;
const HOST_TRACE_LENGTH = 16;
const CONTENT_LENGTH: number = 1 + 32 + 32 + HOST_TRACE_LENGTH + 4;
const TAG_LENGTH = 16;
const KEY_LENGTH = 32;

/** Size of a ticket of this implementation, in bytes. */
export const SESSION_TICKET_LENGTH: number = HEAD_LENGTH + CONTENT_LENGTH +
  TAG_LENGTH;

const text = new TextEncoder();
const SEAL_LABEL = text.encode("mxp v1 ticket");
const HOST_LABEL = text.encode("mxp v1 ticket host");
const ZERO_NONCE = new Uint8Array(12);

/** What a ticket is made for. */
export interface TicketSubject {
  /** Number of the suite of the connection, on the wire. */
  readonly suiteCode: number;
  /** From which both ends derive the pre-shared key, 32 bytes. */
  readonly resumptionSecret: Uint8Array;
  /** The initiator's static public key, proven by a handshake. */
  readonly initiatorPublicKey: Uint8Array;
  /** IP address at which the initiator was proven to be. */
  readonly hostname: string;
}

/** What a ticket says. It is not used yet. */
export interface OpenedTicket {
  /** Number of the suite that it is good for. */
  readonly suiteCode: number;
  /** From which both ends derive the pre-shared key, 32 bytes; for the holder to wipe. */
  readonly resumptionSecret: Uint8Array;
  /** Whose it is. */
  readonly initiatorPublicKey: Uint8Array;
  /**
   * Whether an address was proven when the ticket was made.
   *
   * @param hostname The IP address of a hello.
   */
  isProvenHost(hostname: string): boolean;
  /** Uses it up: it will not open again. */
  use(): void;
  /** Its owner will not use it: it will not open again either. */
  giveUp(): void;
}

/** A ticket that can be used, or why not. */
export type TicketOutcome =
  | { readonly ok: true; readonly ticket: OpenedTicket }
  | {
    readonly ok: false;
    readonly reason: "used";
    /** Whose it was. */
    readonly initiatorPublicKey: Uint8Array;
  }
  | {
    readonly ok: false;
    readonly reason: Exclude<TicketRefusalReason, "used">;
  };

interface TicketKey {
  readonly id: Uint8Array;
  readonly secret: Uint8Array;
  readonly madeAt: Instant;
  /** 53 bits of the ids of the tickets that were used. */
  readonly used: Set<number>;
  /** The same of those that their owners have given up. */
  readonly givenUp: Set<number>;
}

/** Makes and opens the tickets of one endpoint. */
export class SessionTickets {
  readonly #random: RandomSource;
  readonly #lifetimeMs: number;
  readonly #maxUsed: number;
  #current: TicketKey | undefined;
  #previous: TicketKey | undefined;

  /**
   * @param random Where keys and ids come from; the first key is drawn with the
   * first ticket, so a process that was started again opens none of before.
   * @param config Lifetime and bound.
   */
  constructor(
    random: RandomSource,
    config: Pick<EndpointConfig, "ticketLifetimeMs" | "maxUsedTickets">,
  ) {
    this.#random = random;
    this.#lifetimeMs = config.ticketLifetimeMs;
    this.#maxUsed = config.maxUsedTickets;
  }

  /** How many used tickets are remembered; at most twice the bound of a key. */
  get usedCount(): number {
    return [this.#current, this.#previous].reduce(
      (sum, key) => sum + (key?.used.size ?? 0) + (key?.givenUp.size ?? 0),
      0,
    );
  }

  /**
   * Makes a ticket.
   *
   * @param now The time.
   * @param subject What it is for.
   * @returns {@linkcode SESSION_TICKET_LENGTH} new bytes.
   */
  create(now: Instant, subject: TicketSubject): Uint8Array {
    const key = this.#keyAt(now);
    const ticket = new Uint8Array(SESSION_TICKET_LENGTH);
    const id = ticket.subarray(KEY_ID_LENGTH, HEAD_LENGTH);
    ticket.set(key.id);
    this.#random.fillPublic(id);
    const content = new ByteWriter(new Uint8Array(CONTENT_LENGTH));
    content.u8(subject.suiteCode);
    content.bytes(subject.resumptionSecret);
    content.bytes(subject.initiatorPublicKey);
    content.bytes(hostTrace(key, subject.hostname));
    content.u32(Math.floor(now - key.madeAt) + this.#lifetimeMs);
    const sealKey = sealKeyOf(key, id);
    const sealed = aead("chacha20-poly1305")
      .seal(sealKey, ZERO_NONCE, SEAL_LABEL, content.buffer);
    wipe(sealKey, content.buffer);
    ticket.set(sealed, HEAD_LENGTH);
    return ticket;
  }

  /**
   * Opens a ticket. It stays unused until {@linkcode OpenedTicket.use}.
   *
   * @param now The time.
   * @param ticket From a hello: any bytes; borrowed.
   * @returns What it says, or why it is refused.
   */
  open(now: Instant, ticket: Uint8Array): TicketOutcome {
    const key = this.#keyOf(ticket);
    if (key === undefined) return { ok: false, reason: "unreadable" };
    const id = ticket.subarray(KEY_ID_LENGTH, HEAD_LENGTH);
    const sealKey = sealKeyOf(key, id);
    const content = aead("chacha20-poly1305")
      .open(sealKey, ZERO_NONCE, SEAL_LABEL, ticket.subarray(HEAD_LENGTH));
    wipe(sealKey);
    if (content === undefined) return { ok: false, reason: "unreadable" };
    const reader = new ByteReader(content);
    const suiteCode = reader.u8();
    const resumptionSecret = reader.bytes(32);
    const initiatorPublicKey = reader.bytes(32);
    const host = reader.bytes(HOST_TRACE_LENGTH);
    const expiry = reader.u32();
    const trace = traceOf(id);
    const reason = this.#refusalOf(key, trace, key.madeAt + expiry - now);
    if (reason !== undefined) {
      wipe(resumptionSecret);
      return reason === "used"
        ? { ok: false, reason, initiatorPublicKey }
        : { ok: false, reason };
    }
    return {
      ok: true,
      ticket: {
        suiteCode,
        resumptionSecret,
        initiatorPublicKey,
        isProvenHost: (hostname) =>
          isEqualConstantTime(host, hostTrace(key, hostname)),
        use: () => void key.used.add(trace),
        giveUp: () => void key.givenUp.add(trace),
      },
    };
  }

  #refusalOf(
    key: TicketKey,
    trace: number,
    leftMs: number,
  ): "used" | "given-up" | "expired" | "full" | undefined {
    if (key.used.has(trace)) return "used";
    if (key.givenUp.has(trace)) return "given-up";
    if (leftMs <= 0) return "expired";
    // For ever, not only for now: see the top of this file.
    const usedCount = key.used.size + key.givenUp.size;
    return usedCount >= this.#maxUsed ? "full" : undefined;
  }

  #keyOf(ticket: Uint8Array): TicketKey | undefined {
    if (ticket.length !== SESSION_TICKET_LENGTH) return undefined;
    return [this.#current, this.#previous].find((key) =>
      key?.id.every((byte, index) => byte === ticket[index])
    );
  }

  #keyAt(now: Instant): TicketKey {
    const current = this.#current;
    if (current !== undefined && now - current.madeAt < this.#lifetimeMs) {
      return current;
    }
    if (this.#previous !== undefined) wipe(this.#previous.secret);
    // What it made last expires one lifetime after it was replaced: it is kept
    // until then, and with it the ids of its tickets.
    this.#previous = current;
    const key: TicketKey = {
      id: new Uint8Array(KEY_ID_LENGTH),
      secret: new Uint8Array(KEY_LENGTH),
      madeAt: now,
      used: new Set(),
      givenUp: new Set(),
    };
    this.#random.fillPublic(key.id);
    this.#random.fillSecret(key.secret);
    this.#current = key;
    return key;
  }
}

function sealKeyOf(key: TicketKey, id: Uint8Array): Uint8Array {
  return hmacSha256(key.secret, SEAL_LABEL, id);
}

function hostTrace(key: TicketKey, hostname: string): Uint8Array {
  return hmacSha256(key.secret, HOST_LABEL, text.encode(hostname))
    .subarray(0, HOST_TRACE_LENGTH);
}

/** 53 bits of an id: nobody else can choose one, so they tell tickets apart. */
function traceOf(id: Uint8Array): number {
  const reader = new ByteReader(id);
  return reader.u32() + (reader.u32() >>> 11) * 2 ** 32;
}

/**
 * What an initiator may be told in place of an answer with keys. None of it is
 * authenticated: at best, a MAC shows that whoever says it has seen the hello.
 *
 * @module
 */
import { TRANSPORT_VERSION } from "./config.ts";
import {
  decodeRefusal,
  decodeRetry,
  decodeVersionNegotiation,
  RefusalReason,
} from "./handshake_packet.ts";
import { decodeSuiteRefusal } from "./suite_refusal.ts";
import { decodeTicketRefusal } from "./ticket_refusal.ts";

/** What is said to a hello. */
export type HelloAnswer =
  | {
    /** Our version is not spoken there. */
    readonly type: "version-negotiation";
    /** Those that are. */
    readonly versions: readonly number[];
  }
  | {
    /**
     * The hello was meant for another key (`wrong-key`), or has to be another
     * one: without its ticket, for another suite, with a cookie.
     */
    readonly type: "wrong-key" | "suite-refusal" | "ticket-refusal" | "retry";
  };

const WRONG_KEY: HelloAnswer = { type: "wrong-key" };
const SUITE_REFUSAL: HelloAnswer = { type: "suite-refusal" };
const TICKET_REFUSAL: HelloAnswer = { type: "ticket-refusal" };
const RETRY: HelloAnswer = { type: "retry" };

/**
 * Whether an answer has a MAC that only who has seen the hello can make. One
 * without counts only from where the hello went.
 *
 * @param answer What was said.
 */
export function hasAnswerMac({ type }: HelloAnswer): boolean {
  return type !== "version-negotiation" && type !== "wrong-key";
}

/**
 * Tells what a packet says to a hello, by its shape alone: its MAC is not looked
 * at.
 *
 * @param packet A whole packet.
 * @returns `undefined` for everything else, as an answer with keys is, a packet
 * that is protected, or a version negotiation that names our version.
 */
export function decodeHelloAnswer(packet: Uint8Array): HelloAnswer | undefined {
  const versions = decodeVersionNegotiation(packet);
  if (versions !== undefined && !versions.includes(TRANSPORT_VERSION)) {
    return { type: "version-negotiation", versions };
  }
  if (decodeRefusal(packet) === RefusalReason.WRONG_KEY) return WRONG_KEY;
  if (decodeSuiteRefusal(packet) !== undefined) return SUITE_REFUSAL;
  if (decodeTicketRefusal(packet) !== undefined) return TICKET_REFUSAL;
  if (decodeRetry(packet) !== undefined) return RETRY;
  return undefined;
}

/**
 * What answers carry beside their fixed fields.
 *
 * ```text
 * type  value                                          in
 *    5  budget spent: calls u32, tokens u64, cost u64  Response, Error, StreamClose
 *   64  not started (empty): the handler never ran     Error
 *   65  retry after: u32, milliseconds                 StreamClose
 * ```
 *
 * @module
 */
import {
  decodeEnvelope,
  encodeEnvelope,
  type Extension,
} from "../protocol/mod.ts";
import type { BudgetAmounts } from "./budget.ts";

/** Extension types of answers, beside those of the envelope. */
export const ReplyExtension = {
  /** The handler never ran: the call can go elsewhere. */
  NOT_STARTED: 64,
  /** When to try again, u32 milliseconds. */
  RETRY_AFTER: 65,
} as const;

/** Largest amount of calls on the wire. */
const MAX_CALLS = 0xffff_fffe;

/** What an answer can carry. */
export interface ReplyFacts {
  /** What was spent. */
  readonly spent?: Required<BudgetAmounts> | undefined;
  /** Whether the handler never ran. */
  readonly isNotStarted?: boolean;
  /** When to try again, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** What an answer carried. */
export interface ReceivedReplyFacts {
  /** What was spent. */
  readonly spent: BudgetAmounts | undefined;
  /** Whether the handler never ran. */
  readonly isNotStarted: boolean;
  /** When to try again, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Extensions of most answers: not to be changed. */
const NO_EXTENSIONS: readonly Extension[] = Object.freeze([]);

/** What they say. */
const NO_FACTS: ReceivedReplyFacts = Object.freeze({
  spent: undefined,
  isNotStarted: false,
  retryAfterMs: undefined,
});

/**
 * Encodes the extensions of an answer.
 *
 * @param facts What to say; nothing is said about nothing spent.
 * @returns The extensions.
 */
export function encodeReplyFacts(facts: ReplyFacts): readonly Extension[] {
  const { spent, isNotStarted, retryAfterMs } = facts;
  if (
    spent === undefined && isNotStarted !== true && retryAfterMs === undefined
  ) return NO_EXTENSIONS;
  const extensions: Extension[] = [];
  if (
    spent !== undefined && spent.calls + spent.tokens + spent.costMicros > 0
  ) {
    const budget = { ...spent, calls: Math.min(spent.calls, MAX_CALLS) };
    extensions.push(...encodeEnvelope({ budget }));
  }
  if (isNotStarted === true) {
    extensions.push({
      type: ReplyExtension.NOT_STARTED,
      value: new Uint8Array(0),
    });
  }
  if (retryAfterMs !== undefined) {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(
      0,
      clampRetryAfter(retryAfterMs),
      true,
    );
    extensions.push({ type: ReplyExtension.RETRY_AFTER, value });
  }
  return extensions;
}

/**
 * Decodes the extensions of an answer; unknown ones are skipped.
 *
 * @param extensions The extensions.
 * @returns What they say.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID`.
 */
export function decodeReplyFacts(
  extensions: readonly Extension[],
): ReceivedReplyFacts {
  if (extensions.length === 0) return NO_FACTS;
  let isNotStarted = false;
  let retryAfterMs: number | undefined;
  for (const { type, value } of extensions) {
    if (type === ReplyExtension.NOT_STARTED) isNotStarted = true;
    if (type === ReplyExtension.RETRY_AFTER && value.length === 4) {
      retryAfterMs = new DataView(value.buffer, value.byteOffset).getUint32(
        0,
        true,
      );
    }
  }
  return {
    spent: decodeEnvelope(extensions).budget,
    isNotStarted,
    retryAfterMs,
  };
}

/**
 * Brings a time to retry after into the range of its field.
 *
 * @param retryAfterMs Any number of milliseconds.
 * @returns Whole milliseconds, a u32.
 */
export function clampRetryAfter(retryAfterMs: number | undefined): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.ceil(retryAfterMs || 0)));
}

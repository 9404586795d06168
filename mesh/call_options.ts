/**
 * What a caller can say about a call.
 *
 * @module
 */
import type { StreamPriority } from "../transport/mod.ts";
import { type BudgetAmounts, checkAmounts } from "./budget.ts";
import { MAX_IDEMPOTENCY_KEY_LENGTH } from "./config.ts";
import type { Compression, Sendable } from "./content.ts";
import { CallError } from "./error.ts";
import {
  checkChoice,
  checkKind,
  checkMetadata,
  checkSignal,
  checkTime,
} from "./option_checks.ts";

const PRIORITIES: readonly StreamPriority[] = [
  "control",
  "interactive",
  "bulk",
];
const COMPRESSIONS: readonly Compression[] = [true, false, "auto"];

/** Options of calls and streams. */
export interface RequestOptions {
  /**
   * Time for the whole of it, whatever progress it makes, in milliseconds: 0 to
   * 4,294,967,295, which is 49 days. Deliberately nothing turns the limit of a
   * call off: one that is never answered would wait for ever. Inside a handler,
   * never more than what is left of the handler's own.
   *
   * @default {30,000 for a call, none for a stream}
   */
  readonly timeoutMs?: number;
  /**
   * Longest wait for the callee, or for a connection to it where all are in use, in
   * milliseconds, 0 to 4,294,967,295; each chunk starts it anew, and nothing counts
   * while `input` has nothing to send, or a large chunk of it waits for others to
   * leave. Nothing turns that of a stream off, for the same reason.
   *
   * @default {none for a call, 60,000 for a stream}
   */
  readonly idleTimeoutMs?: number;
  /** Gives the call up, and everything that was called for it. */
  readonly signal?: AbortSignal;
  /**
   * Further values for the callee, which reads them as `request.input`. They
   * are asked for as fast as the callee reads.
   */
  readonly input?: AsyncIterable<Sendable>;
  /** Pairs of text for the handler, somewhat less than 65,535 bytes in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * What the call and everything below it may use up. What was spent below a call
   * that was given up is not known, and not taken off.
   */
  readonly budget?: BudgetAmounts;
  /**
   * Whether it does no harm to run it twice: then it is tried again with
   * another agent when the first one was lost on the way, and leaves with the
   * first datagram to an agent that was called before, without waiting for the
   * handshake.
   *
   * @default {false}
   */
  readonly isIdempotent?: boolean;
  /**
   * How urgent its bytes are beside those of other calls, also where large requests
   * wait for others to leave.
   *
   * @default {"interactive"}
   */
  readonly priority?: StreamPriority;
  /** Seals the value for these static public keys: nobody else can read it. */
  readonly sealFor?: readonly Uint8Array[];
  /**
   * Compresses the value with zstd: `"auto"` from 1 KiB on.
   *
   * @default {false}
   */
  readonly compress?: Compression;
}

/** Options of `Agent.call`. */
export interface CallOptions extends RequestOptions {
  /**
   * Names the work, at most 256 characters: a callee that has done it for this
   * caller and method answers what it answered then, whatever the value is now, and
   * one that still does it answers when it is done. Other callees know nothing of
   * it: call one by its `id`.
   */
  readonly idempotencyKey?: string;
}

/** Options of `Agent.stream`. */
export type StreamOptions = RequestOptions;

/**
 * Checks options.
 *
 * @param options What the caller gave.
 * @throws {CallError} `INVALID_ARGUMENT` names the option.
 */
export function checkOptions(options: CallOptions): void {
  // Programs without types say these things as well.
  if (typeof options !== "object" || options === null) {
    throw new CallError("INVALID_ARGUMENT", "Call options: must be an object");
  }
  checkTime("Call options: timeoutMs", options.timeoutMs);
  checkTime("Call options: idleTimeoutMs", options.idleTimeoutMs);
  checkSignal("Call options: signal", options.signal);
  checkKind("Call options: isIdempotent", options.isIdempotent, "boolean");
  checkChoice("Call options: priority", options.priority, PRIORITIES);
  checkChoice("Call options: compress", options.compress, COMPRESSIONS);
  checkMetadata("Call options: metadata", options.metadata);
  const { budget, idempotencyKey, input } = options;
  checkKind("Call options: budget", budget, "object");
  if (budget !== undefined) checkAmounts(budget);
  if (
    input !== undefined && typeof input?.[Symbol.asyncIterator] !== "function"
  ) throw invalidOption("input must be an AsyncIterable");
  if (idempotencyKey === undefined) return;
  if (
    typeof idempotencyKey !== "string" || idempotencyKey.length === 0 ||
    idempotencyKey.length > MAX_IDEMPOTENCY_KEY_LENGTH
  ) {
    throw invalidOption(
      `idempotencyKey must be 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters`,
    );
  }
  if (input !== undefined) {
    throw invalidOption("idempotencyKey and input exclude each other");
  }
}

function invalidOption(detail: string): CallError {
  return new CallError("INVALID_ARGUMENT", `Call options: ${detail}`);
}

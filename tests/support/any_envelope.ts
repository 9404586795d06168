/**
 * Envelopes for property tests.
 *
 * @module
 */
import fc from "fast-check";
import type { Budget, Envelope, TraceContext } from "../../protocol/mod.ts";
import { anyBytes, anyMetadata, anyText, record } from "./codec_properties.ts";

const anyU32 = fc.nat(0xffff_ffff);
const anyU64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** Envelopes with any of their fields. */
export const anyEnvelope: fc.Arbitrary<Envelope> = record<Envelope>(
  {
    deadlineMs: anyU32,
    idleTimeoutMs: anyU32,
    parentSpanId: anyU64,
    idempotencyKey: anyText,
    budget: record<Budget>({
      calls: fc.nat(0xffff_fffe),
      tokens: fc.maxSafeNat(),
      costMicros: fc.maxSafeNat(),
    }, ["calls", "tokens", "costMicros"]),
    capability: anyText,
    caller: anyText,
    callerId: anyBytes(16),
    metadata: anyMetadata,
    isIdempotent: fc.constant(true),
    traceContext: record<TraceContext>({
      traceIdHigh: anyU64,
      flags: fc.nat(0xff),
    }),
  },
  [
    "deadlineMs",
    "idleTimeoutMs",
    "parentSpanId",
    "idempotencyKey",
    "budget",
    "capability",
    "caller",
    "callerId",
    "metadata",
    "isIdempotent",
    "traceContext",
  ],
);

/**
 * What is recorded about each call, at both of its ends.
 *
 * @module
 */
import type { StatusName } from "./status_code.ts";

/** One end of one call. */
export interface SpanRecord {
  /** Trace of the whole tree of calls, a u64. */
  readonly traceId: bigint;
  /** This span; at the caller it is the id of the request message. */
  readonly spanId: bigint;
  /** The span that this one belongs to; `undefined` at the root of a trace. */
  readonly parentSpanId: bigint | undefined;
  /** The method. */
  readonly name: string;
  /** `client` at the caller, `server` at the callee. */
  readonly kind: "client" | "server";
  /** The agent that recorded it. */
  readonly agent: string;
  /** The agent at the other end: its name, or its address when it has none. */
  readonly peer: string;
  /** When it began, in milliseconds of the Unix epoch. */
  readonly startMs: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** How it ended. */
  readonly status: StatusName;
  /** Bytes of messages sent. */
  readonly bytesSent: number;
  /** Bytes of messages received. */
  readonly bytesReceived: number;
}

/** Observes spans as they end. What it throws is ignored. */
export type SpanListener = (span: SpanRecord) => void;

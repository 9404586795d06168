/**
 * Spans: to the agent's own listeners and to OpenTelemetry.
 *
 * The 64-bit trace id of a message is the low half of the 128-bit one of
 * OpenTelemetry, whose high half is zero; the id of a request message is the
 * id of the caller's span. The span at the root of a trace names as its parent
 * a span with the trace's own id, which nobody records: the API has no other
 * way to choose a trace id. Without an OpenTelemetry SDK all of it does nothing.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  type Context,
  context as contexts,
  ProxyTracerProvider,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import { formatId, type MessageIds } from "./message_ids.ts";
import type { SpanListener, SpanRecord } from "./span.ts";
import type { StatusName } from "./status_code.ts";

/** Name of the tracer that the spans are made with. */
const TRACER_NAME = "@mxp/core";

/** High half of every 128-bit trace id. */
const TRACE_ID_HIGH = "0".repeat(16);

/** How a span begins. */
export interface SpanStart {
  /** The method. */
  readonly name: string;
  /** Which end of the call. */
  readonly kind: "client" | "server";
  /** Trace of the caller; a new trace begins when absent. */
  readonly traceId?: bigint | undefined;
  /** Span that this one belongs to. */
  readonly parentSpanId?: bigint | undefined;
}

/** How a span ends. */
export interface SpanEnd {
  /** How the call ended. */
  readonly status: StatusName;
  /** The agent at the other end. */
  readonly peer: string;
  /** Bytes of messages sent. */
  readonly bytesSent: number;
  /** Bytes of messages received. */
  readonly bytesReceived: number;
}

/** A span that has not ended. */
export interface OpenSpan {
  /** Its trace. */
  readonly traceId: bigint;
  /** Its own id. */
  readonly spanId: bigint;
  /** Whether anybody hears how it ends; who opened it may save the trouble then. */
  readonly isObserved: boolean;
  /** Whether OpenTelemetry records it, so that `run` does more than to run. */
  readonly isRecording: boolean;
  /** Runs code so that spans of other libraries become its children. */
  run<Result>(code: () => Result): Result;
  /** Ends it; only the first call counts. */
  end(end: SpanEnd): void;
}

/** A span that OpenTelemetry records, and the context inside it. */
interface Recording {
  readonly span: Span;
  readonly context: Context;
}

/** Opens spans for one agent. */
export class Tracing {
  readonly #agent: string;
  readonly #ids: MessageIds;
  readonly #tracer: Tracer = trace.getTracer(TRACER_NAME);
  readonly #listeners = new Set<SpanListener>();

  /**
   * @param agent Name of the agent, for the records.
   * @param ids Where new ids come from.
   */
  constructor(agent: string, ids: MessageIds) {
    this.#agent = agent;
    this.#ids = ids;
  }

  /**
   * Adds a listener.
   *
   * @param listener Called with every span that ends.
   * @returns Removes it.
   */
  onSpan(listener: SpanListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Opens a span.
   *
   * @param start What begins.
   * @returns The span; whoever opened it ends it.
   */
  open(start: SpanStart): OpenSpan {
    let { traceId, parentSpanId } = start;
    const active = contexts.active();
    const local = start.kind === "client"
      ? trace.getSpanContext(active)
      : undefined;
    const isInside = local !== undefined && trace.isSpanContextValid(local);
    if (isInside) {
      // The code around the call has a span: its trace goes on.
      traceId ??= BigInt(`0x${local.traceId.slice(16)}`) || undefined;
      parentSpanId ??= BigInt(`0x${local.spanId}`);
    }
    traceId ??= this.#ids.createTraceId();
    const recording = hasTracerProvider()
      ? this.#record(
        start,
        isInside ? active : remoteParent(active, traceId, parentSpanId),
      )
      : undefined;
    const spanId = recording === undefined
      ? this.#ids.nextMessageId()
      : BigInt(`0x${recording.span.spanContext().spanId}`);
    return new LocalSpan(
      traceId,
      spanId,
      parentSpanId,
      start,
      this.#agent,
      recording,
      this.#listeners,
    );
  }

  /** Opens a span of OpenTelemetry, if the SDK wants to have this one. */
  #record(start: SpanStart, parent: Context): Recording | undefined {
    const span = this.#tracer.startSpan(start.name, {
      kind: start.kind === "client" ? SpanKind.CLIENT : SpanKind.SERVER,
      attributes: { "rpc.system": "mxp", "rpc.method": start.name },
    }, parent);
    return span.isRecording()
      ? { span, context: trace.setSpan(parent, span) }
      : undefined;
  }
}

class LocalSpan implements OpenSpan {
  readonly traceId: bigint;
  readonly spanId: bigint;
  readonly #parentSpanId: bigint | undefined;
  readonly #start: SpanStart;
  readonly #agent: string;
  readonly #recording: Recording | undefined;
  readonly #listeners: ReadonlySet<SpanListener>;
  /** Whether somebody listened when it began: a part of a span is none. */
  readonly isObserved: boolean;
  readonly #startedAt: number | undefined;
  #hasEnded = false;

  constructor(
    traceId: bigint,
    spanId: bigint,
    parentSpanId: bigint | undefined,
    start: SpanStart,
    agent: string,
    recording: Recording | undefined,
    listeners: ReadonlySet<SpanListener>,
  ) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.#parentSpanId = parentSpanId;
    this.#start = start;
    this.#agent = agent;
    this.#recording = recording;
    this.#listeners = listeners;
    this.isObserved = recording !== undefined || listeners.size > 0;
    this.#startedAt = this.isObserved ? performance.now() : undefined;
  }

  get isRecording(): boolean {
    return this.#recording !== undefined;
  }

  run<Result>(code: () => Result): Result {
    const recording = this.#recording;
    return recording === undefined
      ? code()
      : contexts.with(recording.context, code);
  }

  end(end: SpanEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#recording !== undefined) endSpan(this.#recording.span, end);
    const startedAt = this.#startedAt;
    if (startedAt === undefined || this.#listeners.size === 0) return;
    const { name, kind } = this.#start;
    this.#notify({
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.#parentSpanId,
      name,
      kind,
      agent: this.#agent,
      ...end,
      startMs: performance.timeOrigin + startedAt,
      durationMs: performance.now() - startedAt,
    });
  }

  #notify(record: SpanRecord): void {
    for (const listener of this.#listeners) {
      try {
        listener(record);
      } catch {
        // An observer never breaks a call.
      }
    }
  }
}

keepHiddenClass(
  new LocalSpan(0n, 0n, 0n, undefined as never, "", undefined, new Set()),
);

/**
 * Whether somebody records: without an SDK the API has a provider that stands
 * for one, and making its spans would cost as much as the rest of the call.
 */
function hasTracerProvider(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) ||
    provider.getDelegateTracer(TRACER_NAME) !== undefined;
}

function remoteParent(
  active: Context,
  traceId: bigint,
  parentSpanId: bigint | undefined,
): Context {
  return trace.setSpanContext(active, {
    traceId: TRACE_ID_HIGH + formatId(traceId),
    spanId: formatId(parentSpanId ?? traceId),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function endSpan(span: Span, end: SpanEnd): void {
  try {
    span.setAttributes({
      "mxp.status": end.status,
      "mxp.peer": end.peer,
      "mxp.bytes_sent": end.bytesSent,
      "mxp.bytes_received": end.bytesReceived,
    });
    if (end.status !== "OK") {
      span.setStatus({ code: SpanStatusCode.ERROR, message: end.status });
    }
    span.end();
  } catch {
    // The program's own processors run here: see #notify.
  }
}

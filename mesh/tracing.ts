/**
 * Spans: to the agent's own listeners and to OpenTelemetry.
 *
 * The 64-bit trace id of a message is the low half of the 128-bit one of
 * OpenTelemetry; the id of a request message is the id of the caller's span. A
 * trace begins where there is an SDK with the id that the SDK gives it, and is
 * recorded if its sampler says so; both travel in the envelope. Without one it
 * has a high half of zero, and is for others to record. Without an SDK anywhere
 * all of it does nothing.
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  type Context,
  context as contexts,
  ProxyTracerProvider,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import type { TraceContext } from "../protocol/mod.ts";
import { formatId, type MessageIds } from "./message_ids.ts";
import { requireKind } from "./option_checks.ts";
import type { SpanListener, SpanRecord } from "./span.ts";
import type { StatusName } from "./status_code.ts";

/** Name of the tracer that the spans are made with. */
const TRACER_NAME = "@mxp/core";

/** What holds of a trace of which nothing else is said. */
const PLAIN_TRACE: TraceContext = {
  traceIdHigh: 0n,
  flags: TraceFlags.SAMPLED,
};

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
  /** What the caller said of the trace. */
  readonly traceContext?: TraceContext | undefined;
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
  /** What is to be handed on of the trace; nothing where there is nothing to say. */
  readonly traceContext: TraceContext | undefined;
  /** Whether anybody hears how it ends; who opened it may save the trouble then. */
  readonly isObserved: boolean;
  /** Whether OpenTelemetry knows of it, so that `run` does more than to run. */
  readonly hasContext: boolean;
  /** Runs code so that spans of other libraries become its children. */
  run<Result>(code: () => Result): Result;
  /** Ends it; only the first call counts. */
  end(end: SpanEnd): void;
}

/** A span of OpenTelemetry, recorded or not, and the context inside it. */
interface SdkSpan {
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
   * @throws {CallError} `INVALID_ARGUMENT` for a listener that is no function.
   */
  onSpan(listener: SpanListener): () => void {
    requireKind("Agent: a listener of spans", listener, "function");
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
    const active = contexts.active();
    const local = start.kind === "client"
      ? trace.getSpanContext(active)
      : undefined;
    const isInside = local !== undefined && trace.isSpanContextValid(local);
    const sdkSpan = hasTracerProvider()
      ? this.#startSpan(start, isInside ? active : remoteParent(active, start))
      : undefined;
    const own = sdkSpan?.span.spanContext() ?? (isInside ? local : undefined);
    let { traceId, traceContext } = start;
    if (own !== undefined) {
      // The trace of the code around the call goes on, or one begins here.
      traceId = lowHalf(own.traceId) || undefined;
      traceContext = traceContextOf(own);
    }
    return new LocalSpan(
      traceId ?? this.#ids.createTraceId(),
      sdkSpan === undefined
        ? this.#ids.nextMessageId()
        : BigInt(`0x${sdkSpan.span.spanContext().spanId}`),
      isInside
        ? start.parentSpanId ?? BigInt(`0x${local.spanId}`)
        : start.parentSpanId,
      traceContext,
      start,
      this.#agent,
      sdkSpan,
      this.#listeners,
    );
  }

  /** Starts a span of OpenTelemetry, if there is an SDK that gives it an id. */
  #startSpan(start: SpanStart, parent: Context): SdkSpan | undefined {
    const span = this.#tracer.startSpan(start.name, {
      kind: start.kind === "client" ? SpanKind.CLIENT : SpanKind.SERVER,
      attributes: { "rpc.system": "mxp", "rpc.method": start.name },
    }, parent);
    return trace.isSpanContextValid(span.spanContext())
      ? { span, context: trace.setSpan(parent, span) }
      : undefined;
  }
}

class LocalSpan implements OpenSpan {
  readonly traceId: bigint;
  readonly spanId: bigint;
  readonly traceContext: TraceContext | undefined;
  readonly #parentSpanId: bigint | undefined;
  readonly #name: string;
  readonly #kind: SpanStart["kind"];
  readonly #agent: string;
  readonly #sdkSpan: SdkSpan | undefined;
  readonly #listeners: ReadonlySet<SpanListener>;
  /** Whether somebody listened when it began: a part of a span is none. */
  readonly isObserved: boolean;
  readonly #startedAt: number | undefined;
  #hasEnded = false;

  constructor(
    traceId: bigint,
    spanId: bigint,
    parentSpanId: bigint | undefined,
    traceContext: TraceContext | undefined,
    start: SpanStart,
    agent: string,
    sdkSpan: SdkSpan | undefined,
    listeners: ReadonlySet<SpanListener>,
  ) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.#parentSpanId = parentSpanId;
    this.traceContext = traceContext;
    // Not what holds them: it would live as long as the span.
    this.#name = start.name;
    this.#kind = start.kind;
    this.#agent = agent;
    this.#sdkSpan = sdkSpan;
    this.#listeners = listeners;
    this.isObserved = sdkSpan?.span.isRecording() === true ||
      listeners.size > 0;
    this.#startedAt = this.isObserved ? performance.now() : undefined;
  }

  get hasContext(): boolean {
    return this.#sdkSpan !== undefined;
  }

  run<Result>(code: () => Result): Result {
    const sdkSpan = this.#sdkSpan;
    return sdkSpan === undefined
      ? code()
      : contexts.with(sdkSpan.context, code);
  }

  end(end: SpanEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#sdkSpan !== undefined) endSpan(this.#sdkSpan.span, end);
    const startedAt = this.#startedAt;
    if (startedAt === undefined || this.#listeners.size === 0) return;
    this.#notify({
      traceId: this.traceId,
      spanId: this.spanId,
      parentSpanId: this.#parentSpanId,
      name: this.#name,
      kind: this.#kind,
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
  new LocalSpan(
    0n,
    0n,
    undefined,
    undefined,
    { name: "", kind: "client" },
    "",
    undefined,
    new Set(),
  ),
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

/** The span above, at another agent; nothing where a trace begins. */
function remoteParent(active: Context, start: SpanStart): Context {
  const { traceId, parentSpanId, traceContext = PLAIN_TRACE } = start;
  if (traceId === undefined) return active;
  return trace.setSpanContext(active, {
    traceId: formatId(traceContext.traceIdHigh) + formatId(traceId),
    // A trace that somebody began without a span of its own: its id stands for one.
    spanId: formatId(parentSpanId ?? traceId),
    traceFlags: traceContext.flags,
    isRemote: true,
  });
}

function lowHalf(traceId: string): bigint {
  return BigInt(`0x${traceId.slice(16)}`);
}

/** @returns What is to be said of a trace. */
function traceContextOf(span: SpanContext): TraceContext | undefined {
  const traceIdHigh = BigInt(`0x${span.traceId.slice(0, 16)}`);
  const { traceFlags: flags } = span;
  return traceIdHigh === PLAIN_TRACE.traceIdHigh && flags === PLAIN_TRACE.flags
    ? undefined
    : { traceIdHigh, flags };
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

import assert from "node:assert/strict";
import {
  type Context,
  context,
  type ContextManager,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  trace,
} from "@opentelemetry/api";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { formatId, MessageIds } from "./message_ids.ts";
import type { SpanRecord } from "./span.ts";
import { Tracing } from "./tracing.ts";

const END = {
  status: "OK",
  peer: "peer",
  bytesSent: 1,
  bytesReceived: 2,
} as const;

Deno.test("Tracing.open() begins a trace, and tells its listeners when the span ends", () => {
  const tracing = new Tracing("agent", new MessageIds(new SeededRandom(1)));
  const records: SpanRecord[] = [];
  const stop = tracing.onSpan((record) => records.push(record));
  tracing.onSpan(() => {
    throw new Error("an observer that fails");
  });
  const root = tracing.open({ name: "method", kind: "client" });
  const child = tracing.open({
    name: "inner",
    kind: "server",
    traceId: root.traceId,
    parentSpanId: root.spanId,
  });
  child.end({ ...END, status: "NOT_FOUND" });
  child.end(END);
  root.end(END);
  stop();
  tracing.open({ name: "unseen", kind: "client" }).end(END);
  assert.deepEqual(records.map(({ name, status }) => [name, status]), [
    ["inner", "NOT_FOUND"],
    ["method", "OK"],
  ]);
  assert.equal(records[0]!.parentSpanId, records[1]!.spanId);
  assert.equal(records[0]!.traceId, records[1]!.traceId);
  assert.equal(records[1]!.parentSpanId, undefined);
  assert.notEqual(records[0]!.spanId, records[1]!.spanId);
});

/**
 * The part of an SDK that the tests need. Its sampler is the usual one: it asks only
 * where a trace begins.
 */
class RecordingTracer {
  /** Whether traces that begin here are recorded. */
  isSampling = true;
  readonly started: {
    name: string;
    parent: SpanContext | undefined;
    own: SpanContext;
    isEnded: boolean;
  }[] = [];
  /** Stands for the processors of the program. */
  onEnd: () => void = () => {};

  startSpan(name: string, _options?: SpanOptions, parent?: Context): Span {
    const above = parent === undefined
      ? undefined
      : trace.getSpanContext(parent);
    const own: SpanContext = {
      traceId: above?.traceId ?? "0123456789abcdef".repeat(2),
      spanId: formatId(BigInt(this.started.length + 100)),
      traceFlags: above?.traceFlags ?? (this.isSampling ? 1 : 0),
    };
    const entry = { name, parent: above, own, isEnded: false };
    this.started.push(entry);
    return {
      spanContext: () => own,
      isRecording: () => own.traceFlags === 1,
      setAttributes: () => {},
      setStatus: () => {},
      end: () => {
        entry.isEnded = true;
        this.onEnd();
      },
    } as unknown as Span;
  }
}

/** A context manager for code without `await`. */
class StackContextManager implements ContextManager {
  #active: Context = ROOT_CONTEXT;
  active(): Context {
    return this.#active;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    inner: Context,
    code: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const outer = this.#active;
    this.#active = inner;
    try {
      return code.call(thisArg, ...args);
    } finally {
      this.#active = outer;
    }
  }
  bind<T>(_context: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

Deno.test("Tracing.open() tells an SDK that came with version 1.9 of the API", () => {
  // Where all copies of the API in a process look for what an SDK has registered.
  const key = Symbol.for("opentelemetry.js.api.1");
  const globals = globalThis as { [name: symbol]: unknown };
  const before = globals[key];
  const tracer = new RecordingTracer();
  globals[key] = { version: "1.9.0", trace: { getTracer: () => tracer } };
  try {
    const tracing = new Tracing("agent", new MessageIds(new SeededRandom(1)));
    tracing.open({ name: "call", kind: "client" }).end(END);
    const names = tracer.started.map(({ name, isEnded }) => [name, isEnded]);
    assert.deepEqual(names, [["call", true]]);
  } finally {
    globals[key] = before;
  }
});

Deno.test("Tracing.open() gives OpenTelemetry the message ids as span and trace ids", () => {
  const tracer = new RecordingTracer();
  trace.setGlobalTracerProvider({ getTracer: () => tracer as never });
  context.setGlobalContextManager(new StackContextManager());
  try {
    const tracing = new Tracing("agent", new MessageIds(new SeededRandom(2)));
    const client = tracing.open({ name: "call", kind: "client" });
    const server = tracing.open({
      name: "call",
      kind: "server",
      traceId: client.traceId,
      parentSpanId: client.spanId,
      traceContext: client.traceContext,
    });
    const inner = server.run(() =>
      tracing.open({ name: "inner", kind: "client" })
    );
    for (const span of [inner, server, client]) span.end(END);
    const traceId = "0123456789abcdef".repeat(2);
    assert.ok(tracer.started.every(({ own }) => own.traceId === traceId));
    assert.equal(formatId(client.traceId), traceId.slice(16));
    assert.ok(tracer.started.every(({ isEnded }) => isEnded));
    const [first, second, third] = tracer.started;
    assert.equal(first!.parent, undefined);
    assert.equal(first!.own.spanId, formatId(client.spanId));
    assert.equal(second!.parent?.spanId, first!.own.spanId);
    assert.equal(third!.parent?.spanId, second!.own.spanId);
    assert.equal(inner.traceId, client.traceId);
  } finally {
    trace.disable();
    context.disable();
  }
});

Deno.test("Tracing.open() leaves it to who began a trace whether it is recorded", () => {
  const tracer = new RecordingTracer();
  trace.setGlobalTracerProvider({ getTracer: () => tracer as never });
  context.setGlobalContextManager(new StackContextManager());
  try {
    for (const isSampling of [false, true]) {
      tracer.isSampling = isSampling;
      const ids = new MessageIds(new SeededRandom(3));
      const client = new Tracing("caller", ids)
        .open({ name: "call", kind: "client" });
      // The sampler of the callee is not asked.
      tracer.isSampling = true;
      const server = new Tracing("callee", ids).open({
        name: "call",
        kind: "server",
        traceId: client.traceId,
        parentSpanId: client.spanId,
        traceContext: client.traceContext,
      });
      const inner = server.run(() =>
        new Tracing("callee", ids).open({ name: "inner", kind: "client" })
      );
      for (const span of [client, server, inner]) {
        assert.equal(span.isObserved, isSampling);
        assert.equal(span.traceId, client.traceId);
        assert.deepEqual(span.traceContext, {
          traceIdHigh: 0x0123456789abcdefn,
          flags: isSampling ? 1 : 0,
        });
      }
    }
  } finally {
    trace.disable();
    context.disable();
  }
});

Deno.test("Tracing.open() hands on what was said of a trace where nobody records", () => {
  const tracing = new Tracing("agent", new MessageIds(new SeededRandom(4)));
  const traceContext = { traceIdHigh: 5n, flags: 0 };
  const start = { name: "call", kind: "server", traceId: 6n } as const;
  assert.deepEqual(
    tracing.open({ ...start, parentSpanId: 7n, traceContext }).traceContext,
    traceContext,
  );
  assert.equal(tracing.open(start).traceContext, undefined);
});

Deno.test("A span whose processor throws ends all the same", () => {
  const tracer = new RecordingTracer();
  tracer.onEnd = () => {
    throw new Error("Test: no room");
  };
  trace.setGlobalTracerProvider({ getTracer: () => tracer as never });
  try {
    const tracing = new Tracing("agent", new MessageIds(new SeededRandom(2)));
    const ended: string[] = [];
    tracing.onSpan(({ name }) => ended.push(name));
    tracing.open({ name: "call", kind: "client" }).end(END);
    assert.deepEqual(ended, ["call"]);
    assert.ok(tracer.started[0]!.isEnded);
  } finally {
    trace.disable();
  }
});

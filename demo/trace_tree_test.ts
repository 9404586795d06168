import assert from "node:assert/strict";
import type { SpanLine } from "./process/child_process.ts";
import { drawTrace } from "./trace_tree.ts";

function span(
  spanId: string,
  kind: SpanLine["kind"],
  [agent, peer]: [string, string],
  parentSpanId?: string,
): SpanLine {
  return {
    traceId: "1",
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    kind,
    name: `m${spanId}`,
    agent,
    peer,
    startMs: Number(spanId),
    durationMs: 1.25,
    status: spanId === "5" ? "NOT_FOUND" : "OK",
    bytesSent: 10,
    bytesReceived: 2_000,
  };
}

Deno.test("drawTrace() draws who called whom, in the order of the calls", () => {
  const spans = [
    span("5", "client", ["b", "d"], "2"),
    span("3", "client", ["b", "c"], "2"),
    span("4", "server", ["c", "b"], "3"),
    span("6", "client", ["c", "e"], "4"),
    span("2", "server", ["b", "a"], "1"),
    span("1", "client", ["a", "b"]),
  ];
  assert.deepEqual(drawTrace(spans), [
    "who called whom    took  sent  received",
    "a → b: m1        1.3 ms  10 B    2.0 kB",
    "├─ b → c: m3     1.3 ms  10 B    2.0 kB",
    "│  └─ c → e: m6  1.3 ms  10 B    2.0 kB",
    "└─ b → d: m5     1.3 ms  10 B    2.0 kB  NOT_FOUND",
  ]);
});

Deno.test("drawTrace() draws a call whose caller is not known as a root", () => {
  assert.equal(drawTrace([span("3", "client", ["b", "c"], "2")]).length, 2);
  assert.equal(drawTrace([]).length, 1);
});

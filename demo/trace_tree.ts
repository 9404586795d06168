/**
 * Spans of several processes as one tree: who called whom.
 *
 * @module
 */
import { formatBytes, formatDuration } from "./format.ts";
import type { SpanLine } from "./process/child_process.ts";

const HEADING = ["who called whom", "took", "sent", "received", ""];

/**
 * Draws the tree.
 *
 * @param spans Both ends of every call, in any order.
 * @returns Lines: a heading, then one for each call, the caller's view of it.
 */
export function drawTrace(spans: readonly SpanLine[]): string[] {
  const calls = spans.filter(({ kind }) => kind === "client");
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const roots = calls.filter(({ parentSpanId }) =>
    parentSpanId === undefined || !ids.has(parentSpanId)
  );
  const rows = [
    HEADING,
    ...roots.flatMap((root) => rowsOf(root, spans, "", "")),
  ];
  const widths = HEADING.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column]!)
        : cell.padStart(widths[column]!)
    ).join("  ").trimEnd()
  );
}

function rowsOf(
  call: SpanLine,
  spans: readonly SpanLine[],
  branch: string,
  indent: string,
): string[][] {
  const row = [
    `${branch}${call.agent} → ${call.peer}: ${call.name}`,
    formatDuration(call.durationMs),
    formatBytes(call.bytesSent),
    formatBytes(call.bytesReceived),
    call.status === "OK" ? "" : call.status,
  ];
  const handlers = spans.filter(({ kind, parentSpanId }) =>
    kind === "server" && parentSpanId === call.spanId
  );
  const children = spans
    .filter(({ kind, parentSpanId }) =>
      kind === "client" &&
      handlers.some(({ spanId }) => spanId === parentSpanId)
    )
    .sort((a, b) => a.startMs - b.startMs);
  return [
    row,
    ...children.flatMap((child, index) => {
      const isLast = index === children.length - 1;
      return rowsOf(
        child,
        spans,
        `${indent}${isLast ? "└─ " : "├─ "}`,
        `${indent}${isLast ? "   " : "│  "}`,
      );
    }),
  ];
}

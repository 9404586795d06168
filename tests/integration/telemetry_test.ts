/**
 * What a collector of OpenTelemetry gets from agents in two processes, with the SDK
 * that Deno brings.
 */
import assert from "node:assert/strict";
import { LineProcess } from "../support/line_process.ts";

const AGENTS = new URL("../support/traced_agents.ts", import.meta.url);

/** The part of an exported span that is looked at. */
interface ExportedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
}

/** The part of an OTLP request in JSON that is looked at. */
interface TraceExport {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[];
  }[];
}

/** Span kinds of OTLP. */
const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;

Deno.test("OpenTelemetry gets one trace of a call and the calls below it, from every process", async () => {
  const spans: ExportedSpan[] = [];
  await using collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { resourceSpans = [] } = await request.json() as TraceExport;
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      return Response.json({});
    },
  );
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  };
  const answering = new LineProcess(AGENTS, [], ["--allow-env"], env);
  const nodeUrl = await answering.read();
  const calling = new LineProcess(AGENTS, [nodeUrl], ["--allow-env"], env);
  assert.equal(await calling.read(), "done");
  // What was not exported yet is when they end.
  await calling.close();
  await answering.close();

  const around = spans.find(({ name }) => name === "around")!;
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === "");
  assert.equal(roots.length, 2);
  for (const root of roots) {
    const chain = [root];
    for (let above = root; chain.length <= spans.length;) {
      const below = spans.filter(({ parentSpanId, traceId }) =>
        parentSpanId === above.spanId && traceId === root.traceId
      );
      if (below.length === 0) break;
      assert.equal(below.length, 1);
      above = below[0]!;
      chain.push(above);
    }
    assert.deepEqual(chain.map(({ name, kind }) => [name, kind]), [
      ...(root === around ? [["around", INTERNAL]] : []),
      ["middle", CLIENT],
      ["middle", SERVER],
      ["last", CLIENT],
      ["last", SERVER],
    ]);
  }
  assert.equal(spans.length, 9);
});

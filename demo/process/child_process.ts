/**
 * What the demo's processes say to the one that started them, and how they
 * know when to stop.
 *
 * A process reads one line of JSON from standard input: what it needs to know.
 * When standard input ends it stops: so it never outlives its starter, however
 * that one ends. On standard output it writes one line of JSON for each thing
 * that happens.
 *
 * @module
 */
import { Agent, type SpanRecord } from "../../mesh/mod.ts";

/** A span whose ids are text, for JSON. */
export type SpanLine =
  & Omit<SpanRecord, "traceId" | "spanId" | "parentSpanId">
  & {
    /** Trace of the whole tree of calls. */
    readonly traceId: string;
    /** This span. */
    readonly spanId: string;
    /** The span above it. */
    readonly parentSpanId?: string;
  };

/** What a process says. */
export type ChildLine =
  | {
    /** It can be used. */
    readonly type: "ready";
    /** Where it listens. */
    readonly port: number;
    /** The URL of a node. */
    readonly url?: string;
  }
  | {
    /** One end of a call is over. */
    readonly type: "span";
    /** What is recorded about it. */
    readonly span: SpanLine;
  }
  | {
    /** It cannot go on. */
    readonly type: "failed";
    /** One line for a person. */
    readonly message: string;
  };

/** What an agent's process is told. */
export interface AgentOrders {
  /** URL of the node. */
  readonly nodeUrl: string;
  /** Where others are to send to. */
  readonly advertise: string;
  /** The file that the demo is about. */
  readonly file: string;
}

/** Time for a running handler to end when the demo ends, in milliseconds. */
const DRAIN_MS = 300;

/** Time to end, in milliseconds. */
const STOP_TIMEOUT_MS = 2_000;

/** Something that runs until it is closed. */
interface Closable {
  close(): Promise<void>;
}

/**
 * Runs the process of an agent.
 *
 * @param name Name of the agent.
 * @param capability What it can do.
 * @param prepare Gives it its handlers.
 */
export async function runAgentProcess(
  name: string,
  capability: string,
  prepare: (agent: Agent, orders: AgentOrders) => void,
): Promise<void> {
  await runProcess<AgentOrders>(async (orders) => {
    const { nodeUrl, advertise } = orders;
    const agent = await Agent.connect(nodeUrl, {
      name,
      capabilities: [capability],
      bind: "127.0.0.1:0",
      advertise,
    });
    agent.onSpan((span) => say({ type: "span", span: toSpanLine(span) }));
    prepare(agent, orders);
    say({ type: "ready", port: agent.localAddress.port });
    return { close: () => agent.close({ drainMs: DRAIN_MS }) };
  });
}

/**
 * Runs a process until standard input ends or the system asks it to stop.
 *
 * @param start Starts what it is for.
 */
export async function runProcess<Orders>(
  start: (orders: Orders) => Promise<Closable>,
): Promise<void> {
  // Ctrl-C reaches every process of the terminal: the starter tells us when.
  Deno.addSignalListener("SIGINT", () => {});
  const stopped = Promise.withResolvers<void>();
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", () => stopped.resolve());
  }
  const lines = readLines();
  try {
    const { value: line } = await lines.next();
    if (line === undefined) return Deno.exit(0);
    const running = await start(JSON.parse(line) as Orders);
    await Promise.race([lines.next(), stopped.promise]);
    // Whoever it would say good-bye to may be gone as well.
    setTimeout(() => Deno.exit(0), STOP_TIMEOUT_MS);
    await running.close();
    Deno.exit(0);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ type: "failed", message });
    Deno.exit(1);
  }
}

/**
 * Tells the starter something.
 *
 * @param line What.
 */
export function say(line: ChildLine): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += Deno.stdout.writeSync(bytes.subarray(sent));
    }
  } catch {
    // The starter is gone, and so will this process be.
  }
}

/**
 * Makes a span fit for JSON.
 *
 * @param span The span.
 * @returns The same with ids as text.
 */
export function toSpanLine(span: SpanRecord): SpanLine {
  const { traceId, spanId, parentSpanId, ...rest } = span;
  return {
    ...rest,
    traceId: traceId.toString(16),
    spanId: spanId.toString(16),
    ...(parentSpanId === undefined
      ? {}
      : { parentSpanId: parentSpanId.toString(16) }),
  };
}

async function* readLines(): AsyncGenerator<string, undefined> {
  let text = "";
  const decoded = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const part of decoded) {
    text += part;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

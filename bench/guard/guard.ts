/**
 * Fails when a change makes messages, calls or streams clearly dearer.
 *
 * A noisy machine must not fail it, and a fast one must not hide anything: so
 * time is judged beside the same work done otherwise in the same rounds (JSON,
 * a raw UDP echo), by the best of several rounds and with room for half as much
 * again and more; and memory is counted, which no noise changes.
 *
 * Run: `deno task bench:guard`
 *
 * @module
 */
import v8 from "node:v8";
import { Agent, Node } from "../../mod.ts";
import {
  decodeMessage,
  encodeMessageInto,
  MessageType,
} from "../../protocol/mod.ts";
import { printLine } from "../../tools/print_line.ts";
import { parseNothing, taskOptions } from "../../tools/task.ts";
import { RawEcho } from "./raw_echo.ts";

const ROUND_COUNT = 5;
const PAYLOAD = new Uint8Array(256).fill(7);
const OUTSTANDING_COUNT = 64;
const TOKEN_COUNT = 20_000;

/** A figure, what it may be, and what it is. */
interface Finding {
  readonly what: string;
  readonly unit: string;
  readonly limit: number;
  readonly value: number;
}

type Work = () => Promise<void> | void;

async function timeOf(work: Work, count: number): Promise<number> {
  const startedAt = performance.now();
  for (let index = 0; index < count; index++) await work();
  return (performance.now() - startedAt) / count;
}

/** Least of several rounds, each of which times both. */
async function ratio(
  work: { readonly run: Work; readonly count: number },
  reference: { readonly run: Work; readonly count: number },
): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUND_COUNT; round++) {
    const ours = await timeOf(work.run, work.count);
    least = Math.min(
      least,
      ours / await timeOf(reference.run, reference.count),
    );
  }
  return least;
}

/** Bytes that one run allocates, garbage included. */
async function allocatedBytes(work: Work, count: number): Promise<number> {
  const total = (): number =>
    (v8.getHeapStatistics() as unknown as { total_allocated_bytes: number })
      .total_allocated_bytes;
  const before = total();
  for (let index = 0; index < count; index++) await work();
  return (total() - before) / count;
}

/**
 * Bytes by which the old generation grows for one run: what is garbage and yet
 * waits for a major collection. The least of several rounds, since such a
 * collection in between makes the difference meaningless.
 */
async function promotedBytes(work: Work, count: number): Promise<number> {
  const oldBytes = (): number =>
    v8.getHeapSpaceStatistics()
      .find((space) => space.space_name === "old_space")!.space_used_size;
  let least = Infinity;
  for (let round = 0; round < ROUND_COUNT; round++) {
    const before = oldBytes();
    for (let index = 0; index < count; index++) await work();
    const grown = (oldBytes() - before) / count;
    if (grown >= 0) least = Math.min(least, grown);
  }
  return least;
}

const into = new Uint8Array(512);
const fields = {
  type: MessageType.CALL,
  flags: 0,
  messageId: 0x1234_5678_9abc_def0n,
  traceId: 1n,
  payload: PAYLOAD,
};
const text = {
  ...fields,
  messageId: "1234",
  traceId: "1",
  payload: "x".repeat(256),
};
let sink = 0;

function codeMessages(): void {
  for (let index = 0; index < 1_000; index++) {
    encodeMessageInto(fields, into);
    sink += decodeMessage(into).payload.length;
  }
}

function codeJson(): void {
  for (let index = 0; index < 1_000; index++) {
    sink += JSON.parse(JSON.stringify(text)).payload.length;
  }
}

/** What `--help` prints. */
const HELP: string =
  `Fails when messages, calls or streams are clearly dearer than their limits
in bench/guard/guard.ts. Takes no options.
`;

taskOptions({ name: "bench:guard", help: HELP, parse: parseNothing });
const node = await Node.start({ bind: "127.0.0.1:0" });
const callee = await Agent.connect(node.url, { name: "callee" });
callee.onCall("echo", (request) => request.value);
callee.onStream("tokens", async function* () {
  for (let index = 0; index < TOKEN_COUNT; index++) yield "token123";
});
const caller = await Agent.connect(node.url);
const raw = new RawEcho(PAYLOAD.length);

async function call(): Promise<void> {
  await caller.call({ name: "callee" }, "echo", PAYLOAD);
}

async function manyCalls(): Promise<void> {
  await Promise.all(Array.from({ length: OUTSTANDING_COUNT }, call));
}

async function tokens(): Promise<void> {
  let count = 0;
  for await (const _ of caller.stream({ name: "callee" }, "tokens")) count++;
  if (count !== TOKEN_COUNT) throw new Error(`Lost tokens: ${count} came`);
}

const echo = { run: () => raw.roundTrip(), count: 1_000 };
// Until the code is compiled, everything is slower by half.
await timeOf(call, 5_000);
await timeOf(manyCalls, 100);
await timeOf(tokens, 5);
await timeOf(echo.run, 2_000);

const findings: Finding[] = [
  {
    what: "encode and decode a message of 256 B, beside JSON",
    unit: "×",
    limit: 0.5,
    value: await ratio(
      { run: codeMessages, count: 50 },
      { run: codeJson, count: 50 },
    ),
  },
  {
    what: "a call of 256 B, beside a raw UDP echo",
    unit: "×",
    limit: 8,
    value: await ratio({ run: call, count: 1_000 }, echo),
  },
  {
    what: "64 calls at a time, each, beside a raw UDP echo",
    unit: "×",
    limit: 2,
    value: await ratio({ run: manyCalls, count: 50 }, echo) /
      OUTSTANDING_COUNT,
  },
  {
    what: "a token of a stream, beside a raw UDP echo",
    unit: "×",
    limit: 0.25,
    value: await ratio({ run: tokens, count: 2 }, echo) / TOKEN_COUNT,
  },
  {
    what: "garbage of a call",
    unit: "B",
    limit: 60_000,
    value: await allocatedBytes(call, 2_000),
  },
  {
    what: "garbage of a call, 64 at a time",
    unit: "B",
    limit: 24_000,
    value: await allocatedBytes(manyCalls, 50) / OUTSTANDING_COUNT,
  },
  {
    what: "garbage of a token",
    unit: "B",
    limit: 4_000,
    value: await allocatedBytes(tokens, 2) / TOKEN_COUNT,
  },
  {
    what: "garbage of a call that outlives minor collections, 64 at a time",
    unit: "B",
    limit: 800,
    value: await promotedBytes(manyCalls, 100) / OUTSTANDING_COUNT,
  },
];

let failedCount = 0;
for (const { what, unit, limit, value } of findings) {
  const isKept = value <= limit;
  if (!isKept) failedCount++;
  const shown = unit === "B" ? value.toFixed(0) : value.toFixed(3);
  printLine(
    `${isKept ? "ok  " : "DEAR"}  ${what}: ${shown} ${unit}, at most ${limit}`,
  );
}
printLine(
  `${findings.length - failedCount} kept, ${failedCount} dearer (${sink})`,
);

await caller.close();
await callee.close();
await node.close();
raw.close();
if (failedCount > 0) Deno.exitCode = 1;

import assert from "node:assert/strict";
import { TimerQueue } from "../internal/timer_queue.ts";
import { generateKeyPair, sealPayload } from "../crypto/mod.ts";
import {
  compressPayload,
  ContentType,
  decodeError,
  encodeCall,
  encodeCallData,
  MessageFlags,
  MessageType,
} from "../protocol/mod.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import { scheduleMacrotask } from "../transport/macrotask.ts";
import { createStreamPair } from "../tests/support/byte_stream_pair.ts";
import { settle } from "../tests/support/node_rig.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { Callee } from "./callee.ts";
import { MessageChannel } from "./message_channel.ts";
import { MessageIds } from "./message_ids.ts";
import { statusName } from "./status_code.ts";
import { Tracing } from "./tracing.ts";
import { createZstdCompressor } from "./zstd_compressor.ts";

const MEBIBYTE = 1024 * 1024;
const { COMPRESSED, ENCRYPTED } = MessageFlags;
const random = new SeededRandom(1);
const keyPair = generateKeyPair(random);
const zstd = createZstdCompressor()!;

interface Rig {
  readonly callee: Callee;
  /** Sends a request; gives the status of the answer. */
  ask(payload: Uint8Array, flags?: number): Promise<string>;
}

function createRig(maxHandlersInFlight?: number): Rig {
  const callee = new Callee({
    agentId: new Uint8Array(16).fill(1),
    keyPair,
    clock: new TimerQueue(new TimerClock()),
    tracing: new Tracing("callee", new MessageIds(random)),
    maxHandlersInFlight,
  });
  const connection = {
    closed: new Promise(() => {}),
    peerPublicKey: keyPair.publicKey,
    remoteAddress: { hostname: "127.0.0.1", port: 1 },
    onStream: (_stream: TransportStream): void => {},
  };
  callee.serve(connection as unknown as TransportConnection);
  const ask = async (payload: Uint8Array, flags = 0): Promise<string> => {
    const [ours, theirs] = createStreamPair();
    connection.onStream(theirs as unknown as TransportStream);
    const channel = new MessageChannel(ours);
    const ids = { messageId: 7n, traceId: 8n };
    await channel.send({ type: MessageType.CALL, flags, ...ids, payload });
    channel.finish();
    const answer = await channel.receive();
    return answer?.type === MessageType.ERROR
      ? statusName(decodeError(answer.payload).status)
      : "OK";
  };
  return { callee, ask };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => scheduleMacrotask(resolve));
}

function callPayload(
  method: string,
  contentType: number,
  body: Uint8Array,
): Uint8Array {
  const data = encodeCallData({ contentType, method, body });
  return encodeCall({ target: new Uint8Array(16), timeoutSeconds: 0, data });
}

function jsonCall(method: string, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  return compressPayload(zstd, callPayload(method, ContentType.JSON, body));
}

Deno.test("Callee decides whether it takes a request before it looks at the value", async () => {
  const { callee, ask } = createRig(1);
  callee.setMethod("method", { kind: "call", handler: () => "done" });
  const empty = sealPayload({
    recipients: [keyPair.publicKey],
    sender: keyPair,
    random,
  }, new Uint8Array(0));
  const bad = (method: string): [Uint8Array, number][] => [
    [jsonCall(method, "no JSON"), COMPRESSED],
    [callPayload(method, ContentType.JSON, new Uint8Array(20_000)), 0],
    [callPayload(method, ContentType.JSON, new Uint8Array(1)), 0],
    [callPayload(method, ContentType.BYTES, empty), ENCRYPTED],
  ];
  for (const [payload, flags] of bad("method")) {
    assert.equal(await ask(payload, flags), "INVALID_ARGUMENT");
  }
  for (const [payload, flags] of bad("unknown")) {
    assert.equal(await ask(payload, flags), "UNIMPLEMENTED");
  }
  // What nobody wants is not even decompressed.
  const damaged = compressPayload(zstd, new Uint8Array(100)).fill(0, 8);
  const hold = Promise.withResolvers<string>();
  callee.setMethod("hold", { kind: "call", handler: () => hold.promise });
  const holding = ask(jsonCall("hold", "1"), COMPRESSED);
  while (callee.runningCount === 0) await nextTurn();
  assert.equal(await ask(damaged, COMPRESSED), "RESOURCE_EXHAUSTED");
  const drained = callee.drain();
  assert.equal(await ask(damaged, COMPRESSED), "UNAVAILABLE");
  hold.resolve("done");
  assert.equal(await holding, "OK");
  await drained;
});

Deno.test("Callee holds as much of decompressed requests as of unfinished ones, until their handlers are done", async () => {
  const { callee, ask } = createRig();
  const held: (() => void)[] = [];
  callee.setMethod("hold", {
    kind: "call",
    handler: () => new Promise((resolve) => held.push(() => resolve("done"))),
  });
  // As short as it may be: 17 KB that do not compress, then zeros.
  const body = new Uint8Array(15 * MEBIBYTE);
  random.fillPublic(body.subarray(0, 17_000));
  const payload = compressPayload(zstd, callPayload("hold", 0, body));
  // A caller alone may have about half of 256 MiB held.
  const large = Array.from({ length: 9 }, () => ask(payload, COMPRESSED));
  while (held.length < 9) await nextTurn();
  assert.equal(await ask(payload, COMPRESSED), "RESOURCE_EXHAUSTED");
  // So few bytes of text that stand for so much once they are parsed.
  const parsed = jsonCall(
    "hold",
    `["${body.subarray(0, 500).toHex()}",${"[],".repeat(200_000)}0]`,
  );
  assert.equal(await ask(parsed, COMPRESSED), "RESOURCE_EXHAUSTED");
  // Small ones find room all the same.
  callee.setMethod("small", { kind: "call", handler: () => "done" });
  assert.equal(await ask(callPayload("small", 2, Uint8Array.of(0x31))), "OK");
  held.shift()!();
  assert.equal(await large[0], "OK");
  while (callee.runningCount === 9) await nextTurn();
  await nextTurn();
  const another = ask(payload, COMPRESSED);
  while (held.length < 9) await nextTurn();
  for (const finish of held) finish();
  const statuses = await Promise.all([...large, another]);
  assert.deepEqual(statuses, Array(10).fill("OK"));
});

Deno.test("Callee refuses JSON that would take too long to parse", async () => {
  const { callee, ask } = createRig();
  callee.setMethod("method", { kind: "call", handler: () => "done" });
  callee.setMethod("json", {
    kind: "call",
    handler: (request) => request.json<unknown[]>().length,
  });
  const most = new TextEncoder().encode(`[${"1,".repeat(4_999_980)}1]`);
  const more = new TextEncoder().encode(`[${"1,".repeat(5_000_001)}1]`);
  for (const method of ["method", "json"]) {
    for (const [body, status] of [[most, "OK"], [more, "INVALID_ARGUMENT"]]) {
      const payload = callPayload(method, 2, body as Uint8Array);
      assert.equal(await ask(payload), status);
    }
  }
  // Called text, which is parsed when the handler asks.
  assert.equal(await ask(callPayload("json", 1, most)), "OK");
  assert.equal(await ask(callPayload("json", 1, more)), "INVALID_ARGUMENT");
});

Deno.test("Callee lets no more requests wait to be decoded than it works on at a time", async () => {
  const { callee, ask } = createRig(10);
  callee.setMethod("method", { kind: "call", handler: () => "done" });
  const payload = jsonCall("method", `[${"{},".repeat(20_000)}0]`);
  const asked = Array.from({ length: 40 }, () => ask(payload, COMPRESSED));
  const statuses = await Promise.all(asked);
  const refusals = statuses.filter((status) => status !== "OK");
  assert.ok(refusals.length > 0 && refusals.length <= 30, `${statuses}`);
  assert.deepEqual(new Set(refusals), new Set(["RESOURCE_EXHAUSTED"]));
  assert.equal(await ask(payload, COMPRESSED), "OK");
});

Deno.test("Callee.drain() waits for requests that have yet to be decoded, and takes no others", async () => {
  const { callee, ask } = createRig();
  let isDrained = false;
  let handledCount = 0;
  const handler = (): string => {
    assert.equal(isDrained, false);
    handledCount++;
    return "done";
  };
  callee.setMethod("method", { kind: "call", handler });
  const payload = jsonCall("method", `[${"{},".repeat(20_000)}0]`);
  const asked = Array.from({ length: 20 }, () => ask(payload, COMPRESSED));
  // They have come, and no turn has passed.
  await settle();
  assert.ok(handledCount < 20);
  const drained = callee.drain().then(() => isDrained = true);
  assert.equal(await ask(payload, COMPRESSED), "UNAVAILABLE");
  await drained;
  assert.equal(handledCount, 20);
  assert.deepEqual(await Promise.all(asked), Array(20).fill("OK"));
});

Deno.test("Callee.drain() resolves when the last request that has yet to be decoded is refused", async () => {
  const { callee, ask } = createRig();
  callee.setMethod("method", { kind: "call", handler: () => "done" });
  const bad = jsonCall("method", `[${"{},".repeat(20_000)}`);
  const asked = Array.from({ length: 20 }, () => ask(bad, COMPRESSED));
  await settle();
  await callee.drain();
  const statuses = new Set(await Promise.all(asked));
  assert.deepEqual(statuses, new Set(["INVALID_ARGUMENT"]));
});

Deno.test("Callee.abort() refuses requests that have yet to be decoded", async () => {
  const { callee, ask } = createRig();
  callee.setMethod("method", { kind: "call", handler: () => "done" });
  const payload = jsonCall("method", `[${"{},".repeat(20_000)}0]`);
  const asked = Array.from({ length: 20 }, () => ask(payload, COMPRESSED));
  await settle();
  const drained = callee.drain();
  callee.abort();
  await drained;
  const statuses = (await Promise.all(asked)).slice(-10);
  assert.deepEqual(new Set(statuses), new Set(["UNAVAILABLE"]));
});

Deno.test("Requests that take long to decode let the event loop turn", async () => {
  const { callee, ask } = createRig();
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) scheduleMacrotask(count);
  };
  const turns = new Set<number>();
  const handler = () => {
    turns.add(turn);
    return "done";
  };
  callee.setMethod("method", { kind: "call", handler });
  const sealed = sealPayload({
    recipients: [keyPair.publicKey],
    sender: keyPair,
    random,
  }, Uint8Array.of(ContentType.TEXT, 65));
  const text = `[${"{},".repeat(20_000)}0]`;
  for (
    const [payload, flags] of [
      [jsonCall("method", text), COMPRESSED],
      [callPayload("method", 2, new TextEncoder().encode(text)), 0],
      [callPayload("method", ContentType.BYTES, sealed), ENCRYPTED],
    ] as const
  ) {
    turns.clear();
    isOver = false;
    count();
    const asked = Array.from({ length: 40 }, () => ask(payload, flags));
    const statuses = await Promise.all(asked);
    isOver = true;
    assert.deepEqual(statuses, Array(40).fill("OK"));
    assert.ok(turns.size >= 5, `all in ${turns.size} turns`);
  }
});

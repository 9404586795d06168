import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  compressPayload,
  ContentType,
  encodeResponse,
  type Message,
  MessageFlags,
  MessageType,
  ProtocolError,
} from "../protocol/mod.ts";
import { systemRandom } from "../transport/mod.ts";
import { scheduleMacrotask } from "../transport/macrotask.ts";
import { readResponse } from "./answer.ts";
import { createZstdCompressor } from "./zstd_compressor.ts";

const OPTIONS = { keyPair: generateKeyPair(systemRandom), method: "method" };

function responseOf(text: string): Message {
  const body = new TextEncoder().encode(text);
  const payload = encodeResponse({
    status: 0,
    contentType: ContentType.JSON,
    body,
  });
  const ids = { messageId: 1n, traceId: 2n };
  return { type: MessageType.RESPONSE, flags: 0, ...ids, payload };
}

function compress(message: Message): Message {
  const payload = compressPayload(createZstdCompressor()!, message.payload);
  return { ...message, flags: MessageFlags.COMPRESSED, payload };
}

Deno.test("readResponse() gives a small value at once, and a large or compressed one later", async () => {
  const small = responseOf("[1]");
  assert.deepEqual(readResponse(small, OPTIONS), {
    value: [1],
    spent: undefined,
  });
  const large = responseOf(`[${"{},".repeat(10_000)}1]`);
  for (const message of [compress(small), large, compress(large)]) {
    const reading = readResponse(message, OPTIONS);
    assert.ok(reading instanceof Promise);
    assert.equal(((await reading).value as unknown[]).at(-1), 1);
  }
});

Deno.test("readResponse() refuses what takes too long to parse, before it is parsed", async () => {
  await assert.rejects(
    async () => await readResponse(responseOf("[".repeat(600_000)), OPTIONS),
    (error) =>
      error instanceof ProtocolError && error.code === "PAYLOAD_TOO_LARGE",
  );
});

Deno.test("Answers that come at once and take long let the event loop turn", async () => {
  const message = compress(responseOf(`[${"{},".repeat(20_000)}1]`));
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) scheduleMacrotask(count);
  };
  count();
  const turns = new Set<number>();
  await Promise.all(Array.from({ length: 40 }, async () => {
    await readResponse(message, OPTIONS);
    turns.add(turn);
  }));
  isOver = true;
  assert.ok(turns.size >= 5, `all in ${turns.size} turns`);
});

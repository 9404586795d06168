import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeMessage,
  encodeStreamChunk,
  MessageType,
  ProtocolError,
} from "../protocol/mod.ts";
import type { ReadWaiter } from "../transport/mod.ts";
import { CallError } from "./error.ts";
import {
  type ByteStream,
  MemoryLimit,
  MessageChannel,
} from "./message_channel.ts";

/** A stream whose incoming bytes are given, and whose outgoing ones are kept. */
class FakeStream implements ByteStream {
  readonly written: Uint8Array[] = [];
  readonly calls: string[] = [];
  readonly #incoming: Uint8Array[];

  constructor(incoming: readonly Uint8Array[] = []) {
    this.#incoming = [...incoming];
  }

  write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes.slice());
    return Promise.resolve();
  }

  tryWrite(bytes: Uint8Array): boolean {
    this.written.push(bytes.slice());
    return true;
  }

  finish(): void {
    this.calls.push("finish");
  }

  read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#incoming.shift());
  }

  readWith(waiter: ReadWaiter): void {
    this.read().then(
      (chunk) => waiter.resolve(chunk),
      (error) => waiter.reject(error),
    );
  }

  tryRead(): Uint8Array | undefined {
    return this.#incoming.shift();
  }

  get isReadOver(): boolean {
    return this.#incoming.length === 0;
  }

  reset(code: number): void {
    this.calls.push(`reset ${code}`);
  }

  stopSending(code: number): void {
    this.calls.push(`stop ${code}`);
  }
}

function message(payload: Uint8Array): Uint8Array {
  return encodeMessage({
    type: MessageType.RESPONSE,
    flags: 0,
    messageId: 7n,
    traceId: 8n,
    payload,
  });
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return [...chunks, bytes.subarray(offset)];
}

Deno.test("MessageChannel.receive() gives messages however their bytes are cut", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }),
    fc.array(fc.nat(60), { maxLength: 8 }),
    async (payloads, sizes) => {
      const bytes = new Uint8Array(payloads.flatMap((p) => [...message(p)]));
      const channel = new MessageChannel(new FakeStream(split(bytes, sizes)));
      for (const payload of payloads) {
        assert.deepEqual((await channel.receive())?.payload, payload);
      }
      assert.equal(await channel.receive(), undefined);
      assert.equal(channel.bytesReceived, bytes.length);
    },
  ));
});

Deno.test("MessageChannel.receive() throws DATA_LOSS when the stream ends inside a message", async () => {
  const bytes = message(new Uint8Array(10));
  for (let length = 1; length < bytes.length; length++) {
    const channel = new MessageChannel(
      new FakeStream([bytes.subarray(0, length)]),
    );
    await assert.rejects(
      channel.receive(),
      (error) => error instanceof CallError && error.code === "DATA_LOSS",
    );
  }
});

Deno.test("MessageChannel.receive() cancels a stream whose bytes are no message", async () => {
  const stream = new FakeStream([new Uint8Array(32).fill(9)]);
  const channel = new MessageChannel(stream);
  await assert.rejects(
    channel.receive(),
    (error) => error instanceof ProtocolError && error.code === "INVALID_MAGIC",
  );
  assert.deepEqual(stream.calls, ["reset 13", "stop 13"]);
});

Deno.test("MessageChannel.receive() refuses a message above its bound before the payload came", async () => {
  const head = message(new Uint8Array(11)).subarray(0, 32);
  const channel = new MessageChannel(new FakeStream([head]), {
    maxPayloadBytes: 10,
  });
  await assert.rejects(
    channel.receive(),
    (error) =>
      error instanceof ProtocolError && error.code === "PAYLOAD_TOO_LARGE",
  );
});

Deno.test("MessageChannel shares a memory limit and gives everything back", async () => {
  const memory = new MemoryLimit(100);
  const bytes = message(new Uint8Array(30));
  const half = new MessageChannel(
    new FakeStream([bytes.subarray(0, 60), bytes.subarray(60)]),
    { memory },
  );
  await half.receive();
  assert.equal(memory.usedBytes, 0);
  memory.take(50);
  const other = new MessageChannel(new FakeStream([bytes]), { memory });
  await assert.rejects(
    other.receive(),
    (error) =>
      error instanceof CallError && error.code === "RESOURCE_EXHAUSTED",
  );
  assert.equal(memory.usedBytes, 50);
});

Deno.test("MessageChannel.cancel() gives up both directions once", () => {
  const stream = new FakeStream();
  const channel = new MessageChannel(stream);
  channel.cancel(1);
  channel.cancel(2);
  channel.finish();
  assert.deepEqual(stream.calls, ["reset 1", "stop 1"]);
});

Deno.test("MessageChannel.finishReceiving() stops a peer that sends more", async () => {
  const stream = new FakeStream([new Uint8Array(3)]);
  new MessageChannel(stream).finishReceiving();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(stream.calls, ["stop 0"]);
  const ended = new FakeStream();
  new MessageChannel(ended).finishReceiving();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(ended.calls, []);
});

Deno.test("MessageChannel.send() writes one encoded message", async () => {
  const stream = new FakeStream();
  const channel = new MessageChannel(stream);
  await channel.send({
    type: MessageType.RESPONSE,
    messageId: 7n,
    traceId: 8n,
    payload: new Uint8Array([1, 2]),
  });
  assert.deepEqual(stream.written, [message(new Uint8Array([1, 2]))]);
  assert.equal(channel.bytesSent, 42);
});

Deno.test("MessageChannel.pushChunk() sends what push() of the encoded chunk sends, of any size", async () => {
  const head = {
    type: MessageType.STREAM_CHUNK,
    flags: 0,
    messageId: 7n,
    traceId: 8n,
  };
  for (const size of [0, 1, 8, 16_335, 16_336, 100_000]) {
    const chunk = {
      offset: size + 1,
      contentType: 0,
      body: new Uint8Array(size).fill(size),
    };
    const stream = new FakeStream();
    const channel = new MessageChannel(stream);
    await channel.pushChunk(head, chunk);
    await channel.push({ ...head, payload: encodeStreamChunk(chunk) });
    const [inPlace, encoded] = stream.written;
    assert.equal(inPlace!.length, size + 49);
    assert.deepEqual(inPlace, encoded);
    assert.equal(channel.bytesSent, 2 * (size + 49));
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeMessage,
  encodeMessage,
  encodeStreamChunk,
  MAX_PAYLOAD_LENGTH,
  MessageType,
  ProtocolError,
} from "../protocol/mod.ts";
import type { ReadWaiter } from "../transport/mod.ts";
import {
  createStreamPair,
  sumOfLengths,
  takeChunk,
} from "../tests/support/byte_stream_pair.ts";
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
  readonly undeliveredBytes = 0;
  readonly isHeldBack = false;
  readonly #incoming: Uint8Array[];

  constructor(incoming: readonly Uint8Array[] = []) {
    this.#incoming = [...incoming];
  }

  write(bytes: Uint8Array): Promise<void> {
    this.written.push(bytes.slice());
    return Promise.resolve();
  }

  tryWrite(bytes: Uint8Array, isLast = false): boolean {
    this.written.push(bytes.slice());
    if (isLast) this.finish();
    return true;
  }

  finish(): void {
    this.calls.push("finish");
  }

  get readableBytes(): number {
    return sumOfLengths(this.#incoming);
  }

  read(into?: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(takeChunk(this.#incoming, into));
  }

  readWith(waiter: ReadWaiter, into?: Uint8Array): void {
    this.read(into).then(
      (chunk) => waiter.resolve(chunk),
      (error) => waiter.reject(error),
    );
  }

  tryRead(into?: Uint8Array): Uint8Array | undefined {
    return takeChunk(this.#incoming, into);
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

/** A stream that has no room, and copies what waits when it has some again. */
class FullStream extends FakeStream {
  readonly room = Promise.withResolvers<void>();

  override async write(bytes: Uint8Array): Promise<void> {
    await this.room.promise;
    await super.write(bytes);
  }

  override tryWrite(): boolean {
    return false;
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

Deno.test("MessageChannel.receive() gives large messages in memory of their own, however their bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.nat(100), fc.nat(80_000), fc.nat(300_000)), {
        maxLength: 5,
      }),
      fc.array(fc.nat(60_000), { maxLength: 12 }),
      async (lengths, sizes) => {
        const payloads = lengths.map((length, index) =>
          new Uint8Array(length).map((_, i) => i * 7 + index)
        );
        const messages = payloads.map(message);
        const bytes = new Uint8Array(sumOfLengths(messages));
        let offset = 0;
        for (const encoded of messages) {
          bytes.set(encoded, offset);
          offset += encoded.length;
        }
        const memory = new MemoryLimit(1 << 23);
        const stream = new FakeStream(split(bytes, sizes));
        const channel = new MessageChannel(stream, { memory });
        const received: Uint8Array[] = [];
        for (let count = 0; count < payloads.length; count++) {
          received.push((await channel.receive())!.payload);
        }
        assert.deepEqual(received, payloads);
        assert.equal(channel.bytesReceived, bytes.length);
        assert.equal(await channel.receive(), undefined);
        assert.equal(memory.usedBytes, 0);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("MessageChannel takes memory for a large message when a quarter of it is there", async () => {
  const bytes = message(new Uint8Array(100_000));
  for (const [size, usedBytes] of [[20_000, 20_000], [30_000, bytes.length]]) {
    const memory = new MemoryLimit(1 << 20);
    const [stream, peer] = createStreamPair();
    const channel = new MessageChannel(stream, { memory });
    const receiving = channel.receive();
    peer.tryWrite(bytes.subarray(0, size));
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    assert.equal(memory.usedBytes, usedBytes);
    stream.fail(new Error("Gone"));
    await assert.rejects(receiving, { message: "Gone" });
    assert.equal(memory.usedBytes, 0);
  }
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
  const memory = new MemoryLimit(300);
  const bytes = message(new Uint8Array(30));
  const half = new MessageChannel(
    new FakeStream([bytes.subarray(0, 60), bytes.subarray(60)]),
    { memory },
  );
  await half.receive();
  assert.equal(memory.usedBytes, 0);
  memory.take(250);
  const other = new MessageChannel(new FakeStream([bytes]), { memory });
  await assert.rejects(
    other.receive(),
    (error) =>
      error instanceof CallError && error.code === "RESOURCE_EXHAUSTED",
  );
  assert.equal(memory.usedBytes, 250);
});

Deno.test("MessageChannel counts what the pieces of an unfinished message cost, not only their bytes", async () => {
  const bytes = message(new Uint8Array(1_000));
  const memory = new MemoryLimit(1 << 20);
  const [stream, peer] = createStreamPair();
  const channel = new MessageChannel(stream, { memory });
  const receiving = channel.receive();
  for (let offset = 0; offset < 500; offset++) {
    peer.tryWrite(bytes.subarray(offset, offset + 1));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  assert.equal(channel.bytesReceived, 500);
  assert.ok(memory.usedBytes > 500 * 100, `${memory.usedBytes} bytes`);
  peer.tryWrite(bytes.subarray(500));
  assert.equal((await receiving)?.payload.length, 1_000);
  assert.equal(memory.usedBytes, 0);
});

Deno.test("MessageChannel counts what is left of a large message's pieces when all of it has memory", async () => {
  const bytes = message(new Uint8Array(100_000));
  const memory = new MemoryLimit(1 << 20);
  const [stream, peer] = createStreamPair();
  const channel = new MessageChannel(stream, { memory });
  const receiving = channel.receive();
  for (let offset = 0; offset < 30_000; offset += 3_000) {
    peer.tryWrite(bytes.subarray(offset, offset + 3_000));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  assert.equal(memory.usedBytes, bytes.length);
  peer.tryWrite(bytes.subarray(30_000));
  assert.equal((await receiving)?.payload.length, 100_000);
  assert.equal(memory.usedBytes, 0);
});

Deno.test("MessageChannel.begins() waits for the first byte of the next message", async () => {
  const bytes = message(new Uint8Array(10));
  const [stream, peer] = createStreamPair();
  const channel = new MessageChannel(stream);
  let hasBegun: boolean | undefined;
  const beginning = channel.begins().then((begins) => hasBegun = begins);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.equal(hasBegun, undefined);
  peer.tryWrite(bytes.subarray(0, 1));
  assert.equal(await beginning, true);
  assert.equal(channel.tryReceive(), undefined);
  assert.equal(await channel.begins(), true);
  peer.tryWrite(bytes.subarray(1));
  assert.equal((await channel.receive())?.payload.length, 10);
  peer.finish();
  assert.equal(await channel.begins(), false);
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

Deno.test("MessageChannel.push() leaves the bytes of a message alone until the stream has taken them", async () => {
  const stream = new FullStream();
  const channel = new MessageChannel(stream);
  const payloads = [200_000, 100_000, 190_000, 10].map((length, index) =>
    new Uint8Array(length).fill(index + 1)
  );
  const push = (payload: Uint8Array): Promise<void> | undefined => {
    const given = payload.slice();
    const pushing = channel.push({
      type: MessageType.RESPONSE,
      messageId: 7n,
      traceId: 8n,
      payload: given,
    });
    given.fill(0);
    return pushing;
  };
  const pushing = payloads.map(push);
  stream.room.resolve();
  await Promise.all(pushing);
  await push(payloads[0]!);
  await push(payloads[2]!);
  assert.deepEqual(
    stream.written.map((bytes) => decodeMessage(bytes).payload),
    [...payloads, payloads[0], payloads[2]],
  );
});

Deno.test("MessageChannel.push() refuses more than a message carries", () => {
  const stream = new FakeStream();
  const channel = new MessageChannel(stream);
  const head = {
    type: MessageType.STREAM_CHUNK,
    flags: 0,
    messageId: 7n,
    traceId: 8n,
  };
  const body = new Uint8Array(MAX_PAYLOAD_LENGTH + 1);
  const isTooLarge = (error: unknown): boolean =>
    error instanceof ProtocolError && error.code === "PAYLOAD_TOO_LARGE";
  assert.throws(() => channel.push({ ...head, payload: body }), isTooLarge);
  assert.throws(
    () => channel.pushChunk(head, { offset: 0, contentType: 0, body }),
    isTooLarge,
  );
  assert.equal(channel.bytesSent, 0);
  assert.deepEqual(stream.written, []);
});

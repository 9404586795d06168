import assert from "node:assert/strict";
import fc from "fast-check";
import { TimerQueue } from "../internal/timer_queue.ts";
import { generateKeyPair, openPayload, sealPayload } from "../crypto/mod.ts";
import {
  decodeError,
  decodeResponse,
  decodeStreamClose,
  encodeCall,
  encodeCallData,
  encodeEnvelope,
  encodeMessage,
  encodeStreamChunk,
  encodeStreamOpen,
  type Envelope,
  type Message,
  MessageFlags,
  MessageType,
  StreamKind,
} from "../protocol/mod.ts";
import {
  SYSTEM_CLOCK,
  type TransportConnection,
  TransportError,
  type TransportStream,
} from "../transport/mod.ts";
import { scheduleMacrotask } from "../transport/macrotask.ts";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { currentCall } from "./call_context.ts";
import { Callee } from "./callee.ts";
import { CallError } from "./error.ts";
import type { CallHandler } from "./handler.ts";
import { MessageChannel } from "./message_channel.ts";
import { MessageIds } from "./message_ids.ts";
import { type StatusName, statusName } from "./status_code.ts";
import { Tracing } from "./tracing.ts";

const AGENT_ID = new Uint8Array(16).fill(1);
const NOBODY = new Uint8Array(16);

interface Rig {
  readonly callee: Callee;
  /** That of the callee. */
  readonly publicKey: Uint8Array;
  readonly clock: TimerClock;
  /** Opens a stream to the callee, as a peer would. */
  open(): TestStream;
  /** Ends the connection. */
  lose(): void;
}

function createRig(timers?: TimerQueue): Rig {
  const random = new SeededRandom(1);
  const clock = new TimerClock();
  const keyPair = generateKeyPair(random);
  const callee = new Callee({
    agentId: AGENT_ID,
    keyPair,
    clock: timers ?? new TimerQueue(clock),
    tracing: new Tracing("callee", new MessageIds(random)),
  });
  const closed = Promise.withResolvers<unknown>();
  const connection = {
    closed: closed.promise,
    peerPublicKey: keyPair.publicKey,
    remoteAddress: { hostname: "127.0.0.1", port: 1 },
    onStream: (_stream: TransportStream): void => {},
  };
  callee.serve(connection as unknown as TransportConnection);
  return {
    callee,
    publicKey: keyPair.publicKey,
    clock,
    open: () => {
      const [ours, theirs] = createStreamPair();
      connection.onStream(theirs as unknown as TransportStream);
      return ours;
    },
    lose: () => closed.resolve(undefined),
  };
}

function callPayload(
  method: string,
  target = NOBODY,
  envelope: Envelope = {},
): Uint8Array {
  const data = encodeCallData({
    contentType: 1,
    method,
    extensions: encodeEnvelope(envelope),
    body: new TextEncoder().encode("text"),
  });
  return encodeCall({ target, timeoutSeconds: 0, data });
}

function streamPayload(method: string): Uint8Array {
  const data = encodeCallData({
    contentType: 0,
    method,
    body: new Uint8Array(0),
  });
  return encodeStreamOpen({
    streamId: new Uint8Array(16),
    target: NOBODY,
    kind: StreamKind.BOTH_WAYS,
    data,
  });
}

function message(
  type: number,
  payload: Uint8Array,
  flags = 0,
): Omit<Message, "flags"> & { flags: number } {
  return { type, flags, messageId: 7n, traceId: 8n, payload };
}

/** Sends one message and gives the answer. */
async function ask(
  rig: Rig,
  type: number,
  payload: Uint8Array,
  flags = 0,
): Promise<Message | undefined> {
  const channel = new MessageChannel(rig.open());
  await channel.send(message(type, payload, flags));
  channel.finish();
  return await channel.receive();
}

async function refusal(
  rig: Rig,
  type: number,
  payload: Uint8Array,
  flags = 0,
): Promise<StatusName> {
  const answer = await ask(rig, type, payload, flags);
  assert.equal(answer?.type, MessageType.ERROR);
  const error = decodeError(answer.payload);
  assert.equal(error.messageId, 7n);
  assert.equal(answer.traceId, 8n);
  return statusName(error.status);
}

Deno.test("Callee answers a call with the ids of its request", async () => {
  const rig = createRig();
  rig.callee.setMethod("echo", {
    kind: "call",
    handler: (request) => request.value,
  });
  for (const target of [NOBODY, AGENT_ID]) {
    const answer = await ask(
      rig,
      MessageType.CALL,
      callPayload("echo", target),
    );
    assert.equal(answer?.type, MessageType.RESPONSE);
    assert.equal(answer.messageId, 7n);
    assert.equal(answer.traceId, 8n);
  }
  assert.equal(rig.clock.timerCount, 0);
});

// docs/spec/messages.md#flags
Deno.test("Callee answers a call as usual that requires an Ack or is said to be final", async () => {
  const rig = createRig();
  rig.callee.setMethod("echo", {
    kind: "call",
    handler: (request) => request.value,
  });
  const { REQUIRES_ACK, FINAL } = MessageFlags;
  const channel = new MessageChannel(rig.open());
  const flags = REQUIRES_ACK | FINAL;
  await channel.send(message(MessageType.CALL, callPayload("echo"), flags));
  channel.finish();
  assert.equal((await channel.receive())?.type, MessageType.RESPONSE);
  assert.equal(await channel.receive(), undefined);
});

Deno.test("Callee refuses what is no request, is for another, or cannot be decoded", async () => {
  const rig = createRig();
  const { CALL, STREAM_OPEN, AGENT_REGISTER, EVENT } = MessageType;
  const other = new Uint8Array(16).fill(2);
  const payload = callPayload("echo");
  const streamId = new Uint8Array(16);
  const shortOpen = encodeStreamOpen({
    streamId,
    target: NOBODY,
    kind: StreamKind.BOTH_WAYS,
  });
  assert.equal(await refusal(rig, CALL, payload), "UNIMPLEMENTED");
  assert.equal(
    await refusal(rig, CALL, callPayload("echo", other)),
    "UNAVAILABLE",
  );
  // As a node answers a type that it does not take.
  for (const type of [AGENT_REGISTER, EVENT, 0x80]) {
    assert.equal(await refusal(rig, type, payload), "UNIMPLEMENTED");
  }
  assert.equal(
    await refusal(rig, STREAM_OPEN, shortOpen),
    "INVALID_ARGUMENT",
  );
  assert.equal(
    await refusal(rig, CALL, payload, MessageFlags.COMPRESSED),
    "INVALID_ARGUMENT",
  );
  const headLength = payload.length - "text".length;
  for (let length = 0; length < headLength; length++) {
    assert.equal(
      await refusal(rig, CALL, payload.subarray(0, length)),
      "INVALID_ARGUMENT",
      `${length} bytes`,
    );
  }
});

// docs/spec/messages.md#exchanges
Deno.test("Callee answers a request that is cut short with DATA_LOSS, and a stream without a byte with none", async () => {
  const rig = createRig();
  const call = encodeMessage(message(MessageType.CALL, callPayload("echo")));
  for (const length of [1, 32, call.length - 1]) {
    const stream = rig.open();
    await stream.write(call.subarray(0, length));
    stream.finish();
    const answer = await new MessageChannel(stream).receive();
    assert.equal(answer?.type, MessageType.ERROR, `${length} bytes`);
    assert.equal(answer.messageId, 0n);
    const { status, messageId } = decodeError(answer.payload);
    assert.equal(statusName(status), "DATA_LOSS");
    assert.equal(messageId, 0n);
  }
  const empty = rig.open();
  empty.finish();
  assert.equal(await new MessageChannel(empty).receive(), undefined);
});

Deno.test("CallRequest gives nothing of a value that is said to be sealed and does not open", async () => {
  const rig = createRig();
  const { ENCRYPTED } = MessageFlags;
  const isSealed: boolean[] = [];
  const readers: Record<string, CallHandler> = {
    bytes: (request) => request.bytes(),
    text: (request) => request.text(),
    json: (request) => request.json(),
  };
  for (const [method, read] of Object.entries(readers)) {
    rig.callee.setMethod(method, {
      kind: "call",
      handler: (request) => {
        isSealed.push(request.isSealed);
        assert.equal(request.sealedBy, undefined);
        return read(request);
      },
    });
    for (const contentType of [0, 1, 2]) {
      const body = new TextEncoder().encode('{"a":1}');
      const data = encodeCallData({ contentType, method, body });
      const call = encodeCall({ target: NOBODY, timeoutSeconds: 0, data });
      const plain = await ask(rig, MessageType.CALL, call);
      assert.equal(plain?.type, MessageType.RESPONSE);
      const status = await refusal(rig, MessageType.CALL, call, ENCRYPTED);
      assert.equal(status, "INVALID_ARGUMENT");
      // Sealed content is bytes: what says otherwise reaches no handler.
      const expected = contentType === 0 ? [false, true] : [false];
      assert.deepEqual(isSealed.splice(0), expected);
    }
  }
});

// docs/spec/messages.md#end-to-end-encryption
Deno.test("Callee seals its answer for the key that sealed the request, and for nobody else", async () => {
  const rig = createRig();
  const random = new SeededRandom(2);
  // That of the connection is another one.
  const sender = generateKeyPair(random);
  const recipients = [rig.publicKey];
  const plaintext = Uint8Array.of(1, ...new TextEncoder().encode("hello"));
  rig.callee.setMethod("echo", {
    kind: "call",
    handler: (request) => request.value,
  });
  const askSealed = async (body: Uint8Array): Promise<Message> => {
    const data = encodeCallData({ contentType: 0, method: "echo", body });
    const call = encodeCall({ target: NOBODY, timeoutSeconds: 0, data });
    const { CALL } = MessageType;
    const answer = await ask(rig, CALL, call, MessageFlags.ENCRYPTED);
    assert.equal(answer?.type, MessageType.RESPONSE);
    return answer;
  };
  const known = await askSealed(
    sealPayload({ recipients, sender, random }, plaintext),
  );
  assert.equal(known.flags, MessageFlags.ENCRYPTED);
  const { contentType, body } = decodeResponse(known.payload);
  assert.equal(contentType, 0);
  const opened = openPayload({ recipient: sender }, body);
  assert.deepEqual(opened?.plaintext, plaintext);
  assert.deepEqual(opened?.sender, rig.publicKey);

  const anonymous = await askSealed(
    sealPayload({ recipients, random }, plaintext),
  );
  assert.equal(anonymous.flags, 0);
  const answer = decodeResponse(anonymous.payload);
  assert.equal(new TextDecoder().decode(answer.body), "hello");
});

Deno.test("Callee survives any bytes on any stream", async () => {
  const rig = createRig();
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(MessageType.CALL, MessageType.STREAM_OPEN, undefined),
    async (bytes, type) => {
      const stream = rig.open();
      await stream.write(
        type === undefined ? bytes : encodeMessage(message(type, bytes)),
      );
      stream.finish();
      // An answer, an end or a reset: never nothing.
      await new MessageChannel(stream).receive().catch(() => {});
    },
  ));
  assert.equal(rig.callee.runningCount, 0);
});

Deno.test("Callee answers INTERNAL, and goes on, whatever a handler throws", async () => {
  const rig = createRig();
  const thrown = Object.assign(new Error("x"), { message: { code: 1 } });
  rig.callee.setMethod("at once", {
    kind: "call",
    handler: () => {
      throw thrown;
    },
  });
  rig.callee.setMethod("later", {
    kind: "call",
    handler: () => Promise.reject(thrown),
  });
  rig.callee.setMethod("stream", {
    kind: "stream",
    handler: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }),
    }),
  });
  const { CALL, STREAM_OPEN } = MessageType;
  for (const method of ["at once", "later"]) {
    for (const envelope of [{}, { idempotencyKey: "key" }]) {
      const payload = callPayload(method, NOBODY, envelope);
      assert.equal(await refusal(rig, CALL, payload), "INTERNAL", method);
    }
  }
  const close = await ask(rig, STREAM_OPEN, streamPayload("stream"));
  const { status } = decodeStreamClose(close!.payload);
  assert.equal(statusName(status), "INTERNAL");
  await rig.callee.drain();
  assert.equal(rig.callee.runningCount, 0);
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("Callee answers a CallError whose parts cannot be encoded", async () => {
  const rig = createRig();
  let reads = 0;
  const errors = {
    code: new CallError("NOPE" as never, "x"),
    time: new CallError("NOT_FOUND", "x", { retryAfterMs: "soon" as never }),
    // Found to be wrong only when it is encoded.
    text: Object.defineProperty(new CallError("NOT_FOUND", "x"), "message", {
      get: () => reads++ === 0 ? "x" : 42,
    }),
  };
  for (const [method, error] of Object.entries(errors)) {
    rig.callee.setMethod(method, {
      kind: "call",
      handler: () => {
        throw error;
      },
    });
  }
  const { CALL } = MessageType;
  assert.equal(await refusal(rig, CALL, callPayload("code")), "INTERNAL");
  assert.equal(await refusal(rig, CALL, callPayload("time")), "NOT_FOUND");
  await assert.rejects(ask(rig, CALL, callPayload("text")));
});

/** Calls with a key, and gives the call up after a time if there is one. */
function askOnce(
  rig: Rig,
  method: string,
  deadlineMs?: number,
): Promise<Message | undefined> {
  const envelope = {
    idempotencyKey: "key",
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  return ask(rig, MessageType.CALL, callPayload(method, NOBODY, envelope));
}

/** Resolves when so many calls are under way. */
async function untilRunning(rig: Rig, count: number): Promise<void> {
  while (rig.callee.runningCount < count) {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

Deno.test("A call that is repeated with its key after a timeout waits for the handler that still runs", async () => {
  const rig = createRig();
  const release = Promise.withResolvers<void>();
  let runs = 0;
  rig.callee.setMethod("charge", {
    kind: "call",
    handler: async () => {
      const run = ++runs;
      await release.promise;
      return `receipt ${run}`;
    },
  });
  const first = askOnce(rig, "charge", 2_000);
  await untilRunning(rig, 1);
  rig.clock.advance(2_000);
  assert.equal(
    statusName(decodeError((await first)!.payload).status),
    "DEADLINE_EXCEEDED",
  );
  const again = [askOnce(rig, "charge"), askOnce(rig, "charge", 3_000)];
  await untilRunning(rig, 3);
  assert.equal(runs, 1);
  rig.clock.advance(3_000);
  assert.equal((await again[1])?.type, MessageType.ERROR);
  release.resolve();
  for (const answer of [await again[0], await askOnce(rig, "charge")]) {
    assert.equal(answer?.type, MessageType.RESPONSE);
    const { body } = decodeResponse(answer.payload);
    assert.equal(new TextDecoder().decode(body), "receipt 1");
  }
  await rig.callee.drain();
  assert.equal(runs, 1);
  assert.equal(rig.clock.timerCount, 0);
});

Deno.test("A handler with a key that stops with its caller is run anew for whoever waits, once it is over", async () => {
  const rig = createRig();
  const cleanUp = Promise.withResolvers<void>();
  const log: string[] = [];
  rig.callee.setMethod("work", {
    kind: "call",
    handler: async ({ signal }) => {
      if (log.length > 0) {
        log.push("second run");
        return "done";
      }
      log.push("first run");
      const stopped = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => stopped.resolve());
      await stopped.promise;
      await cleanUp.promise;
      log.push("cleaned up");
      throw new Error("Test: stopped");
    },
  });
  const first = askOnce(rig, "work", 2_000);
  await untilRunning(rig, 1);
  const waiting = askOnce(rig, "work");
  await untilRunning(rig, 2);
  rig.clock.advance(2_000);
  assert.equal((await first)?.type, MessageType.ERROR);
  cleanUp.resolve();
  assert.equal((await waiting)?.type, MessageType.RESPONSE);
  assert.deepEqual(log, ["first run", "cleaned up", "second run"]);
});

Deno.test("A handler with a key that fails runs once for all who wait, whatever its code", async () => {
  const rig = createRig();
  const codes = ["DEADLINE_EXCEEDED", "CANCELLED", "CONNECTION_LOST"] as const;
  for (const code of codes) {
    const release = Promise.withResolvers<void>();
    let runs = 0;
    rig.callee.setMethod(code, {
      kind: "call",
      handler: async () => {
        runs++;
        await release.promise;
        throw new CallError(code, "Test: of a call of its own");
      },
    });
    const asked = [1, 2, 3].map(() => askOnce(rig, code));
    await untilRunning(rig, asked.length);
    release.resolve();
    for (const answer of await Promise.all(asked)) {
      const { status } = decodeError(answer!.payload);
      assert.equal(status, new CallError(code, "").status, code);
    }
    assert.equal(runs, 1, code);
  }
});

Deno.test("Callee stops a handler whose input breaks off, whose caller is lost, or whose time is over", async () => {
  const rig = createRig();
  const reasons: string[] = [];
  let started = Promise.withResolvers<void>();
  rig.callee.setMethod("read", {
    kind: "call",
    handler: async ({ input }) => {
      for await (const _ of input);
    },
  });
  rig.callee.setMethod("wait", {
    kind: "call",
    handler: ({ signal }) =>
      new Promise<undefined>((resolve) => {
        started.resolve();
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as CallError).code);
          resolve(undefined);
        });
      }),
  });
  const data = encodeCallData({
    contentType: 0,
    method: "read",
    body: new Uint8Array(0),
  });
  const channel = new MessageChannel(rig.open());
  await channel.send(message(
    MessageType.STREAM_OPEN,
    encodeStreamOpen({
      streamId: new Uint8Array(16),
      target: NOBODY,
      kind: StreamKind.ONE_WAY,
      data,
    }),
  ));
  const body = new Uint8Array(1);
  await channel.send(message(
    MessageType.STREAM_CHUNK,
    encodeStreamChunk({ offset: 0, contentType: 0, body }),
  ));
  channel.finish();
  const answer = await channel.receive();
  assert.equal(statusName(decodeError(answer!.payload).status), "DATA_LOSS");

  const waiting = encodeCall({
    target: NOBODY,
    timeoutSeconds: 2,
    data: encodeCallData({ contentType: 0, method: "wait", body }),
  });
  const late = ask(rig, MessageType.CALL, waiting);
  await started.promise;
  rig.clock.advance(2_000);
  assert.equal(
    statusName(decodeError((await late)!.payload).status),
    "DEADLINE_EXCEEDED",
  );
  started = Promise.withResolvers();
  const lost = ask(rig, MessageType.CALL, waiting);
  await started.promise;
  rig.lose();
  await assert.rejects(lost);
  assert.deepEqual(reasons, ["DEADLINE_EXCEEDED", "CONNECTION_LOST"]);
  await rig.callee.drain();
  assert.equal(rig.clock.timerCount, 0);
  assert.equal(
    await refusal(rig, MessageType.CALL, callPayload("wait")),
    "UNAVAILABLE",
  );
});

// docs/spec/messages.md#envelope
Deno.test("Callee gives of a request whose time is over only an answer that is there at once", async () => {
  const rig = createRig();
  rig.callee.setMethod("echo", {
    kind: "call",
    handler: (request) => request.value,
  });
  rig.callee.setMethod("wait", {
    kind: "call",
    handler: ({ signal }) =>
      new Promise<undefined>((resolve) =>
        signal.addEventListener("abort", () => resolve(undefined))
      ),
  });
  const late = (method: string): Uint8Array =>
    callPayload(method, NOBODY, { deadlineMs: 0 });
  const answer = await ask(rig, MessageType.CALL, late("echo"));
  assert.equal(answer?.type, MessageType.RESPONSE);
  const refused = refusal(rig, MessageType.CALL, late("wait"));
  await new Promise<void>((resolve) => scheduleMacrotask(resolve));
  rig.clock.advance(0);
  assert.equal(await refused, "DEADLINE_EXCEEDED");
});

// docs/spec/messages.md#status
Deno.test("Callee answers INTERNAL where a handler leaves it to its input that a chunk cannot be decoded", async () => {
  const rig = createRig();
  rig.callee.setMethod("read", {
    kind: "call",
    handler: async ({ input }) => {
      for await (const _ of input);
    },
  });
  const open = encodeStreamOpen({
    streamId: new Uint8Array(16),
    target: NOBODY,
    kind: StreamKind.ONE_WAY,
    data: encodeCallData({
      contentType: 0,
      method: "read",
      body: new Uint8Array(0),
    }),
  });
  const channel = new MessageChannel(rig.open());
  await channel.send(message(MessageType.STREAM_OPEN, open));
  const cut = new Uint8Array(3);
  await channel.send(message(MessageType.STREAM_CHUNK, cut));
  channel.finish();
  const answer = await channel.receive();
  assert.equal(statusName(decodeError(answer!.payload).status), "INTERNAL");
});

Deno.test("Callee stops a handler whose time is over outside of every call, whichever call set the timer", async () => {
  const timers = new TimerQueue(SYSTEM_CLOCK);
  const rig = createRig(timers);
  const stopped = Promise.withResolvers<bigint | undefined>();
  rig.callee.setMethod("busy", {
    kind: "call",
    handler: () => {
      timers.schedule(1, () => {});
      return stopped.promise.then(() => "done");
    },
  });
  rig.callee.setMethod("wait", {
    kind: "call",
    handler: ({ signal }) =>
      new Promise<undefined>((resolve) => {
        signal.addEventListener("abort", () => {
          stopped.resolve(currentCall()?.traceId);
          resolve(undefined);
        });
      }),
  });
  const busy = ask(rig, MessageType.CALL, callPayload("busy"));
  const late = ask(
    rig,
    MessageType.CALL,
    callPayload("wait", NOBODY, { deadlineMs: 50 }),
  );
  assert.equal((await late)?.type, MessageType.ERROR);
  assert.equal(await stopped.promise, undefined);
  assert.equal((await busy)?.type, MessageType.RESPONSE);
});

Deno.test("A stream handler sees that its reader has left also when a write learns of it first", async () => {
  const rig = createRig();
  const ours = rig.open();
  const theirs: TestStream & { onStopped?: (code: number) => void } = ours.peer;
  const reason = Promise.withResolvers<unknown>();
  rig.callee.setMethod("endless", {
    kind: "stream",
    handler: async function* ({ signal }) {
      try {
        for (let count = 0;; count++) {
          if (count === 3) {
            theirs.fail(
              new TransportError("STREAM_STOPPED", "Stream: stopped"),
            );
            // As the transport, which tells what has happened with its next flush.
            scheduleMacrotask(() => theirs.onStopped!(1));
          }
          yield count;
        }
      } finally {
        reason.resolve(signal.reason);
      }
    },
  });
  const channel = new MessageChannel(ours);
  await channel.send(
    message(MessageType.STREAM_OPEN, streamPayload("endless")),
  );
  assert.equal(
    (await reason.promise as CallError | undefined)?.code,
    "CANCELLED",
  );
});

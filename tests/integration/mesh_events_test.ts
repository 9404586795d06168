import assert from "node:assert/strict";
import {
  encodeOutgoingEvent,
  publishEvent,
} from "../../mesh/registry_client.ts";
import { type Agent, CallError, type CallErrorCode } from "../../mod.ts";
import { type Content, ContentType } from "../../protocol/mod.ts";
import { until, withMesh } from "../support/mesh.ts";
import { RecordingCarrier } from "../support/recording_carrier.ts";
import { TimerClock } from "../support/timer_clock.ts";
import { bindTransport } from "../support/transport_pair.ts";

const MEBIBYTE = 1024 * 1024;

function isFailure(code: CallErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof CallError && error.code === code;
}

Deno.test("An event that cannot be read is left out, and a subscriber keeps its node", async () => {
  await withMesh(async ({ node, connect }) => {
    const warnings: string[] = [];
    const reader = await connect({ onWarning: (line) => warnings.push(line) });
    const writer = await connect();
    const seen: unknown[] = [];
    await reader.subscribe("*", { onEvent: ({ value }) => seen.push(value) });
    const before = warnings.length;
    // Whoever reaches the node may publish, and the node reads no body.
    const { transport } = await bindTransport();
    const stranger = await transport.connect(node.localAddress);
    const bad: Content[] = [
      { contentType: ContentType.JSON, body: new TextEncoder().encode("{") },
      { contentType: ContentType.TEXT, body: new Uint8Array([0xff]) },
      { contentType: 99, body: new Uint8Array(1) },
    ];
    for (const content of bad) {
      const event = encodeOutgoingEvent({ topic: "bad", content });
      const options = { messageId: 1n, traceId: 1n };
      await publishEvent(stranger, event, options);
    }
    await writer.publish("good", "after all of them");
    await until(() => seen.length > 0);
    assert.deepEqual(seen, ["after all of them"]);
    assert.ok(reader.isConnected);
    // One line for all of them: who publishes them can publish more.
    assert.equal(warnings.length, before + 1);
    assert.match(warnings.at(-1)!, /^Events: .* not JSON/);
    await transport.close();
  });
});

Deno.test("Agent.publish() and publishAll() take bytes as they are when they are given", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const seen: number[] = [];
    await agent.subscribe("bytes", {
      onEvent: ({ value }) => seen.push((value as Uint8Array)[0]!),
    });
    const buffer = new Uint8Array(4);
    const publishing = [0, 1, 2, 3, 4].map((digit) =>
      agent.publish("bytes", buffer.fill(digit))
    );
    await Promise.all(publishing);
    await agent.publishAll(
      "bytes",
      (function* () {
        for (let digit = 5; digit < 10; digit++) yield buffer.fill(digit);
      })(),
    );
    await until(() => seen.length === 10);
    const sorted = seen.toSorted();
    assert.deepEqual(sorted, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(seen.slice(5), [5, 6, 7, 8, 9]);
  });
});

Deno.test("Agent.publish() refuses an event that is too large for the node, publishAll() after those before it", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const seen: number[] = [];
    await agent.subscribe("size", {
      onEvent: ({ value }) => seen.push((value as Uint8Array).length),
    });
    const tooLarge = isFailure("INVALID_ARGUMENT");
    for (const size of [2 * MEBIBYTE, 17 * MEBIBYTE]) {
      await assert.rejects(
        agent.publish("size", new Uint8Array(size)),
        tooLarge,
      );
    }
    await agent.publish("size", new Uint8Array(MEBIBYTE));
    const sizes = [1, 2, 2 * MEBIBYTE, 3];
    await assert.rejects(
      agent.publishAll("size", sizes.map((size) => new Uint8Array(size))),
      tooLarge,
    );
    await until(() => seen.length === 3);
    assert.deepEqual(seen, [MEBIBYTE, 1, 2]);
  });
});

Deno.test("Agent.publishAll() refuses one value in place of many, and what is asynchronous", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const events = await agent.subscribe("many");
    const later = (async function* (): AsyncGenerator<number> {})();
    const wrong: Parameters<Agent["publishAll"]>[1][] = [
      // @ts-expect-error: text, which gives its letters
      "abc",
      // @ts-expect-error: bytes, which give numbers
      new Uint8Array(3),
      // @ts-expect-error: asynchronous
      later,
      // @ts-expect-error: nothing
      undefined,
      // @ts-expect-error: nothing
      null,
    ];
    for (const values of wrong) {
      await assert.rejects(
        agent.publishAll("many", values),
        isFailure("INVALID_ARGUMENT"),
      );
    }
    await agent.publishAll("many", new Set(["first", "second"]));
    const iterator = events[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.value, "first");
    await iterator.return?.();
  });
});

Deno.test("Agent.publishAll() takes as long as it needs, while the node takes what it sends", async () => {
  const clock = new TimerClock();
  await withMesh(async ({ connect }) => {
    const agent = await connect({ clock });
    const bytes = new Uint8Array(MEBIBYTE);
    await agent.publishAll(
      "long",
      (function* () {
        for (let second = 0; second < 30; second++) {
          yield bytes;
          clock.advance(1_000);
        }
      })(),
    );
    assert.ok(agent.isConnected);
  });
});

Deno.test("Agent.publishAll() stops at the node's refusal, however much there is to send", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    let wasStopped = false;
    const endless = function* (): Generator<number> {
      try {
        for (let tick = 0;; tick++) yield tick;
      } finally {
        wasStopped = true;
      }
    };
    await assert.rejects(
      agent.publishAll("mxp.mine", endless()),
      isFailure("PERMISSION_DENIED"),
    );
    assert.ok(wasStopped);
    assert.ok(agent.isConnected);
    const unstoppable = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return: () => {
          throw new Error("Test: closed already");
        },
      }),
    };
    await assert.rejects(
      agent.publishAll("mxp.mine", unstoppable),
      isFailure("PERMISSION_DENIED"),
    );
  });
});

Deno.test("An agent publishes and asks as much as it likes at a time: the rest waits", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const seen = new Set<unknown>();
    await agent.subscribe("many", { onEvent: ({ value }) => seen.add(value) });
    const count = 400;
    const indexes = Array.from({ length: count }, (_, index) => index);
    await Promise.all(indexes.map((index) => agent.publish("many", index)));
    await until(() => seen.size === count);
    const codes = await Promise.all(
      indexes.map((index) =>
        agent.call({ name: `nobody ${index}` }, "greet").then(
          () => "answered",
          (error: CallError) => error.code,
        )
      ),
    );
    assert.deepEqual([...new Set(codes)], ["NOT_FOUND"]);
  });
});

Deno.test("JSON that waits for its reader counts as what it takes once it is parsed", async () => {
  await withMesh(async ({ connect }) => {
    const agent = await connect();
    const subscription = await agent.subscribe("values");
    // 270 KB of text, and more than 4 MiB of arrays.
    const value = Array.from({ length: 90_000 }, () => []);
    for (let index = 0; index < 4; index++) {
      await agent.publish("values", value);
    }
    await until(() => subscription.droppedCount === 3);
    const read = subscription[Symbol.asyncIterator]();
    const last = await read.next();
    assert.equal((last.value?.value as unknown[]).length, value.length);
    assert.equal(last.value?.sequence, 3);
    await subscription.close();
  });
});

Deno.test("An event callback that rejects is warned of, and gets the next event", async () => {
  await withMesh(async ({ connect }) => {
    const warnings: string[] = [];
    const agent = await connect({ onWarning: (line) => warnings.push(line) });
    const before = warnings.length;
    await agent.subscribe("news", {
      onEvent: ({ value }) => Promise.reject(new RangeError(`no ${value}`)),
    });
    await agent.publish("news", 1);
    await agent.publish("news", 2);
    await until(() => warnings.length === before + 2);
    assert.match(warnings.at(-1)!, /^Subscription news: .* no 2$/);
  });
});

Deno.test("An event callback that throws what nobody can look at is warned of, and the others get the event", async () => {
  await withMesh(async ({ connect }) => {
    const warnings: string[] = [];
    const agent = await connect({ onWarning: (line) => warnings.push(line) });
    const before = warnings.length;
    const thrown: unknown = Object.create(null);
    await agent.subscribe("news", {
      onEvent: () => {
        throw thrown;
      },
    });
    await agent.subscribe("news", { onEvent: () => Promise.reject(thrown) });
    const seen: unknown[] = [];
    await agent.subscribe("news", { onEvent: ({ value }) => seen.push(value) });
    await agent.publish("news", 1);
    await until(() => warnings.length === before + 2);
    assert.deepEqual(seen, [1]);
  });
});

Deno.test("A subscription to a topic that was left a moment ago gets its events, also where word of that is lost on the way", async () => {
  await withMesh(async ({ connect }) => {
    const carrier = await RecordingCarrier.bind();
    const send = carrier.send.bind(carrier);
    let lossCount = 0;
    carrier.send = (datagram, to) => {
      // No acknowledgement: those are shorter.
      if (lossCount === 0 || datagram.length < 100) return send(datagram, to);
      lossCount--;
    };
    const reader = await connect({ carrier });
    const writer = await connect();
    const last: unknown[] = [];
    await reader.subscribe("last", {
      onEvent: ({ value }) => last.push(value),
    });
    const left = await reader.subscribe("topic");
    lossCount = 1;
    const leaving = left.close();
    await until(() => lossCount === 0);
    const seen: unknown[] = [];
    await reader.subscribe("topic", {
      onEvent: ({ value }) => seen.push(value),
    });
    await leaving;
    await writer.publish("topic", "first");
    await writer.publish("last", "second");
    await until(() => last.length > 0);
    assert.deepEqual(seen, ["first"]);
  });
});

import assert from "node:assert/strict";
import { ContentType, type Value } from "../protocol/mod.ts";
import type { Agent } from "./agent.ts";
import {
  packContent,
  ReceivedContent,
  SealedValue,
  type Sendable,
} from "./content.ts";
import { CallError } from "./error.ts";
import {
  type CallFacts,
  type CallHandler,
  CallRequest,
  type StreamHandler,
} from "./handler.ts";

/** An interface has no index signature. */
interface Summary {
  readonly words: readonly string[];
  readonly author?: string | undefined;
  readonly source: { readonly bind: string } | null;
}

const SUMMARY: Summary = {
  words: ["a", "b"],
  author: undefined,
  source: { bind: "here" },
};

/** A class of the user's, with methods. */
class Point {
  readonly #x = 1;

  toJSON(): unknown {
    return { x: this.#x };
  }
}

function textOf(value: Sendable): string {
  return new TextDecoder().decode(packContent(value).body);
}

// What these say is said to the type checker: deno check goes over tests.
Deno.test("Handlers and callers send what TypeScript programs have, as JSON.stringify() writes it", async () => {
  const call: CallHandler = (): Summary => SUMMARY;
  const callLater: CallHandler = (): Promise<Summary> =>
    Promise.resolve(SUMMARY);
  const stream: StreamHandler = async function* (): AsyncGenerator<Summary> {
    yield await Promise.resolve(SUMMARY);
  };
  const list: StreamHandler = (): readonly Summary[] => [SUMMARY];
  const request = undefined as never;
  assert.equal(await call(request), SUMMARY);
  assert.equal(await callLater(request), SUMMARY);
  for (const handler of [stream, list]) {
    for await (const chunk of await handler(request)) {
      assert.equal(chunk, SUMMARY);
    }
  }
  const values: Sendable[] = [
    SUMMARY,
    SUMMARY.words,
    new Point(),
    new Date(0),
    undefined,
    [undefined],
  ];
  assert.deepEqual(values.map(textOf), [
    '{"words":["a","b"],"source":{"bind":"here"}}',
    '["a","b"]',
    '{"x":1}',
    '"1970-01-01T00:00:00.000Z"',
    "null",
    "[null]",
  ]);
});

Deno.test("Callers can tell an answer that is sealed for somebody else, and need not where they say what it is", async () => {
  const sealed = new SealedValue(new Uint8Array(3));
  const agent = {
    call: () => Promise.resolve(sealed),
    async *stream(): AsyncGenerator<SealedValue> {
      yield sealed;
    },
  } as unknown as Agent;
  const target = { name: "writer" };
  const reply = await agent.call(target, "write");
  assert.equal(reply instanceof SealedValue && reply.bytes.length, 3);
  for await (const chunk of agent.stream(target, "write")) {
    assert.equal(chunk instanceof SealedValue && chunk.bytes.length, 3);
  }
  const passOn: CallHandler = () => agent.call(target, "write");
  assert.equal(await passOn(undefined as never), reply as SealedValue);
  const value: Value = await agent.call(target, "write");
  const text = await agent.call<string>(target, "write");
  assert.equal(value, text);
});

Deno.test("What JSON would say nothing of is refused where the types are checked", () => {
  const refused: Sendable[] = [
    // @ts-expect-error: a function
    () => 1,
    // @ts-expect-error: a class
    Point,
    // @ts-expect-error: a symbol
    Symbol.iterator,
    // @ts-expect-error: a big integer
    1n,
    // @ts-expect-error: a promise
    Promise.resolve(1),
    // @ts-expect-error: a map
    new Map(),
    // @ts-expect-error: a set
    new Set(),
    // @ts-expect-error: bytes of another kind
    new ArrayBuffer(1),
    // @ts-expect-error: bytes of another kind
    new Float64Array(1),
    // @ts-expect-error: a stream
    new ReadableStream(),
  ];
  // @ts-expect-error: a promise of a function
  const handler: CallHandler = () => Promise.resolve(() => 1);
  assert.equal(refused.length + handler.length, 10);
});

/** A request whose value is bytes. */
function requestOf(body: Uint8Array): CallRequest {
  const content = new ReceivedContent(
    { contentType: ContentType.BYTES, body },
    body,
  );
  return new CallRequest({ request: { content } } as unknown as CallFacts);
}

Deno.test("CallRequest refuses what is not text or JSON so that the caller hears it, and quotes nothing", () => {
  const noText = Uint8Array.of(0x7b, 0xff);
  const noJson = new TextEncoder().encode('{"secret');
  const wrong: [read: () => unknown, detail: string, cause: unknown][] = [
    [() => requestOf(noText).text(), "not UTF-8", TypeError],
    [() => requestOf(noText).json(), "not UTF-8", TypeError],
    [() => requestOf(noJson).json(), "not JSON", SyntaxError],
  ];
  for (const [read, detail, cause] of wrong) {
    assert.throws(read, (error) => {
      assert.ok(error instanceof CallError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.equal(error.message, `Request: its value is ${detail}`);
      assert.equal((error.cause as Error).constructor, cause);
      return true;
    });
  }
  assert.equal(requestOf(noJson).text(), '{"secret');
  assert.deepEqual(requestOf(new TextEncoder().encode("[1]")).json(), [1]);
});

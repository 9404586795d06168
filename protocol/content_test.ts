import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { anyText, assertRefused } from "../tests/support/codec_properties.ts";
import { ContentType, decodeValue, encodeValue } from "./content.ts";
import { ProtocolError } from "./error.ts";

const utf8 = new TextEncoder();

/** There and back. */
function roundTrip(value: unknown): unknown {
  const { contentType, body } = encodeValue(value);
  return decodeValue(contentType, body);
}

Deno.test("encodeValue() chooses bytes, text or JSON by the value", () => {
  const bytes = new Uint8Array([1, 2]);
  assert.equal(encodeValue(bytes).body, bytes);
  assert.equal(encodeValue(bytes).contentType, 0);
  assert.deepEqual(encodeValue("é"), {
    contentType: 1,
    body: Uint8Array.fromHex("c3a9"),
  });
  assert.deepEqual(encodeValue({ a: [1, "x"] }), {
    contentType: 2,
    body: utf8.encode('{"a":[1,"x"]}'),
  });
  for (const nothing of [null, undefined]) {
    assert.deepEqual(encodeValue(nothing), {
      contentType: 2,
      body: utf8.encode("null"),
    });
  }
});

Deno.test("decodeValue() returns what was encoded", () => {
  const values = fc.oneof(fc.uint8Array(), anyText, fc.jsonValue());
  fc.assert(fc.property(values, (value) => {
    const expected = value instanceof Uint8Array || typeof value === "string"
      ? value
      : JSON.parse(JSON.stringify(value));
    assert.deepEqual(roundTrip(value), expected);
  }));
});

Deno.test("decodeValue() keeps a byte order mark and long text", () => {
  for (const text of ["\ufeffx", "", "é".repeat(500), "a".repeat(500)]) {
    assert.equal(roundTrip(text), text);
  }
});

Deno.test("decodeValue() takes any bytes: a value or a ProtocolError", () => {
  fc.assert(
    fc.property(fc.nat(255), fc.uint8Array(), (contentType, body) => {
      try {
        decodeValue(contentType, body);
      } catch (error) {
        assert(error instanceof ProtocolError);
        assert.equal(error.code, "PAYLOAD_INVALID");
      }
    }),
  );
});

Deno.test("decodeValue() refuses what is not UTF-8", () => {
  // RFC 3629 §3: overlong forms, surrogates, above U+10FFFF, cut off, stray.
  const bad = ["c080", "e08080", "eda080", "f4908080", "c3", "80", "61ff"];
  for (const hex of bad) {
    for (const pad of ["", "61".repeat(40)]) {
      const body = Uint8Array.fromHex(pad + hex);
      for (const type of [ContentType.TEXT, ContentType.JSON]) {
        assertRefused(() => decodeValue(type, body), "PAYLOAD_INVALID");
      }
    }
  }
});

Deno.test("decodeValue() refuses what is not one JSON value", () => {
  for (const json of ["", "{", "1 2", "undefined", "{a:1}", "\ufeff1"]) {
    assertRefused(
      () => decodeValue(ContentType.JSON, utf8.encode(json)),
      "PAYLOAD_INVALID",
    );
  }
});

Deno.test("decodeValue() refuses every content type that is not defined", () => {
  for (let type = 3; type < 256; type++) {
    assertRefused(
      () => decodeValue(type, new Uint8Array(0)),
      "PAYLOAD_INVALID",
    );
  }
});

Deno.test("decodeValue() makes `__proto__` a key like any other", () => {
  const body = utf8.encode('{"__proto__":{"isAdmin":true}}');
  const value = decodeValue(ContentType.JSON, body) as Record<string, unknown>;
  assert.equal(value["isAdmin"], undefined);
  assert(Object.hasOwn(value, "__proto__"));
});

Deno.test("encodeValue() writes what says itself how, and what only has a name", () => {
  class Point {
    readonly x = 1;
    readonly [Symbol.toStringTag] = "Point";
  }
  const text = (value: unknown): string =>
    new TextDecoder().decode(encodeValue(value).body);
  assert.equal(text(new URL("mxp://a:1")), '"mxp://a:1"');
  assert.equal(text(new Date(0)), '"1970-01-01T00:00:00.000Z"');
  assert.equal(text(new Point()), '{"x":1}');
  assert.equal(text({ then: 1 }), '{"then":1}');
  class Job {
    readonly id = 7;
    then(): void {}
    async *[Symbol.asyncIterator](): AsyncGenerator<number> {}
  }
  assert.equal(text(new Job()), '{"id":7}');
  class Options {
    readonly name = undefined;
  }
  const empty = [
    {},
    Object.create(null),
    new Options(),
    { toJSON: () => ({}) },
    // Of another realm.
    runInNewContext("({})"),
  ];
  for (const value of empty) assert.equal(text(value), "{}");
  const error = Object.assign(new Error("Test: it failed"), { code: "E" });
  assert.equal(text(error), '{"code":"E"}');
});

/** Of whose members nobody hears. */
class Account {
  readonly #balance = 7;

  get balance(): number {
    return this.#balance;
  }
}

Deno.test("encodeValue() refuses what has no encoding", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const values = [
    () => 1,
    Symbol("x"),
    1n,
    cycle,
    "\ud800",
    "a".repeat(100) + "\udc00",
    new ArrayBuffer(1),
    new Uint16Array(1),
    new DataView(new ArrayBuffer(1)),
    new SharedArrayBuffer(1),
    Promise.resolve(1),
    new Map([[1, 2]]),
    new Set([1]),
    new Blob(["a"]),
    new TypeError("Test: it failed"),
    (async function* (): AsyncGenerator<number> {
      yield 1;
    })(),
    new Proxy({}, {
      get() {
        throw new Error("Test: it says nothing");
      },
    }),
  ];
  for (const value of values) {
    assertRefused(() => encodeValue(value), "INVALID_VALUE", "caller");
  }
  const named: [unknown, string][] = [
    [Promise.resolve(1), "a promise"],
    [new ReadableStream(), "a stream"],
    [new TypeError("Test: it failed"), "an error"],
    [new Map(), "Map"],
    [/x/, "an instance of RegExp"],
    [new Account(), "an instance of Account"],
    [() => 1, "a function"],
  ];
  for (const [value, name] of named) {
    assert.throws(() => encodeValue(value), {
      message: `Content: ${name} cannot be written as JSON`,
    });
  }
});

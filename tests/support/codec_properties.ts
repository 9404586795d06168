/**
 * What every codec of the byte formats must do, as tests that are registered
 * for one of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Extension,
  MAX_EXTENSION_COUNT,
  ProtocolError,
} from "../../protocol/mod.ts";

/** A codec under test. */
export interface CodecUnderTest<T> {
  /** For the test names. */
  readonly name: string;
  /** Value to bytes. */
  readonly encode: (value: T) => Uint8Array;
  /** Bytes to value. */
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Values that must survive the way there and back. */
  readonly values: fc.Arbitrary<T>;
}

/** Texts of any well-formed code points. */
export const anyText: fc.Arbitrary<string> = fc.string({
  unit: "binary",
  maxLength: 50,
});

/** Lists of extensions. */
export const anyExtensions: fc.Arbitrary<Extension[]> = fc.array(
  record<Extension>({
    type: fc.nat(0xffff),
    value: fc.uint8Array({ maxLength: 40 }),
  }),
  { maxLength: 8 },
);

/** Metadata, with keys that are names of every object too. */
export const anyMetadata: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  fc.oneof(anyText, fc.constantFrom("__proto__", "constructor", "toString")),
  anyText,
  { noNullPrototype: true, minKeys: 1, maxKeys: 5 },
);

/** Arrays of exactly so many bytes. */
export function anyBytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Objects with the usual prototype; `optional` fields are sometimes absent. */
export function record<T extends object>(
  fields: { [K in keyof T]-?: fc.Arbitrary<Exclude<T[K], undefined>> },
  optional: readonly (keyof T)[] = [],
): fc.Arbitrary<T> {
  const names = Object.keys(fields) as (keyof T)[];
  return fc.record(fields as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: names.filter((name) => !optional.includes(name)) as string[],
    noNullPrototype: true,
  }) as fc.Arbitrary<T>;
}

/** Runs `decode` and accepts a result or a `ProtocolError`, nothing else. */
function decodeOrRefuse(
  decode: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
): void {
  try {
    decode(bytes);
  } catch (error) {
    assert(error instanceof ProtocolError, String(error));
    assert.equal(error.fault, "peer");
  }
}

/**
 * Registers the tests of one codec.
 *
 * @param codec What to test.
 */
export function testCodec<T>(codec: CodecUnderTest<T>): void {
  const { name, encode, decode, values } = codec;

  Deno.test(`${name} decodes to what was encoded`, () => {
    fc.assert(fc.property(values, (value) => {
      assert.deepEqual(decode(encode(value)), value);
    }));
  });

  Deno.test(`${name} decodes the same at an odd offset`, () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 7 }), (value, shift) => {
        const bytes = encode(value);
        const shifted = new Uint8Array(bytes.length + shift + 5);
        shifted.set(bytes, shift);
        assert.deepEqual(
          decode(shifted.subarray(shift, shift + bytes.length)),
          value,
        );
      }),
      { numRuns: 25 },
    );
  });

  Deno.test(`${name} takes any bytes: a value or a ProtocolError`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeOrRefuse(decode, bytes);
    }));
  });

  Deno.test(`${name} takes damaged bytes: a value or a ProtocolError`, () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(255), (value, where, byte) => {
        const bytes = encode(value);
        for (let length = 0; length < Math.min(bytes.length, 64); length++) {
          decodeOrRefuse(decode, bytes.subarray(0, length));
        }
        bytes[where % bytes.length] = byte;
        decodeOrRefuse(decode, bytes);
      }),
    );
  });
}

/**
 * Asserts that something is refused with a code.
 *
 * @param run What should throw.
 * @param code The code to expect.
 * @param fault Whose fault it should be.
 */
export function assertRefused(
  run: () => unknown,
  code: ProtocolError["code"],
  fault: ProtocolError["fault"] = "peer",
): void {
  assert.throws(run, (error) => {
    assert(error instanceof ProtocolError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.fault, fault);
    assert.match(error.message, /^[A-Z].*: .*[^.]$/);
    return true;
  });
}

/**
 * Asserts that a payload has one length: nothing shorter, nothing longer.
 *
 * @param decode Bytes to value.
 * @param bytes A whole payload.
 */
export function assertExactLength(
  decode: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
): void {
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decode(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assertRefused(() => decode(longer), "PAYLOAD_INVALID");
}

/**
 * Asserts that a value is refused with each of some changes.
 *
 * @param encode Value to bytes.
 * @param value A value that is not refused.
 * @param changes Fields that the bytes cannot carry.
 */
export function assertFieldsRefused<T extends object>(
  encode: (value: T) => unknown,
  value: T,
  changes: readonly object[],
): void {
  encode(value);
  for (const change of changes) {
    assertRefused(
      () => encode({ ...value, ...change }),
      "INVALID_VALUE",
      "caller",
    );
  }
}

/** One more extension than a payload may carry. */
export function tooManyExtensions(): Extension[] {
  return Array.from(
    { length: MAX_EXTENSION_COUNT + 1 },
    () => ({ type: 0x7000, value: new Uint8Array(0) }),
  );
}

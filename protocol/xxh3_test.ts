import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { ProtocolError } from "./error.ts";
import { xxh3_64, xxh3_64Halves } from "./xxh3.ts";
import { createScalarXxh3, type Xxh3 } from "./xxh3_scalar.ts";
import { createWasmXxh3 } from "./xxh3_wasm.ts";

const VECTORS = new URL(
  "../../shared/vectors/mxp_messages.json",
  import.meta.url,
);
const hasVectors = existsSync(VECTORS);

const wasm = createWasmXxh3();
const scalar = createScalarXxh3();
const implementations: readonly Xxh3[] = wasm ? [wasm, scalar] : [scalar];

function hashOf(
  xxh3: Xxh3,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): bigint {
  const into = new Uint32Array(2);
  xxh3.hashInto(bytes, start, end, into);
  return BigInt(into[1]!) << 32n | BigInt(into[0]!);
}

/** The bytes over which the known answers below were computed. */
function makeBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** Lengths at each branch of the algorithm, and what `xxhsum -H3` prints. */
const KNOWN_ANSWERS: readonly (readonly [number, bigint])[] = [
  [1, 0xe5e62017e96f839cn],
  [2, 0xe99f8ba75698ec0fn],
  [3, 0xd3bcc83c6f14e70fn],
  [4, 0xc7f159f34b126cb4n],
  [7, 0xddce99c00391ea7cn],
  [8, 0x0f25a2a1cc43dda2n],
  [9, 0x1e3be9699baa50cfn],
  [15, 0xbb9c1f12fc955b0cn],
  [16, 0x9ec324145cea1dcbn],
  [17, 0x48f3651d7436310an],
  [32, 0x3ecd923442085a0dn],
  [33, 0x0afebb54eff3a3b5n],
  [64, 0x7abe508541644d25n],
  [65, 0xda2a9fa52b7fadf5n],
  [96, 0x014dbb30ecd7c670n],
  [97, 0x7b0a9dae42e89ff6n],
  [128, 0x5d813d42c0005ea8n],
  [129, 0xc61639b552225575n],
  [143, 0x59339bd5e6a8a208n],
  [144, 0x9e69d5b5f04a37c8n],
  [239, 0x9baab2789601e92an],
  [240, 0x7d85b8d4f8b10c82n],
  [241, 0x5c56141c894cd97en],
  [256, 0xcdb34974678d6687n],
  [319, 0x57e8f51919fd393fn],
  [320, 0xfe6e6426ff966b51n],
  [321, 0xce4b21759139f83bn],
  [1023, 0x123989704c814592n],
  [1024, 0x0551dea22e104ea8n],
  [1025, 0xdbe2ed3c377d9922n],
  [1088, 0x98ce47a58d705d59n],
  [2048, 0x0e137a69a82b62c0n],
  [2049, 0x2ba993b30fe87e40n],
  [61440, 0xbdd9aa4ac2d05da6n],
  [61441, 0x5e5b767760821a2an],
  [61500, 0x8fcb05fe557f76dcn],
  [122880, 0xa603ef3e57459ae1n],
  [122881, 0x265bfe5018baa1a3n],
  [1048576, 0x20da16121ba32047n],
  [1048609, 0x1a5bcf7410152a2bn],
  [16777216, 0xb858b531160e8dfbn],
];

for (const xxh3 of implementations) {
  Deno.test(`hashInto() of ${xxh3.kind} gives the answers of xxhsum`, () => {
    const bytes = makeBytes(KNOWN_ANSWERS.at(-1)![0]);
    for (const [length, expected] of KNOWN_ANSWERS) {
      assert.equal(hashOf(xxh3, bytes, 0, length), expected, `${length} bytes`);
    }
  });

  Deno.test(`hashInto() of ${xxh3.kind} gives published answers`, () => {
    const text = new TextEncoder();
    assert.equal(hashOf(xxh3, new Uint8Array(0)), 0x2d06800538d394c2n);
    assert.equal(hashOf(xxh3, text.encode("a")), 0xe6c632b61e964e1fn);
    assert.equal(hashOf(xxh3, text.encode("abc")), 0x78af5f94892f3950n);
  });

  Deno.test({
    name: `hashInto() of ${xxh3.kind} checks the shared message vectors${
      hasVectors ? "" : " (skipped: ../shared is missing)"
    }`,
    ignore: !hasVectors,
    fn: () => {
      const { valid } = JSON.parse(readFileSync(VECTORS, "utf8")) as {
        valid: { encoded_hex: string }[];
      };
      assert.ok(valid.length > 0);
      for (const { encoded_hex } of valid) {
        const encoded = Uint8Array.fromHex(encoded_hex);
        const end = encoded.length - 8;
        const expected = new DataView(encoded.buffer).getBigUint64(end, true);
        assert.equal(hashOf(xxh3, encoded, 0, end), expected);
      }
    },
  });

  Deno.test(`hashInto() of ${xxh3.kind} hashes in its memory what was written there`, () => {
    const { memory } = xxh3;
    const bytes = makeBytes(memory.length);
    for (const length of [0, 3, 16, 100, 200, 1_000, memory.length]) {
      const expected = hashOf(xxh3, bytes, 0, length);
      memory.fill(0xee);
      memory.set(bytes.subarray(0, length));
      assert.equal(hashOf(xxh3, memory, 0, length), expected);
      assert.ok(memory.subarray(0, length).every((b, i) => b === bytes[i]));
    }
    const expected = hashOf(xxh3, bytes, 5, 1_000);
    memory.set(bytes);
    assert.equal(hashOf(xxh3, memory, 5, 1_000), expected);
  });

  Deno.test(`hashInto() of ${xxh3.kind} keeps nothing from the call before`, () => {
    const bytes = makeBytes(200_000);
    const alone = hashOf(xxh3, bytes, 0, 300);
    hashOf(xxh3, bytes);
    assert.equal(hashOf(xxh3, bytes, 0, 300), alone);
  });
}

Deno.test("createWasmXxh3() works in this runtime", () => {
  assert.equal(wasm?.kind, "wasm");
});

Deno.test("createWasmXxh3() and createScalarXxh3() agree for every length to 2,048", () => {
  const bytes = makeBytes(2_048 + 7);
  for (let length = 0; length <= 2_048; length++) {
    const start = length % 7;
    assert.equal(
      hashOf(wasm!, bytes, start, start + length),
      hashOf(scalar, bytes, start, start + length),
      `${length} bytes`,
    );
  }
});

Deno.test("createWasmXxh3() and createScalarXxh3() agree around the chunk length", () => {
  const chunk = 131_072;
  const bytes = makeBytes(3 * chunk + 100);
  for (const chunks of [1, 2, 3]) {
    for (const rest of [-1025, -1024, -65, -64, -1, 0, 1, 63, 64, 65]) {
      const length = chunks * chunk + rest;
      assert.equal(
        hashOf(wasm!, bytes, 3, 3 + length),
        hashOf(scalar, bytes, 3, 3 + length),
        `${length} bytes`,
      );
    }
  }
});

Deno.test("createWasmXxh3() and createScalarXxh3() agree for any bytes", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 5_000, size: "max" }),
    fc.nat(64),
    (bytes, skip) => {
      const start = Math.min(skip, bytes.length);
      assert.equal(
        hashOf(wasm!, bytes, start),
        hashOf(scalar, bytes, start),
      );
    },
  ));
});

Deno.test("xxh3_64() is the same for a view and for a copy", () => {
  const bytes = makeBytes(1_000);
  for (const length of [0, 3, 8, 16, 100, 200, 700]) {
    const view = bytes.subarray(5, 5 + length);
    assert.equal(xxh3_64(view), xxh3_64(view.slice()));
  }
});

Deno.test("xxh3_64() changes with every byte", () => {
  const bytes = makeBytes(300);
  const original = xxh3_64(bytes);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i]! ^= 1;
    assert.notEqual(xxh3_64(bytes), original);
    bytes[i]! ^= 1;
  }
});

Deno.test("xxh3_64Halves() gives the two halves of xxh3_64()", () => {
  const bytes = makeBytes(500);
  const into = new Uint32Array(2);
  xxh3_64Halves(bytes, 10, 400, into);
  const whole = xxh3_64(bytes.subarray(10, 400));
  assert.equal(BigInt(into[0]!), whole & 0xFFFFFFFFn);
  assert.equal(BigInt(into[1]!), whole >> 32n);
});

Deno.test("xxh3_64Halves() refuses a range outside the bytes", () => {
  const bytes = new Uint8Array(10);
  const into = new Uint32Array(2);
  for (const [start, end] of [[-1, 5], [6, 5], [0, 11], [11, 11], [NaN, 5]]) {
    assert.throws(
      () => xxh3_64Halves(bytes, start!, end!, into),
      (error) =>
        error instanceof ProtocolError && error.code === "INVALID_VALUE",
    );
  }
  assert.deepEqual([...into], [0, 0]);
});

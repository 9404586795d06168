import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { SHA256_WASM_BASE64 } from "../wasm/sha256_wasm.gen.ts";
import {
  createWasmSha256,
  fastestSha256,
  MAX_SHORT_TEXT_LENGTH,
  MAX_TAGS,
  packShortTexts,
  PORTABLE_SHA256,
  type Sha256,
} from "./sha256.ts";
import { instantiate } from "../../internal/wasm_instance.ts";

const random = new SeededRandom(20_261_121);
const wasm = createWasmSha256(WebAssembly)!;
/** What the module takes at once. */
const INPUT_LENGTH = 61_440;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

for (
  const [name, sha256] of [
    ["WebAssembly", wasm],
    ["portable", PORTABLE_SHA256],
  ] as [string, Sha256][]
) {
  Deno.test(`Sha256 gives the known answers of FIPS 180-4 and RFC 4231: ${name}`, () => {
    assert.equal(
      hex(sha256.hash([])),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    assert.equal(
      hex(sha256.hash([encode("a"), encode("bc")])),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    assert.equal(
      hex(sha256.hash([new Uint8Array(1_000_000).fill(0x61)])),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
    // RFC 4231 §4.3, with a short key, and §4.7, with one longer than a block.
    assert.equal(
      hex(
        sha256.hmac(encode("Jefe"), [encode("what do ya want for nothing?")]),
      ),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    const text = "Test Using Larger Than Block-Size Key - Hash Key First";
    assert.equal(
      hex(sha256.hmac(new Uint8Array(131).fill(0xaa), [encode(text)])),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
  });
}

Deno.test("Sha256 in WebAssembly agrees with the portable one at every length and split", () => {
  const bytes = random.nextBytes(400);
  for (let length = 0; length <= bytes.length; length++) {
    const at = random.nextInteger(length + 1);
    const parts = [bytes.subarray(0, at), bytes.subarray(at, length)];
    assert.deepEqual(wasm.hash(parts), PORTABLE_SHA256.hash(parts));
    const key = bytes.subarray(0, length % 140);
    assert.deepEqual(wasm.hmac(key, parts), PORTABLE_SHA256.hmac(key, parts));
  }
});

Deno.test("Sha256 in WebAssembly takes more than its memory holds", () => {
  const bytes = random.nextBytes(2 * INPUT_LENGTH + 100);
  for (const full of [INPUT_LENGTH, 2 * INPUT_LENGTH]) {
    for (let length = full - 66; length <= full + 66; length += 11) {
      for (const at of [0, 1, 63, INPUT_LENGTH - 1, length]) {
        const parts = [bytes.subarray(0, at), bytes.subarray(at, length)];
        assert.deepEqual(wasm.hash(parts), PORTABLE_SHA256.hash(parts));
      }
      const parts = [bytes.subarray(0, length)];
      const key = bytes.subarray(0, 32);
      assert.deepEqual(wasm.hmac(key, parts), PORTABLE_SHA256.hmac(key, parts));
    }
  }
});

for (
  const [name, sha256] of [
    ["WebAssembly", wasm],
    ["portable", PORTABLE_SHA256],
  ] as [string, Sha256][]
) {
  Deno.test(`Sha256.hmacEach() gives the HMAC of each text: ${name}`, () => {
    for (let count = 1; count <= MAX_TAGS; count++) {
      const key = random.nextBytes(random.nextInteger(65));
      const texts = Array.from(
        { length: count },
        () => random.nextBytes(random.nextInteger(MAX_SHORT_TEXT_LENGTH + 1)),
      );
      const tags = sha256.hmacEach(key, packShortTexts(texts));
      assert.equal(tags.length, 32 * count);
      texts.forEach((text, index) => {
        const tag = createHmac("sha256", key).update(text).digest("hex");
        assert.equal(hex(tags.subarray(32 * index, 32 * index + 32)), tag);
      });
    }
  });

  // Noise §4.3
  Deno.test(`Sha256.noiseHkdf() chains HMAC: ${name}`, () => {
    const mac = (key: Uint8Array, text: Uint8Array[]): Uint8Array =>
      createHmac("sha256", key).update(Buffer.concat(text)).digest();
    for (const length of [0, 32, 64]) {
      const chainingKey = random.nextBytes(32);
      const input = random.nextBytes(length);
      const temporary = mac(chainingKey, [input]);
      const first = mac(temporary, [Uint8Array.of(1)]);
      const second = mac(temporary, [first, Uint8Array.of(2)]);
      const third = mac(temporary, [second, Uint8Array.of(3)]);
      const three = hex(Buffer.concat([first, second, third]));
      assert.equal(hex(sha256.noiseHkdf(chainingKey, input, 3)), three);
      assert.equal(
        hex(sha256.noiseHkdf(chainingKey, input, 2)),
        three.slice(0, 128),
      );
    }
  });
}

Deno.test("packShortTexts() refuses what does not fit", () => {
  const long = new Uint8Array(MAX_SHORT_TEXT_LENGTH + 1);
  assert.throws(() => packShortTexts([long]), /short text/);
  const many = Array.from({ length: MAX_TAGS + 1 }, () => new Uint8Array());
  assert.throws(() => packShortTexts(many), /As many texts/);
});

Deno.test("fastestSha256() is made once", () => {
  assert.equal(fastestSha256(), fastestSha256());
  assert.notEqual(fastestSha256(), PORTABLE_SHA256);
});

Deno.test("the WebAssembly module of SHA-256 keeps the digest alone", () => {
  const exports = instantiate(WebAssembly, SHA256_WASM_BASE64) as unknown as {
    memory: WebAssembly.Memory;
    begin(): void;
    update(): void;
    finish(length: number, totalLength: number): void;
    hmac(length: number): void;
    noise(length: number, count: number): void;
    expand(count: number): void;
  };
  const memory = new Uint8Array(exports.memory.buffer);
  const before = memory.slice();
  const isWiped = (): boolean =>
    memory.every((byte, at) => at < 32 || byte === before[at]);
  const isOutputAlone = (count: number): boolean =>
    memory.every((byte, at) =>
      at >= 576 && at < 576 + 32 * count || byte === 0 || byte === before[at]
    );
  for (const count of [1, 3, 8]) {
    for (const length of [0, 32, 64]) {
      memory.set(random.nextBytes(64), 128);
      memory.set(random.nextBytes(length), 2_048);
      exports.noise(length, count);
      assert.ok(isOutputAlone(count), `${count} outputs of ${length} bytes`);
    }
    memory.set(random.nextBytes(64), 128);
    for (let slot = 0; slot < count; slot++) {
      memory.set(random.nextBytes(55), 2_048 + 64 * slot);
      memory[2_048 + 64 * slot + 63] = 55;
    }
    exports.expand(count);
    assert.ok(isOutputAlone(count), `${count} tags`);
    memory.fill(0, 576, 576 + 32 * count);
  }
  for (const length of [0, 1, 55, 56, 64, 119, INPUT_LENGTH]) {
    memory.set(random.nextBytes(length), 2_048);
    exports.begin();
    exports.finish(length, length);
    assert.ok(isWiped(), `hash of ${length} bytes`);
    memory.set(random.nextBytes(INPUT_LENGTH), 2_048);
    exports.begin();
    exports.update();
    exports.finish(length, INPUT_LENGTH + length);
    assert.ok(isWiped(), `hash of a chunk and ${length} bytes`);
    memory.set(random.nextBytes(64), 128);
    memory.set(random.nextBytes(length), 2_048);
    exports.hmac(length);
    assert.ok(isWiped(), `HMAC of ${length} bytes`);
  }
});

Deno.test("createWasmSha256() gives nothing without WebAssembly", () => {
  assert.equal(createWasmSha256(undefined), undefined);
});

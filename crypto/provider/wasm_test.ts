import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { CryptoError } from "../error.ts";
import { instantiateChaCha } from "./chacha_wasm.ts";
import { PORTABLE_PROVIDER } from "./noble.ts";
import type { PacketAead } from "./provider.ts";
import { chooseProvider, findProviders } from "./select.ts";

const random = new SeededRandom(20_261_121);
const KEY = random.nextBytes(32);
const NONCE = random.nextBytes(12);
const TAG_LENGTH = 16;
/** The largest packet: its length field has 16 bits, beside 32 bytes of header. */
const MAX_PACKET_LENGTH = 32 + 65_535;

/** A platform that refuses the first module it is given. */
function withoutFirst(): typeof WebAssembly {
  let count = 0;
  return {
    ...WebAssembly,
    Instance: WebAssembly.Instance,
    Module: class extends WebAssembly.Module {
      constructor(code: BufferSource) {
        if (count++ === 0) {
          throw new WebAssembly.CompileError("Relaxed SIMD unsupported");
        }
        super(code);
      }
    },
  };
}

const PLATFORMS: readonly (() => typeof WebAssembly)[] = [
  () => WebAssembly,
  withoutFirst,
];

function createWasm(platform: typeof WebAssembly): PacketAead {
  return chooseProvider(findProviders(platform), "chacha20-poly1305", "wasm")
    .createAead("chacha20-poly1305", KEY);
}

const portable = PORTABLE_PROVIDER.createAead("chacha20-poly1305", KEY);
const wasm = createWasm(WebAssembly);
const ciphers = PLATFORMS.map((platform) => createWasm(platform()));

function compare(data: Uint8Array, plaintext: Uint8Array): void {
  for (const cipher of ciphers) compareWith(cipher, data, plaintext);
}

/** Seals with one and the other, opens again, and opens what was damaged. */
function compareWith(
  wasm: PacketAead,
  data: Uint8Array,
  plaintext: Uint8Array,
): void {
  const { length } = plaintext;
  const seal = (cipher: PacketAead): Uint8Array => {
    const into = new Uint8Array(length + TAG_LENGTH);
    assert.equal(
      cipher.sealInto(NONCE, data, plaintext, into),
      length + TAG_LENGTH,
    );
    return into;
  };
  const sealed = seal(wasm);
  assert.ok(isSame(sealed, seal(portable)), `sealed: ${data.length}+${length}`);
  const opened = new Uint8Array(length);
  assert.equal(wasm.openInto(NONCE, data, sealed, opened), length);
  assert.ok(isSame(opened, plaintext), `opened: ${data.length}+${length}`);

  const at = random.nextInteger(sealed.length);
  sealed[at]! ^= 1 << random.nextInteger(8);
  const untouched = new Uint8Array(length).fill(0xee);
  assert.equal(wasm.openInto(NONCE, data, sealed, untouched), -1);
  assert.ok(untouched.every((byte) => byte === 0xee));
}

/** Many times faster than `deepEqual`, which matters at thousands of lengths. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

Deno.test("the WebAssembly cipher agrees with the portable one at every length from 0 to 2,048", () => {
  const bytes = random.nextBytes(2_048);
  for (let length = 0; length <= bytes.length; length++) {
    compare(bytes.subarray(0, length % 67), bytes.subarray(0, length));
  }
});

Deno.test("the WebAssembly cipher agrees with the portable one at every length of associated data", () => {
  const bytes = random.nextBytes(2_048);
  for (let length = 0; length <= bytes.length; length++) {
    compare(bytes.subarray(0, length), bytes.subarray(0, length % 301));
  }
});

Deno.test("the WebAssembly cipher agrees with the portable one up to the largest packet, and hands on what is larger", () => {
  const bytes = random.nextBytes(70_000);
  const data = bytes.subarray(0, 32);
  for (
    const length of [
      16_384,
      65_519,
      MAX_PACKET_LENGTH - 48,
      67_584 - 48,
      67_584 - 47,
      70_000,
    ]
  ) {
    compare(data, bytes.subarray(0, length));
  }
  compare(bytes.subarray(0, 67_584), new Uint8Array());
});

Deno.test("the WebAssembly cipher carries where every limb of Poly1305 is full", () => {
  // A block of ones beside a long run of them makes the longest carries.
  for (const fill of [0x00, 0x7f, 0x80, 0xfe, 0xff]) {
    for (let length = 0; length <= 320; length++) {
      const data = new Uint8Array(length).fill(fill);
      compare(data, new Uint8Array());
    }
  }
});

Deno.test("the WebAssembly cipher hands on packets that are larger than its memory", () => {
  const packet = random.nextBytes(70_000);
  const header = packet.slice(0, 32);
  const plaintext = packet.slice(32, -TAG_LENGTH);
  wasm.sealPacket(packet, 0, 32, plaintext.length);
  const into = new Uint8Array(plaintext.length);
  const sealedLength = packet.length - 32;
  for (const cipher of [wasm, portable]) {
    into.fill(0);
    assert.equal(
      cipher.openPacket(header, packet, 32, sealedLength, into),
      plaintext.length,
    );
    assert.ok(isSame(into, plaintext));
  }
});

function checkWiping(platform: typeof WebAssembly): void {
  const module = instantiateChaCha(platform);
  assert.ok(module);
  const { memory, exports, keyAt, nonceAt, inputAt, outputAt } = module;
  const isZero = (start: number, end: number): boolean =>
    memory.subarray(start, end).every((byte) => byte === 0);
  const isWiped = (): boolean =>
    isZero(keyAt, keyAt + 32) && isZero(nonceAt + 12, 1_024);
  for (const length of [0, 1, 191, 192, 193, 448, 1_200, 5_000]) {
    const plaintext = random.nextBytes(length);
    memory.set(plaintext, inputAt + 32);
    memory.set(KEY, keyAt);
    memory.set(NONCE, nonceAt);
    exports.seal(nonceAt, inputAt, 32, inputAt + 32, length);
    assert.ok(isWiped(), `after sealing ${length} bytes`);

    memory.set(KEY, keyAt);
    const open = (): number =>
      exports.open(nonceAt, inputAt, 32, inputAt + 32, length, outputAt);
    assert.equal(open(), 1);
    assert.ok(isWiped(), `after opening ${length} bytes`);
    const opened = memory.slice(outputAt, outputAt + length);
    assert.ok(isSame(opened, plaintext));

    memory[inputAt + 32 + length]! ^= 0x10;
    memory.set(KEY, keyAt);
    assert.equal(open(), 0);
    assert.ok(isWiped(), `after refusing ${length} bytes`);
    assert.ok(isZero(outputAt, outputAt + length), "no plaintext is left");
  }
}

Deno.test("the WebAssembly module keeps nothing that depends on a key", () => {
  for (const platform of PLATFORMS) checkWiping(platform());
});

Deno.test("the WebAssembly module takes the way of relaxed SIMD only where that compiles", () => {
  const sizes: number[] = [];
  for (const platform of PLATFORMS) {
    const sizesOf = platform();
    const { Module } = sizesOf;
    const counting = {
      ...sizesOf,
      Instance: WebAssembly.Instance,
      Module: class extends Module {
        constructor(code: Uint8Array<ArrayBuffer>) {
          super(code);
          sizes.push(code.length);
        }
      },
    };
    assert.ok(instantiateChaCha(counting));
  }
  assert.equal(sizes.length, 2);
  assert.notEqual(sizes[0], sizes[1]);
});

Deno.test("chooseProvider() does without WebAssembly, its SIMD, and a native library", () => {
  const broken = {
    ...WebAssembly,
    Module: class {
      constructor() {
        throw new WebAssembly.CompileError("Wasm SIMD unsupported");
      }
    },
  } as unknown as typeof WebAssembly;
  for (const platform of [undefined, broken]) {
    const providers = findProviders(platform);
    assert.equal(providers.wasm, undefined);
    const { native } = providers;
    const name = (given: Parameters<typeof chooseProvider>[0]): string =>
      chooseProvider(given, "chacha20-poly1305").name;
    assert.equal(name(providers), "native");
    assert.equal(name({}), "portable");
    assert.equal(chooseProvider({}, "x25519").name, "portable");
    for (const missing of ["native", "wasm"] as const) {
      assert.throws(
        () => chooseProvider({}, "chacha20-poly1305", missing),
        (error) =>
          error instanceof CryptoError && error.code === "PROVIDER_UNAVAILABLE",
      );
    }
    assert.equal(chooseProvider({ native }, "aes-256-gcm").name, "native");
  }
});

Deno.test("chooseProvider() takes WebAssembly for one cipher, and has the rest beside it", () => {
  const providers = findProviders(WebAssembly);
  assert.equal(chooseProvider(providers, "chacha20-poly1305").name, "wasm");
  assert.equal(chooseProvider(providers, "aes-256-gcm").name, "native");
  const named = chooseProvider(providers, "x25519", "wasm");
  const key = named.importAgreementKey(KEY);
  const expected = PORTABLE_PROVIDER.importAgreementKey(KEY);
  assert.deepEqual(key.publicKey, expected.publicKey);
});

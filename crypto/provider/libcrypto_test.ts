import assert from "node:assert/strict";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { fromHex, testVectors, toHex } from "../../tests/support/vectors.ts";
import { CryptoError } from "../error.ts";
import { createLibcryptoProvider } from "./libcrypto.ts";
import { type Libcrypto, loadLibcrypto } from "./libcrypto_library.ts";
import { PORTABLE_PROVIDER } from "./noble.ts";
import type {
  AeadSuite,
  CryptoProvider,
  PacketAead,
  ProviderName,
} from "./provider.ts";
import { chooseProvider, findProviders } from "./select.ts";

const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];
const TAG_LENGTH = 16;
const DATAGRAM_BYTES = 65_536;

const random = new SeededRandom(20_261_122);
const loaded = loadLibcrypto();
const library: Libcrypto | undefined = typeof loaded === "object"
  ? loaded
  : undefined;
/** Everything by the library, packets of any size. */
const provider = library &&
  createLibcryptoProvider(library, PORTABLE_PROVIDER, 0);

function test(title: string, body: (provider: CryptoProvider) => void): void {
  const reason = loaded === undefined ? "no --allow-ffi" : String(loaded);
  Deno.test({
    name: `libcrypto ${title}` + (provider === undefined ? ` (${reason})` : ""),
    ignore: provider === undefined,
    fn: () => body(provider!),
  });
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Seals with one and the other, opens again, and opens what was damaged. */
function compare(
  mine: PacketAead,
  other: PacketAead,
  data: Uint8Array,
  plaintext: Uint8Array,
): void {
  const { length } = plaintext;
  const nonce = random.nextBytes(12);
  const sealed = new Uint8Array(length + TAG_LENGTH);
  const expected = new Uint8Array(length + TAG_LENGTH);
  assert.equal(mine.sealInto(nonce, data, plaintext, sealed), sealed.length);
  other.sealInto(nonce, data, plaintext, expected);
  assert.ok(isSame(sealed, expected), `sealed: ${data.length}+${length}`);
  const opened = new Uint8Array(length);
  assert.equal(mine.openInto(nonce, data, sealed, opened), length);
  assert.ok(isSame(opened, plaintext), `opened: ${data.length}+${length}`);

  sealed[random.nextInteger(sealed.length)]! ^= 1 << random.nextInteger(8);
  const untouched = new Uint8Array(length).fill(0xee);
  assert.equal(mine.openInto(nonce, data, sealed, untouched), -1);
  assert.ok(untouched.every((byte) => byte === 0xee));
}

for (const suite of SUITES) {
  test(`agrees with the portable provider at every length: ${suite}`, (provider) => {
    const key = random.nextBytes(32);
    const mine = provider.createAead(suite, key);
    const other = PORTABLE_PROVIDER.createAead(suite, key);
    const bytes = random.nextBytes(DATAGRAM_BYTES + 64);
    for (let length = 0; length <= 2_048; length++) {
      const data = bytes.subarray(0, length % 67);
      compare(mine, other, data, bytes.subarray(0, length));
    }
    // What the scratch holds, and what is handed on.
    for (const length of [DATAGRAM_BYTES, DATAGRAM_BYTES + 1]) {
      compare(mine, other, bytes.subarray(0, 32), bytes.subarray(0, length));
    }
    mine.wipe();
  });

  test(`seals and opens packets in place at any offset: ${suite}`, (provider) => {
    const key = random.nextBytes(32);
    const mine = provider.createAead(suite, key);
    const other = PORTABLE_PROVIDER.createAead(suite, key);
    for (const length of [0, 1, 15, 16, 17, 1_168, 60_000]) {
      for (const offset of [0, 1, 13]) {
        const before = random.nextBytes(offset + 32 + length + TAG_LENGTH + 3);
        const packet = before.slice();
        const expected = before.slice();
        mine.sealPacket(packet, offset, 32, length);
        other.sealPacket(expected, offset, 32, length);
        assert.ok(isSame(packet, expected));
        const header = packet.slice(offset, offset + 32);
        const text = offset + 32;
        const sealedLength = length + TAG_LENGTH;
        const into = packet.subarray(text, text + length);
        assert.equal(
          mine.openPacket(header, packet, text, sealedLength, into),
          length,
        );
        assert.ok(isSame(into, before.subarray(text, text + length)));
      }
    }
    mine.wipe();
  });

  test(`gives its contexts back, and has no key after a wipe: ${suite}`, (provider) => {
    const box = new Uint8Array(80);
    const nonce = new Uint8Array(12);
    const none = new Uint8Array();
    const aead = provider.createAead(suite, new Uint8Array(32));
    aead.sealInto(nonce, none, box.subarray(0, 64), box);
    aead.wipe();
    aead.wipe();
    const isState = (error: unknown): boolean =>
      error instanceof CryptoError && error.code === "STATE";
    assert.throws(() => aead.sealInto(nonce, none, none, box), isState);
    assert.throws(() => aead.openInto(nonce, none, box, box), isState);
  });
}

test("counts as missing where it gives other bytes or fails", () => {
  const { functions } = library!;
  const broken: Libcrypto[] = [
    // A build that lacks its ciphers takes no key.
    { ...library!, functions: { ...functions, EVP_EncryptInit_ex: () => 0 } },
    {
      ...library!,
      functions: { ...functions, EVP_CIPHER_CTX_new: () => null },
    },
    {
      ...library!,
      functions: {
        ...functions,
        EVP_CIPHER_CTX_ctrl: (_context, _command, _length, bytes) => {
          bytes.fill(7);
          return 1;
        },
      },
    },
  ];
  for (const one of broken) {
    assert.equal(createLibcryptoProvider(one, PORTABLE_PROVIDER), undefined);
    const providers = findProviders(WebAssembly, one);
    assert.equal(chooseProvider(providers, "chacha20-poly1305").name, "wasm");
    assert.equal(providers.libraryProblem, "its ciphers do not work");
  }
});

/** A provider whose open contexts are counted. */
function counting(): {
  readonly provider: CryptoProvider;
  readonly openCount: () => number;
} {
  let openCount = 0;
  const { functions } = library!;
  const provider = createLibcryptoProvider({
    ...library!,
    functions: {
      ...functions,
      EVP_CIPHER_CTX_new: () => {
        openCount++;
        return functions.EVP_CIPHER_CTX_new();
      },
      EVP_CIPHER_CTX_free: (handle) => {
        if (handle !== null) openCount--;
        functions.EVP_CIPHER_CTX_free(handle);
      },
    },
  }, PORTABLE_PROVIDER)!;
  return { provider, openCount: () => openCount };
}

function useOnce(provider: CryptoProvider): PacketAead {
  const box = new Uint8Array(64);
  const aead = provider.createAead("aes-256-gcm", new Uint8Array(32));
  aead.sealInto(box.subarray(0, 12), box, box.subarray(0, 48), box);
  aead.openInto(box.subarray(0, 12), box, box, new Uint8Array(64));
  return aead;
}

test("frees each context once, when its cipher is wiped", () => {
  const { provider, openCount } = counting();
  for (let count = 0; count < 100; count++) {
    const aead = useOnce(provider);
    assert.equal(openCount(), 2);
    aead.wipe();
    assert.equal(openCount(), 0);
  }
});

/** There with `--v8-flags=--expose-gc`. */
const collect = (globalThis as { gc?: () => void }).gc;

Deno.test({
  name: "libcrypto frees the contexts of a cipher that is collected" +
    (collect === undefined ? " (no --expose-gc)" : ""),
  ignore: provider === undefined || collect === undefined,
  fn: async () => {
    const { provider, openCount } = counting();
    for (let count = 0; count < 10; count++) useOnce(provider);
    assert.equal(openCount(), 20);
    // Finalizers run in turns of their own, soon after a collection.
    for (let turn = 0; turn < 100 && openCount() > 0; turn++) {
      collect!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(openCount(), 0);
  },
});

Deno.test("findProviders() says why a library that is granted cannot be had", () => {
  const { libcrypto, libraryProblem } = findProviders(WebAssembly, "no file");
  assert.equal(libcrypto, undefined);
  assert.equal(libraryProblem, "no file");
  const without = findProviders(WebAssembly);
  assert.equal(without.libraryProblem, undefined);
  for (
    const [providers, reason] of [
      [without, /^Provider libcrypto: it needs Deno with --allow-ffi$/],
      [findProviders(WebAssembly, "no file"), /^Provider libcrypto: no file$/],
    ] as const
  ) {
    for (const primitive of ["aes-256-gcm", "x25519"] as const) {
      assert.throws(
        () => chooseProvider(providers, primitive, "libcrypto"),
        (error) =>
          error instanceof CryptoError &&
          error.code === "PROVIDER_UNAVAILABLE" && reason.test(error.message),
      );
    }
  }
});

Deno.test("chooseProvider() refuses a name that no provider has", () => {
  const name = "toString" as ProviderName;
  assert.throws(
    () => chooseProvider(findProviders(WebAssembly), "x25519", name),
    {
      code: "PROVIDER_UNAVAILABLE",
      message:
        "Provider toString: it is none of native, wasm, libcrypto, portable",
    },
  );
});

interface AeadVectors {
  testGroups: {
    ivSize: number;
    keySize: number;
    tests: Record<
      "key" | "iv" | "aad" | "msg" | "ct" | "tag" | "result",
      string
    >[];
  }[];
}

for (
  const [suite, file] of [
    ["chacha20-poly1305", "wycheproof_chacha20_poly1305.json"],
    ["aes-256-gcm", "wycheproof_aes_gcm.json"],
  ] as const
) {
  if (provider === undefined) continue;
  testVectors<AeadVectors>(
    `libcrypto passes Wycheproof: ${suite}`,
    file,
    ({ testGroups }) => {
      let count = 0;
      for (const { ivSize, keySize, tests } of testGroups) {
        if (ivSize !== 96 || keySize !== 256) continue;
        for (const { key, iv, aad, msg, ct, tag, result } of tests) {
          const aead = provider.createAead(suite, fromHex(key));
          const opened = new Uint8Array(ct.length / 2);
          const length = aead.openInto(
            fromHex(iv),
            fromHex(aad),
            fromHex(ct + tag),
            opened,
          );
          const isValid = result === "valid";
          assert.equal(length, isValid ? opened.length : -1);
          if (isValid) assert.equal(toHex(opened), msg);
          aead.wipe();
          count++;
        }
      }
      assert.ok(count > 50);
    },
  );
}

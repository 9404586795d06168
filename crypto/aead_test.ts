import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHex, testVectors, toHex } from "../tests/support/vectors.ts";
import {
  aead,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  createPacketAead,
  type ProviderName,
} from "./aead.ts";
import { CryptoError } from "./error.ts";
import { defaultProvider } from "./provider/select.ts";

const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];
const PROVIDERS: readonly ProviderName[] = ["native", "portable"];
const VARIANTS = SUITES.flatMap((suite) =>
  PROVIDERS.map((provider) => ({ suite, provider }))
);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length });
const shortBytes = fc.uint8Array({ maxLength: 200 });

interface AeadVectors {
  testGroups: {
    ivSize: number;
    keySize: number;
    tagSize: number;
    tests: Record<"key" | "iv" | "aad" | "msg" | "ct" | "tag", string>[];
  }[];
}

for (
  const [suite, file] of [
    ["chacha20-poly1305", "wycheproof_chacha20_poly1305.json"],
    ["aes-256-gcm", "wycheproof_aes_gcm.json"],
  ] as const
) {
  for (const provider of PROVIDERS) {
    testVectors<AeadVectors>(
      `aead() passes Wycheproof: ${suite}, ${provider}`,
      file,
      ({ testGroups }) => {
        const cipher = aead(suite, provider);
        let count = 0;
        for (const group of testGroups) {
          const { ivSize, keySize, tagSize } = group;
          if (ivSize !== 96 || keySize !== 256 || tagSize !== 128) continue;
          for (const test of group.tests) {
            const key = fromHex(test.key), nonce = fromHex(test.iv);
            const data = fromHex(test.aad);
            const sealed = test.ct + test.tag;
            const opened = cipher.open(key, nonce, data, fromHex(sealed));
            const isValid = (test as { result?: string }).result === "valid";
            assert.equal(
              opened && toHex(opened),
              isValid ? test.msg : undefined,
            );
            if (isValid) {
              const again = cipher.seal(key, nonce, data, fromHex(test.msg));
              assert.equal(toHex(again), sealed);
            }
            count++;
          }
        }
        assert(count > 50);
      },
    );
  }
}

for (const suite of SUITES) {
  Deno.test(`aead() gives the same bytes with both providers: ${suite}`, () => {
    const [native, portable] = [aead(suite, "native"), aead(suite, "portable")];
    fc.assert(
      fc.property(
        bytes(32),
        bytes(12),
        shortBytes,
        shortBytes,
        (key, nonce, data, plaintext) => {
          const sealed = native.seal(key, nonce, data, plaintext);
          assert.deepEqual(portable.seal(key, nonce, data, plaintext), sealed);
          assert.deepEqual(portable.open(key, nonce, data, sealed), plaintext);
          assert.deepEqual(native.open(key, nonce, data, sealed), plaintext);
        },
      ),
      { numRuns: 50 },
    );
  });
}

for (const { suite, provider } of VARIANTS) {
  const name = `${suite}, ${provider}`;

  Deno.test(`PacketAead.openInto() refuses every flipped bit: ${name}`, () => {
    const cipher = createPacketAead(
      suite,
      new Uint8Array(32).fill(1),
      provider,
    );
    const nonce = new Uint8Array(12);
    const data = Uint8Array.of(9, 8, 7);
    const sealed = new Uint8Array(5 + AEAD_TAG_LENGTH);
    cipher.sealInto(nonce, data, Uint8Array.of(1, 2, 3, 4, 5), sealed);
    const into = new Uint8Array(5).fill(0xee);
    const eachFlip = (target: Uint8Array): void => {
      for (let bit = 0; bit < target.length * 8; bit++) {
        target[bit >> 3]! ^= 1 << (bit & 7);
        assert.equal(cipher.openInto(nonce, data, sealed, into), -1);
        target[bit >> 3]! ^= 1 << (bit & 7);
      }
    };
    eachFlip(sealed);
    eachFlip(data);
    eachFlip(nonce);
    // Nothing that did not authenticate reaches the caller.
    assert.deepEqual(into, new Uint8Array(5).fill(0xee));
    assert.equal(cipher.openInto(nonce, data, sealed, into), 5);
  });

  Deno.test(`PacketAead.openInto() never throws for truncated input: ${name}`, () => {
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const nonce = new Uint8Array(12), none = new Uint8Array();
    const sealed = new Uint8Array(40);
    cipher.sealInto(nonce, none, new Uint8Array(24), sealed);
    for (let length = 0; length < sealed.length; length++) {
      const cut = sealed.subarray(0, length);
      assert.equal(cipher.openInto(nonce, none, cut, new Uint8Array(40)), -1);
    }
  });

  Deno.test(`PacketAead works in place at any offset: ${name}`, () => {
    const cipher = createPacketAead(
      suite,
      new Uint8Array(32).fill(2),
      provider,
    );
    fc.assert(
      fc.property(
        shortBytes,
        shortBytes,
        bytes(12),
        fc.nat(9),
        (plaintext, data, nonce, offset) => {
          const length = plaintext.length + AEAD_TAG_LENGTH;
          const apart = new Uint8Array(length);
          cipher.sealInto(nonce, data, plaintext, apart);
          const buffer = new Uint8Array(offset + length + 3).fill(0xaa);
          buffer.set(plaintext, offset);
          const room = buffer.subarray(offset);
          const inner = room.subarray(0, plaintext.length);
          assert.equal(cipher.sealInto(nonce, data, inner, room), length);
          assert.deepEqual(room.subarray(0, length), apart);
          assert.deepEqual(room.subarray(length), new Uint8Array(3).fill(0xaa));
          const sealed = room.subarray(0, length);
          assert.equal(
            cipher.openInto(nonce, data, sealed, sealed),
            plaintext.length,
          );
          assert.deepEqual(sealed.subarray(0, plaintext.length), plaintext);
        },
      ),
      { numRuns: 50 },
    );
  });

  Deno.test(`PacketAead refuses wrong sizes of the caller: ${name}`, () => {
    const isCode = (code: string) => (error: unknown) =>
      error instanceof CryptoError && error.code === code &&
      error.fault === "caller";
    for (const length of [0, 16, 31, 33]) {
      assert.throws(
        () => createPacketAead(suite, new Uint8Array(length), provider),
        isCode("INVALID_KEY"),
      );
    }
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const none = new Uint8Array(), nonce = new Uint8Array(12);
    const wrong = isCode("INVALID_LENGTH");
    for (const length of [0, 8, 11, 13]) {
      const nonce = new Uint8Array(length), box = new Uint8Array(16);
      assert.throws(() => cipher.sealInto(nonce, none, none, box), wrong);
      assert.throws(() => cipher.openInto(nonce, none, box, none), wrong);
    }
    const small = new Uint8Array(19);
    const four = new Uint8Array(4);
    assert.throws(() => cipher.sealInto(nonce, none, four, small), wrong);
    assert.throws(
      () => cipher.openInto(nonce, none, new Uint8Array(24), new Uint8Array(7)),
      wrong,
    );
  });

  Deno.test(`PacketAead copies its key: ${name}`, () => {
    const key = new Uint8Array(32).fill(3);
    const cipher = createPacketAead(suite, key, provider);
    key.fill(0);
    const nonce = new Uint8Array(12), none = new Uint8Array();
    const sealed = new Uint8Array(16);
    cipher.sealInto(nonce, none, none, sealed);
    const expected = aead(suite, provider)
      .seal(new Uint8Array(32).fill(3), nonce, none, none);
    assert.deepEqual(sealed, expected);
  });
}

for (const { suite, provider } of VARIANTS) {
  Deno.test(`PacketAead.wipe() leaves nothing to seal with: ${suite}, ${provider}`, () => {
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const box = new Uint8Array(16), nonce = new Uint8Array(12);
    const none = new Uint8Array();
    cipher.wipe();
    const isState = (error: unknown): boolean =>
      error instanceof CryptoError && error.code === "STATE";
    assert.throws(() => cipher.sealInto(nonce, none, none, box), isState);
    assert.throws(() => cipher.openInto(nonce, none, box, none), isState);
  });
}

Deno.test("createPacketAead() refuses a suite that it does not know", () => {
  assert.throws(
    () => createPacketAead("rot13" as AeadSuite, new Uint8Array(32)),
    (error) =>
      error instanceof CryptoError && error.code === "UNSUPPORTED_PROTOCOL",
  );
});

Deno.test("defaultProvider() is native in this runtime", () => {
  for (const primitive of [...SUITES, "x25519" as const]) {
    assert.equal(defaultProvider(primitive), "native");
  }
});

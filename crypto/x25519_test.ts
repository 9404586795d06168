import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { fromHex, testVectors, toHex } from "../tests/support/vectors.ts";
import { CryptoError } from "./error.ts";
import {
  agree,
  generateKeyPair,
  importAgreementKey,
  publicKeyOf,
  x25519,
} from "./x25519.ts";

const PROVIDERS = ["native", "portable"] as const;

interface Vectors {
  testGroups: {
    tests: {
      private: string;
      public: string;
      shared: string;
      result: string;
    }[];
  }[];
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CryptoError && error.code === code;
}

for (const provider of PROVIDERS) {
  testVectors<Vectors>(
    `x25519() passes Wycheproof and refuses an all-zero secret: ${provider}`,
    "wycheproof_x25519.json",
    ({ testGroups }) => {
      for (const test of testGroups.flatMap((group) => group.tests)) {
        const run = () =>
          x25519(fromHex(test.private), fromHex(test.public), provider);
        if (/^0*$/.test(test.shared)) {
          assert.throws(run, isCode("WEAK_PUBLIC_KEY"));
        } else {
          assert.equal(toHex(run()), test.shared);
        }
      }
    },
  );

  Deno.test(`x25519() refuses points of small order: ${provider}`, () => {
    const key = new Uint8Array(32).fill(5);
    const one = new Uint8Array(32);
    one[0] = 1;
    for (const point of [new Uint8Array(32), one]) {
      assert.throws(
        () => x25519(key, point, provider),
        (error) =>
          isCode("WEAK_PUBLIC_KEY")(error) &&
          (error as CryptoError).fault === "peer",
      );
    }
  });

  Deno.test(`importAgreementKey() copies the key, a Buffer's too: ${provider}`, () => {
    const privateKey = Buffer.alloc(32, 5);
    const peer = publicKeyOf(new Uint8Array(32).fill(9), provider);
    const expected = x25519(privateKey, peer, provider);
    const key = importAgreementKey(privateKey, provider);
    privateKey.fill(0);
    assert.deepEqual(agree(key, peer), expected);
  });

  Deno.test(`agree() goes by the public key it is given, whichever came before, whatever becomes of its bytes: ${provider}`, () => {
    const key = importAgreementKey(new Uint8Array(32).fill(5), provider);
    const other = importAgreementKey(new Uint8Array(32).fill(6), provider);
    const [a, b] = [7, 8].map((byte) =>
      publicKeyOf(new Uint8Array(32).fill(byte), provider)
    );
    const expected = (by: number, peer: Uint8Array): string =>
      toHex(x25519(new Uint8Array(32).fill(by), peer, "portable"));
    const lent = a!.slice();
    for (const peer of [a!, a!, b!, a!]) {
      lent.set(peer);
      assert.equal(toHex(agree(key, lent)), expected(5, peer));
      lent.fill(0);
      assert.equal(toHex(agree(other, peer)), expected(6, peer));
    }
    // The wrapper checks the size; an imported key can be asked without it.
    for (const length of [0, 16, 31, 33]) {
      let secret: Uint8Array | undefined;
      try {
        secret = key.agree(new Uint8Array(length).fill(7));
      } catch {
        secret = undefined;
      }
      assert.equal(secret, undefined, `${length} bytes`);
    }
    const weak = new Uint8Array(32);
    assert.throws(() => agree(key, weak), isCode("WEAK_PUBLIC_KEY"));
    assert.throws(() => agree(key, weak), isCode("WEAK_PUBLIC_KEY"));
    assert.equal(toHex(agree(key, b!)), expected(5, b!));
  });

  Deno.test(`x25519() refuses every other key size: ${provider}`, () => {
    const key = new Uint8Array(32).fill(5);
    for (const length of [0, 1, 31, 33, 64]) {
      const wrong = new Uint8Array(length);
      assert.throws(() => x25519(wrong, key, provider), isCode("INVALID_KEY"));
      assert.throws(() => x25519(key, wrong, provider), isCode("INVALID_KEY"));
      assert.throws(() => publicKeyOf(wrong, provider), isCode("INVALID_KEY"));
    }
  });
}

Deno.test("x25519() gives both sides the same secret, across providers", () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(key, key, (a, b) => {
      const publicA = publicKeyOf(a, "native");
      const publicB = publicKeyOf(b, "portable");
      assert.deepEqual(publicKeyOf(a, "portable"), publicA);
      assert.deepEqual(
        x25519(a, publicB, "native"),
        x25519(b, publicA, "portable"),
      );
    }),
    { numRuns: 10 },
  );
});

Deno.test("generateKeyPair() takes its secret from the random source", () => {
  const first = generateKeyPair(new SeededRandom(1));
  assert.deepEqual(generateKeyPair(new SeededRandom(1)), first);
  assert.notDeepEqual(generateKeyPair(new SeededRandom(2)), first);
  assert.deepEqual(publicKeyOf(first.privateKey), first.publicKey);
});

import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { fromHex, testVectors, toHex } from "../tests/support/vectors.ts";
import { CryptoError } from "./error.ts";
import {
  hkdfExpandSha256,
  hkdfSha256,
  hmacSha256,
  MAX_HKDF_INFO_LENGTH,
  MAX_HKDF_LENGTH,
  sha256,
} from "./hash.ts";

interface Vectors {
  testGroups: {
    tests: {
      ikm: string;
      salt: string;
      info: string;
      size: number;
      okm: string;
      result: string;
    }[];
  }[];
}

const isInvalidLength = (error: unknown): boolean =>
  error instanceof CryptoError && error.code === "INVALID_LENGTH";
const none = new Uint8Array();
const bytes = fc.uint8Array({ maxLength: 200 });

testVectors<Vectors>(
  "hkdfSha256() passes Wycheproof",
  "wycheproof_hkdf_sha256.json",
  ({ testGroups }) => {
    for (const test of testGroups.flatMap((group) => group.tests)) {
      const run = () =>
        hkdfSha256(
          fromHex(test.ikm),
          fromHex(test.salt),
          fromHex(test.info),
          test.size,
        );
      if (test.result === "invalid") assert.throws(run, isInvalidLength);
      else assert.equal(toHex(run()), test.okm);
    }
  },
);

Deno.test("sha256() and hmacSha256() agree with the runtime's, however cut", () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, (key, a, b) => {
      const hash = createHash("sha256").update(a).update(b).digest("hex");
      assert.equal(toHex(sha256(a, b)), hash);
      const mac = createHmac("sha256", key).update(a).update(b).digest("hex");
      assert.equal(toHex(hmacSha256(key, a, b)), mac);
    }),
    { numRuns: 50 },
  );
  assert.equal(toHex(sha256()), toHex(sha256(none)));
});

Deno.test("hkdfSha256() agrees with the runtime's", () => {
  fc.assert(
    fc.property(
      bytes,
      bytes,
      bytes,
      fc.integer({ min: 1, max: 300 }),
      (key, salt, info, length) => {
        const expected = new Uint8Array(
          hkdfSync("sha256", key, salt, info, length),
        );
        assert.deepEqual(hkdfSha256(key, salt, info, length), expected);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("hkdfSha256() refuses lengths that RFC 5869 §2.3 does not allow", () => {
  for (const length of [-1, 0.5, NaN, Infinity, MAX_HKDF_LENGTH + 1]) {
    assert.throws(() => hkdfSha256(none, none, none, length), isInvalidLength);
    assert.throws(
      () => hkdfExpandSha256(new Uint8Array(32), none, length),
      isInvalidLength,
    );
  }
  const longest = hkdfSha256(none, none, none, MAX_HKDF_LENGTH);
  assert.equal(longest.length, MAX_HKDF_LENGTH);
  assert.equal(hkdfSha256(none, none, none, 0).length, 0);
});

Deno.test("hkdfSha256() refuses too much context", () => {
  const info = new Uint8Array(MAX_HKDF_INFO_LENGTH + 1);
  assert.throws(() => hkdfSha256(none, none, info, 32), isInvalidLength);
  const most = info.subarray(1);
  assert.equal(hkdfSha256(none, none, most, 32).length, 32);
});

Deno.test("hkdfExpandSha256() refuses a key shorter than a digest", () => {
  assert.throws(
    () => hkdfExpandSha256(new Uint8Array(31), none, 32),
    (error) => error instanceof CryptoError && error.code === "INVALID_KEY",
  );
});

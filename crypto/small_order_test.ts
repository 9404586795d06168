import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHex, testVectors } from "../tests/support/vectors.ts";
import { CryptoError } from "./error.ts";
import { isSmallOrder } from "./small_order.ts";
import { x25519 } from "./x25519.ts";

interface Vectors {
  testGroups: { tests: { public: string; shared: string }[] }[];
}

function isRefused(publicKey: Uint8Array): boolean {
  try {
    x25519(new Uint8Array(32).fill(5), publicKey);
    return false;
  } catch (error) {
    assert(error instanceof CryptoError && error.code === "WEAK_PUBLIC_KEY");
    return true;
  }
}

testVectors<Vectors>(
  "isSmallOrder() knows the public keys of Wycheproof that give no secret",
  "wycheproof_x25519.json",
  ({ testGroups }) => {
    let count = 0;
    for (const test of testGroups.flatMap((group) => group.tests)) {
      const isWeak = /^0*$/.test(test.shared);
      if (isWeak) count++;
      assert.equal(isSmallOrder(fromHex(test.public)), isWeak, test.public);
    }
    assert(count >= 12);
  },
);

Deno.test("isSmallOrder() says what the agreement does, next to the points as well", () => {
  const points = [
    new Uint8Array(32),
    new Uint8Array(32).fill(0xff),
    fromHex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    fromHex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
  ];
  fc.assert(fc.property(
    fc.constantFrom(...points),
    fc.constantFrom(0, 1, 30, 31),
    fc.nat(255),
    (point, index, byte) => {
      const publicKey = point.slice();
      publicKey[index] = byte;
      assert.equal(isSmallOrder(publicKey), isRefused(publicKey));
    },
  ));
  assert(isSmallOrder(new Uint8Array(32)) && isRefused(new Uint8Array(32)));
});

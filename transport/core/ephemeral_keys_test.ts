import assert from "node:assert/strict";
import { generateKeyPair, StaticKey } from "../../crypto/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { toHex } from "../../tests/support/vectors.ts";
import { EphemeralKeys, MAX_KEYS_AHEAD } from "./ephemeral_keys.ts";

const random = new SeededRandom(7);

function fill(keys: EphemeralKeys): number {
  let count = 0;
  for (; keys.isShort; count++) {
    assert.ok(count <= MAX_KEYS_AHEAD, "it ends");
    keys.prepare();
  }
  return count;
}

Deno.test("EphemeralKeys makes nothing before a first key was wanted, then a few", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.prepare();
  assert.equal(fill(keys), 0);
  assert.equal(keys.take(), undefined);
  assert.equal(fill(keys), MAX_KEYS_AHEAD);
  keys.prepare();
  const taken = Array.from({ length: MAX_KEYS_AHEAD + 1 }, () => keys.take());
  assert.equal(taken.pop(), undefined);
  assert.equal(new Set(taken.map((key) => toHex(key!.publicKey))).size, 2);
  const pair = generateKeyPair(random);
  for (const key of taken) {
    assert.deepEqual(
      key!.agree(pair.publicKey),
      new StaticKey(pair.privateKey).agree(key!.publicKey),
    );
  }
  assert.equal(fill(keys), MAX_KEYS_AHEAD);
});

Deno.test("EphemeralKeys.wipe() leaves no key, and makes none", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.take();
  fill(keys);
  keys.wipe();
  assert.equal(fill(keys), 0);
  keys.prepare();
  assert.equal(keys.take(), undefined);
});

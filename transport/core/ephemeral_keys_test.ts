import assert from "node:assert/strict";
import {
  type AgreementKey,
  CryptoError,
  generateKeyPair,
  StaticKey,
} from "../../crypto/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { toHex } from "../../tests/support/vectors.ts";
import {
  EphemeralKeys,
  MAX_EXPECTED_PEERS,
  MAX_KEYS_AHEAD,
} from "./ephemeral_keys.ts";

const random = new SeededRandom(7);
const isWiped = (error: unknown): boolean =>
  error instanceof CryptoError && error.code === "STATE";

function fill(keys: EphemeralKeys): number {
  let count = 0;
  for (; keys.isShort; count++) {
    assert.ok(count <= MAX_KEYS_AHEAD + MAX_EXPECTED_PEERS, "it ends");
    keys.prepare();
  }
  return count;
}

function assertAgrees(key: AgreementKey): void {
  const pair = generateKeyPair(random);
  assert.deepEqual(
    key.agree(pair.publicKey),
    new StaticKey(pair.privateKey).agree(key.publicKey),
  );
}

Deno.test("EphemeralKeys makes nothing before a first key was wanted, then a few", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.expect(generateKeyPair(random).publicKey);
  keys.prepare();
  assert.equal(fill(keys), 0);
  assert.equal(keys.take(), undefined);
  assert.equal(fill(keys), MAX_KEYS_AHEAD);
  keys.prepare();
  const taken = Array.from({ length: MAX_KEYS_AHEAD + 1 }, () => keys.take());
  assert.equal(taken.pop(), undefined);
  assert.equal(new Set(taken.map((key) => toHex(key!.publicKey))).size, 2);
  for (const key of taken) assertAgrees(key!);
});

Deno.test("EphemeralKeys has a key for a peer that is expected, once", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.take();
  const peer = generateKeyPair(random);
  keys.expect(peer.publicKey);
  keys.expect(peer.publicKey);
  assert.equal(fill(keys), MAX_KEYS_AHEAD + 1);
  const others = Array.from({ length: MAX_KEYS_AHEAD }, () => keys.take()!);
  const key = keys.take(peer.publicKey.slice())!;
  assert.ok(others.every((other) => other.publicKey !== key.publicKey));
  const secret = new StaticKey(peer.privateKey).agree(key.publicKey);
  const agreed = key.agree(peer.publicKey)!;
  assert.deepEqual(agreed, secret);
  agreed.fill(0);
  assert.deepEqual(key.agree(peer.publicKey), secret, "a copy was wiped");
  assertAgrees(key);
  assert.equal(keys.take(peer.publicKey), undefined);
  key.wipe();
  assert.throws(() => key.agree(new Uint8Array(32).fill(9)), isWiped);
  assert.throws(() => key.agree(peer.publicKey), isWiped);
});

Deno.test("EphemeralKeys expects a bounded number of peers, the latest", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.take();
  const peers = Array.from(
    { length: MAX_EXPECTED_PEERS + 1 },
    () => generateKeyPair(random).publicKey,
  );
  for (const peer of peers) {
    keys.expect(peer);
    fill(keys);
  }
  for (let index = 0; index < MAX_KEYS_AHEAD; index++) keys.take();
  const found = peers.map((peer) => keys.take(peer) !== undefined);
  assert.deepEqual(found, peers.map((_, index) => index > 0));
  assert.equal(fill(keys), MAX_KEYS_AHEAD);
});

Deno.test("EphemeralKeys is short of nothing once who was expected has come or had to make room", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.take();
  fill(keys);
  const peers = Array.from(
    { length: MAX_EXPECTED_PEERS + 1 },
    () => generateKeyPair(random).publicKey,
  );
  for (const peer of peers) keys.expect(peer);
  assert.equal(keys.isShort, true);
  for (const peer of peers) {
    keys.expect(peer);
    keys.take(peer);
    keys.take(peer);
  }
  assert.equal(fill(keys), MAX_KEYS_AHEAD);
});

Deno.test("EphemeralKeys.wipe() leaves no key, and makes none", () => {
  const keys = new EphemeralKeys(random, undefined);
  keys.take();
  const peer = generateKeyPair(random).publicKey;
  keys.expect(peer);
  fill(keys);
  keys.wipe();
  assert.equal(fill(keys), 0);
  keys.prepare();
  assert.equal(keys.take(peer), undefined);
  assert.equal(keys.take(), undefined);
});

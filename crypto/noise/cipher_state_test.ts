import assert from "node:assert/strict";
import { aead, type AeadSuite } from "../aead.ts";
import { CryptoError } from "../error.ts";
import { CipherState } from "./cipher_state.ts";

const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];
const key = new Uint8Array(32).fill(9);
const none = new Uint8Array();
const text = Uint8Array.of(1, 2, 3);

const isCode = (code: string) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

for (const suite of SUITES) {
  // Noise §12.3, §12.4
  Deno.test(`CipherState counts its nonce in the order of ${suite}`, () => {
    const state = new CipherState({ suite, key });
    state.setNonce(0x0001_0203_0405_0607 % Number.MAX_SAFE_INTEGER);
    const count = [0, 1, 2, 3, 4, 5, 6, 7];
    if (suite === "chacha20-poly1305") count.reverse();
    const nonce = Uint8Array.from([0, 0, 0, 0, ...count]);
    assert.deepEqual(
      state.seal(none, text),
      aead(suite).seal(key, nonce, none, text),
    );
  });

  Deno.test(`CipherState opens in order and keeps its place on failure: ${suite}`, () => {
    const sender = new CipherState({ suite, key });
    const receiver = new CipherState({ suite, key });
    const first = sender.seal(none, text), second = sender.seal(none, text);
    assert.notDeepEqual(second, first);
    assert.equal(receiver.open(none, second), undefined);
    assert.equal(receiver.open(text, first), undefined);
    for (let length = 0; length < first.length; length++) {
      assert.equal(receiver.open(none, first.subarray(0, length)), undefined);
    }
    assert.equal(receiver.nonce, 0);
    assert.deepEqual(receiver.open(none, first), text);
    assert.equal(receiver.open(none, first), undefined);
    assert.deepEqual(receiver.open(none, second), text);
    assert.equal(receiver.nonce, 2);
  });

  // Noise §4.2
  Deno.test(`CipherState.rekey() seals zeros under the last nonce: ${suite}`, () => {
    const state = new CipherState({ suite, key });
    state.seal(none, text);
    state.rekey();
    const last = new Uint8Array(12).fill(0xff, 4);
    const next = aead(suite).seal(key, last, none, new Uint8Array(32))
      .subarray(0, 32);
    const expected = new CipherState({ suite, key: next });
    expected.setNonce(1);
    assert.deepEqual(state.seal(none, text), expected.seal(none, text));
  });

  Deno.test(`CipherState stops when nonces run out: ${suite}`, () => {
    const state = new CipherState({ suite, key });
    state.setNonce(Number.MAX_SAFE_INTEGER - 1);
    state.seal(none, text);
    assert.throws(() => state.seal(none, text), isCode("NONCE_EXHAUSTED"));
    assert.throws(() => state.open(none, text), isCode("NONCE_EXHAUSTED"));
  });

  Deno.test(`CipherState.wipe() never lets plaintext through: ${suite}`, () => {
    const state = new CipherState({ suite, key });
    state.wipe();
    assert.throws(() => state.seal(none, text), isCode("NONCE_EXHAUSTED"));
  });
}

Deno.test("CipherState without a key passes copies through", () => {
  const state = new CipherState({ suite: "chacha20-poly1305" });
  assert(!state.hasKey);
  const copy = state.seal(none, text);
  assert.deepEqual(copy, text);
  assert.notEqual(copy, text);
  assert.deepEqual(state.open(none, text), text);
  assert.equal(state.nonce, 0);
  assert.throws(() => state.rekey(), isCode("STATE"));
});

Deno.test("CipherState refuses other key sizes and nonces", () => {
  const suite = "chacha20-poly1305";
  for (const length of [0, 31, 33]) {
    assert.throws(
      () => new CipherState({ suite, key: new Uint8Array(length) }),
      isCode("INVALID_KEY"),
    );
  }
  const state = new CipherState({ suite, key });
  for (const nonce of [-1, 0.5, NaN, 2 ** 53]) {
    assert.throws(() => state.setNonce(nonce), isCode("INVALID_LENGTH"));
  }
});

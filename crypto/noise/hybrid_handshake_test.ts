/**
 * Handshakes with the modifier `hfs`: X25519 and ML-KEM-768 together.
 */
import assert from "node:assert/strict";
import { createCipheriv, createHash, createHmac } from "node:crypto";
import type { RandomSource } from "../../internal/random_source.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { CryptoError, type CryptoErrorCode } from "../error.ts";
import {
  ML_KEM_768,
  ML_KEM_CIPHERTEXT_LENGTH,
  ML_KEM_PUBLIC_KEY_LENGTH,
} from "../ml_kem.ts";
import { generateKeyPair, x25519 } from "../x25519.ts";
import { PATTERN_NAMES } from "./handshake_pattern.ts";
import { HandshakeState } from "./handshake_state.ts";

const SUITES = ["ChaChaPoly", "AESGCM"] as const;
const IK = "Noise_IKhfs_25519+MLKEM768_ChaChaPoly_SHA256";
const XX = "Noise_XXhfs_25519+MLKEM768_ChaChaPoly_SHA256";
const NN = "Noise_NNhfs_25519+MLKEM768_ChaChaPoly_SHA256";
const initiatorKeys = generateKeyPair(new SeededRandom(1));
const responderKeys = generateKeyPair(new SeededRandom(2));

const isCode = (code: CryptoErrorCode) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

/** Both ends, with the keys that the first two letters ask for. */
function ends(
  protocolName: string,
  randoms: readonly [RandomSource, RandomSource] = [
    new SeededRandom(10),
    new SeededRandom(20),
  ],
): [HandshakeState, HandshakeState] {
  const [initiator, responder] = protocolName.split("_")[1]!;
  const options = { protocolName, prologue: Uint8Array.of(9) };
  return [
    new HandshakeState({
      ...options,
      role: "initiator",
      random: randoms[0],
      staticPrivateKey: initiator === "N"
        ? undefined
        : initiatorKeys.privateKey,
      remoteStaticPublicKey: responder === "K"
        ? responderKeys.publicKey
        : undefined,
    }),
    new HandshakeState({
      ...options,
      role: "responder",
      random: randoms[1],
      staticPrivateKey: responder === "N"
        ? undefined
        : responderKeys.privateKey,
      remoteStaticPublicKey: initiator === "K"
        ? initiatorKeys.publicKey
        : undefined,
    }),
  ];
}

function complete(initiator: HandshakeState, responder: HandshakeState): void {
  let [writer, reader] = [initiator, responder];
  while (!initiator.isComplete) {
    const payload = Uint8Array.of(initiator.messageIndex);
    const length = writer.nextMessageLength(payload.length);
    const message = writer.writeMessage(payload);
    assert.equal(message.length, length);
    assert.deepEqual(reader.readMessage(message), payload);
    [writer, reader] = [reader, writer];
  }
}

for (const name of PATTERN_NAMES.filter((name) => name.length === 2)) {
  for (const cipher of SUITES) {
    Deno.test(`HandshakeState completes ${name}hfs with ${cipher}`, () => {
      const [initiator, responder] = ends(
        `Noise_${name}hfs_25519+MLKEM768_${cipher}_SHA256`,
      );
      complete(initiator, responder);
      assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
      const [ours, theirs] = [initiator.splitKeys(), responder.splitKeys()];
      assert.deepEqual(ours.send, theirs.receive);
      assert.deepEqual(ours.receive, theirs.send);
      assert.notDeepEqual(ours.send, ours.receive);
    });
  }
}

Deno.test("Hybrid messages have the sizes that docs/spec/crypto.md states", () => {
  const lengths = (protocolName: string): number[] => {
    const [initiator, responder] = ends(protocolName);
    let [writer, reader] = [initiator, responder];
    const found: number[] = [];
    while (!initiator.isComplete) {
      const message = writer.writeMessage();
      found.push(message.length);
      reader.readMessage(message);
      [writer, reader] = [reader, writer];
    }
    return found;
  };
  // e, sealed e1, sealed s, tag · e, sealed ekem1, tag
  assert.deepEqual(lengths(IK), [
    32 + (1184 + 16) + (32 + 16) + 16,
    32 + (1088 + 16) + 16,
  ]);
  // e, e1 in the clear · e, sealed ekem1, sealed s, tag · sealed s, tag
  assert.deepEqual(lengths(XX), [
    32 + 1184,
    32 + (1088 + 16) + (32 + 16) + 16,
    (32 + 16) + 16,
  ]);
});

/** SHA-256 and HKDF of the runtime, as Noise §4.3 defines their use. */
function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function hkdf2(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const hmac = (k: Uint8Array, ...parts: Uint8Array[]): Uint8Array => {
    const mac = createHmac("sha256", k);
    for (const part of parts) mac.update(part);
    return new Uint8Array(mac.digest());
  };
  const extracted = hmac(key, input);
  const first = hmac(extracted, Uint8Array.of(1));
  return [first, hmac(extracted, first, Uint8Array.of(2))];
}

/** ChaCha20-Poly1305 of the runtime. */
function seal(
  key: Uint8Array,
  counter: number,
  associatedData: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce[4] = counter;
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, {
    authTagLength: 16,
  });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  return new Uint8Array([
    ...cipher.update(plaintext),
    ...cipher.final(),
    ...cipher.getAuthTag(),
  ]);
}

/** Hands out what another source draws, and remembers it. */
class Recorder implements RandomSource {
  readonly drawn: Uint8Array[] = [];
  readonly #source: SeededRandom;
  constructor(seed: number) {
    this.#source = new SeededRandom(seed);
  }
  fillPublic(into: Uint8Array): void {
    this.#source.fillPublic(into);
  }
  fillSecret(into: Uint8Array): void {
    this.#source.fillSecret(into);
    this.drawn.push(into.slice());
  }
}

Deno.test("NNhfs is, step by step, what the tokens say, computed apart", () => {
  const [first, second] = [new Recorder(31), new Recorder(32)];
  const [initiator, responder] = ends(NN, [first, second]);
  const one = initiator.writeMessage(Uint8Array.of(7));
  responder.readMessage(one);
  const two = responder.writeMessage(Uint8Array.of(8));
  initiator.readMessage(two);

  // The initiator draws its X25519 key and the seed of its ML-KEM key, the
  // responder its X25519 key and the message of the encapsulation.
  const [e, kemSeed] = first.drawn as [Uint8Array, Uint8Array];
  const [re, m] = second.drawn as [Uint8Array, Uint8Array];
  assert.deepEqual([e.length, kemSeed.length], [32, 64]);
  assert.deepEqual([re.length, m.length], [32, 32]);
  const give = (bytes: Uint8Array): RandomSource => ({
    fillPublic: (into) => into.set(bytes),
    fillSecret: (into) => into.set(bytes),
  });
  const kem = ML_KEM_768.generateKey(give(kemSeed));
  const { ciphertext, sharedSecret } = ML_KEM_768.encapsulate(
    kem.publicKey,
    give(m),
  );
  const nine = new Uint8Array(32);
  nine[0] = 9;
  const ePublic = x25519(e, nine);
  const rePublic = x25519(re, nine);

  // -> e, e1, payload: all in the clear, all hashed.
  let h = sha256(new TextEncoder().encode(NN));
  let ck = h;
  h = sha256(h, Uint8Array.of(9));
  h = sha256(h, ePublic);
  h = sha256(h, kem.publicKey);
  h = sha256(h, Uint8Array.of(7));
  assert.deepEqual(
    one,
    new Uint8Array([...ePublic, ...kem.publicKey, 7]),
  );

  // <- e, ee, ekem1, payload
  h = sha256(h, rePublic);
  let key: Uint8Array;
  [ck, key] = hkdf2(ck, x25519(re, ePublic));
  const sealedSecret = seal(key, 0, h, ciphertext);
  h = sha256(h, sealedSecret);
  [ck, key] = hkdf2(ck, sharedSecret);
  const sealedPayload = seal(key, 0, h, Uint8Array.of(8));
  h = sha256(h, sealedPayload);
  assert.deepEqual(
    two,
    new Uint8Array([...rePublic, ...sealedSecret, ...sealedPayload]),
  );
  assert.deepEqual(initiator.handshakeHash, h);
  const [send, receive] = hkdf2(ck, new Uint8Array());
  assert.deepEqual(initiator.splitKeys(), { send, receive });
});

Deno.test("The same seeds repeat a hybrid handshake byte for byte", () => {
  const run = (): Uint8Array => {
    const [initiator, responder] = ends(IK);
    complete(initiator, responder);
    return initiator.handshakeHash;
  };
  assert.deepEqual(run(), run());
});

for (const protocolName of [IK, XX]) {
  const name = protocolName.split("_")[1];

  Deno.test(`${name}: no changed byte of a message is accepted, and the genuine one still is`, () => {
    const [initiator, responder] = ends(protocolName);
    let [writer, reader] = [initiator, responder];
    while (!initiator.isComplete) {
      const message = writer.writeMessage(Uint8Array.of(1, 2, 3));
      // The first message of XX is in the clear: what was changed there shows
      // in the second.
      const isClear = protocolName === XX && writer.messageIndex === 1;
      for (let at = 0; at < message.length && !isClear; at += 31) {
        const changed = message.slice();
        changed[at]! ^= 1;
        assert.throws(() => reader.readMessage(changed), CryptoError);
      }
      assert.deepEqual(reader.readMessage(message), Uint8Array.of(1, 2, 3));
      [writer, reader] = [reader, writer];
    }
    assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
  });

  Deno.test(`${name}: a message of any shorter length is refused`, () => {
    const [initiator, responder] = ends(protocolName);
    const message = initiator.writeMessage();
    for (let length = 0; length < message.length; length += 13) {
      assert.throws(
        () => responder.readMessage(message.subarray(0, length)),
        isCode("INVALID_LENGTH"),
      );
    }
    responder.readMessage(message);
  });
}

Deno.test("XXhfs: a KEM key that was changed on the way fails the second message", () => {
  const [initiator, responder] = ends(XX);
  const message = initiator.writeMessage();
  // The last 32 bytes of a public key are a seed: any value is a key.
  message[32 + ML_KEM_PUBLIC_KEY_LENGTH - 1]! ^= 1;
  responder.readMessage(message);
  const answer = responder.writeMessage();
  assert.throws(
    () => initiator.readMessage(answer),
    isCode("HANDSHAKE_FAILED"),
  );
});

Deno.test("XXhfs: a KEM key out of range is refused when the secret is made, and the state stays", () => {
  const [initiator, responder] = ends(XX);
  const message = initiator.writeMessage();
  message[32] = 0xff;
  message[33] = 0xff;
  responder.readMessage(message);
  assert.throws(() => responder.writeMessage(), isCode("INVALID_KEY"));
  assert.throws(() => responder.writeMessage(), isCode("INVALID_KEY"));
  assert.equal(responder.messageIndex, 1);
});

Deno.test("A secret that was encapsulated for another KEM key fails what follows it", () => {
  // A responder that holds the right X25519 keys, and another KEM key: the
  // first message that it read differs in nothing but e1.
  const [initiator] = ends(NN);
  const [other, responder] = ends(NN, [
    new SeededRandom(99),
    new SeededRandom(20),
  ]);
  const genuine = initiator.writeMessage();
  const mixed = other.writeMessage();
  mixed.set(genuine.subarray(0, 32));
  responder.readMessage(mixed);
  const answer = responder.writeMessage();
  assert.equal(answer.length, 32 + ML_KEM_CIPHERTEXT_LENGTH + 16 + 16);
  assert.throws(
    () => initiator.readMessage(answer),
    isCode("HANDSHAKE_FAILED"),
  );
  assert.equal(initiator.messageIndex, 1);
});

Deno.test("A hybrid handshake needs a random source for its KEM, also beside a test key", () => {
  for (const role of ["initiator", "responder"] as const) {
    assert.throws(
      () =>
        new HandshakeState({
          protocolName: NN,
          role,
          testEphemeralPrivateKey: new Uint8Array(32).fill(1),
        }),
      isCode("STATE"),
    );
  }
});

Deno.test("A wiped hybrid handshake reads and writes nothing more", () => {
  const [initiator, responder] = ends(IK);
  responder.readMessage(initiator.writeMessage());
  const answer = responder.writeMessage();
  initiator.wipe();
  assert.throws(() => initiator.readMessage(answer), isCode("STATE"));
});

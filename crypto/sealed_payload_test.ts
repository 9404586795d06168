import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { aead } from "./aead.ts";
import { CryptoError, type CryptoErrorCode } from "./error.ts";
import { sha256 } from "./hash.ts";
import { HandshakeState } from "./noise/handshake_state.ts";
import {
  MAX_SEAL_PLAINTEXT_LENGTH,
  MAX_SEAL_RECIPIENTS,
  openPayload,
  sealedPayloadLength,
  sealPayload,
} from "./sealed_payload.ts";
import { generateKeyPair } from "./x25519.ts";

const random = new SeededRandom(1);
const [alice, bob, carol] = [1, 2, 3].map(() => generateKeyPair(random)) as [
  ReturnType<typeof generateKeyPair>,
  ReturnType<typeof generateKeyPair>,
  ReturnType<typeof generateKeyPair>,
];
const text = new TextEncoder();
const plaintext = text.encode("meet at noon");

const isCode = (code: CryptoErrorCode) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

Deno.test("openPayload() gives each recipient the plaintext, and nobody else", () => {
  const recipients = [alice.publicKey, bob.publicKey];
  const sealed = sealPayload({ recipients, random }, plaintext);
  for (const recipient of [alice, bob]) {
    assert.deepEqual(openPayload({ recipient }, sealed), { plaintext });
  }
  assert.equal(openPayload({ recipient: carol }, sealed), undefined);
});

Deno.test("openPayload() proves who the sender is", () => {
  const recipients = [alice.publicKey, bob.publicKey];
  const sealed = sealPayload({ recipients, sender: carol, random }, plaintext);
  for (const recipient of [alice, bob]) {
    assert.deepEqual(openPayload({ recipient }, sealed), {
      plaintext,
      sender: carol.publicKey,
    });
  }
});

Deno.test("openPayload() needs the same associated data", () => {
  const associatedData = Uint8Array.of(1, 2, 3);
  const sealed = sealPayload(
    { recipients: [bob.publicKey], associatedData, random },
    plaintext,
  );
  const open = (associatedData?: Uint8Array) =>
    openPayload({ recipient: bob, associatedData }, sealed);
  assert.deepEqual(open(associatedData), { plaintext });
  assert.equal(open(), undefined);
  assert.equal(open(Uint8Array.of(1, 2, 4)), undefined);
});

for (const sender of [undefined, carol]) {
  const kind = sender ? "known" : "anonymous";

  Deno.test(`openPayload() refuses every flipped bit and every cut: ${kind} sender`, () => {
    const sealed = sealPayload(
      { recipients: [bob.publicKey], sender, random },
      Uint8Array.of(1, 2),
    );
    const size = { recipientCount: 1, hasSender: sender !== undefined };
    assert.equal(sealed.length, sealedPayloadLength(size, 2));
    for (let at = 0; at < sealed.length; at++) {
      const bad = sealed.slice();
      bad[at]! ^= 1 << (at & 7);
      assert.equal(openPayload({ recipient: bob }, bad), undefined);
      const cut = sealed.subarray(0, at);
      assert.equal(openPayload({ recipient: bob }, cut), undefined);
    }
    const longer = new Uint8Array(sealed.length + 1);
    longer.set(sealed);
    assert.equal(openPayload({ recipient: bob }, longer), undefined);
  });

  Deno.test(`sealPayload() lays its bytes out as documented: ${kind} sender`, () => {
    const associatedData = Uint8Array.of(7);
    const sealed = sealPayload(
      { recipients: [bob.publicKey], sender, associatedData, random },
      plaintext,
    );
    const messageLength = sender ? 160 : 112;
    assert.deepEqual([...sealed.subarray(0, 3)], [1, sender ? 2 : 1, 1]);
    const message = sealed.subarray(13, 13 + messageLength);
    const ephemeral = message.subarray(0, 32);
    const hint = sha256(text.encode("mxp seal hint"), ephemeral, bob.publicKey);
    assert.deepEqual(sealed.subarray(3, 11), hint.subarray(0, 8));
    assert.equal(sealed[11]! | sealed[12]! << 8, messageLength);
    const digest = sha256(associatedData);
    const handshake = new HandshakeState({
      protocolName: `Noise_${sender ? "X" : "N"}_25519_ChaChaPoly_SHA256`,
      role: "responder",
      prologue: Uint8Array.from([
        ...text.encode("mxp sealed payload v1"),
        ...digest,
      ]),
      staticPrivateKey: bob.privateKey,
    });
    const capsule = handshake.readMessage(message);
    const body = sealed.subarray(13 + messageLength);
    assert.equal(capsule.length, 64);
    assert.deepEqual(capsule.subarray(32), sha256(body));
    const opened = aead("chacha20-poly1305").open(
      capsule.subarray(0, 32),
      new Uint8Array(12),
      Uint8Array.from([...sealed.subarray(0, 3), ...digest]),
      body,
    );
    assert.deepEqual(opened, plaintext);
  });
}

Deno.test("openPayload() does not let a recipient put words in the sender's mouth", () => {
  const sealed = sealPayload({
    recipients: [alice.publicKey, bob.publicKey],
    sender: carol,
    random,
  }, plaintext);
  // Alice learns the content key and seals other words for Bob under it.
  const entry = 10 + 160;
  const handshake = new HandshakeState({
    protocolName: "Noise_X_25519_ChaChaPoly_SHA256",
    role: "responder",
    prologue: Uint8Array.from([
      ...text.encode("mxp sealed payload v1"),
      ...sha256(),
    ]),
    staticPrivateKey: alice.privateKey,
  });
  const capsule = handshake.readMessage(sealed.subarray(13, 3 + entry));
  const forged = sealed.slice();
  const body = aead("chacha20-poly1305").seal(
    capsule.subarray(0, 32),
    new Uint8Array(12),
    Uint8Array.from([...sealed.subarray(0, 3), ...sha256()]),
    text.encode("meet at nine"),
  );
  forged.set(body, 3 + 2 * entry);
  assert.equal(openPayload({ recipient: bob }, forged), undefined);
});

Deno.test("openPayload() is the inverse of sealPayload()", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 500 }),
      fc.uint8Array({ maxLength: 50 }),
      fc.boolean(),
      (plaintext, associatedData, isSigned) => {
        const sender = isSigned ? carol : undefined;
        const sealed = sealPayload(
          { recipients: [bob.publicKey], sender, associatedData, random },
          plaintext,
        );
        const opened = openPayload({ recipient: bob, associatedData }, sealed);
        assert.deepEqual(opened?.plaintext, plaintext);
        assert.deepEqual(opened?.sender, sender?.publicKey);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("openPayload() returns undefined for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    assert.equal(openPayload({ recipient: bob }, bytes), undefined);
    const closer = Uint8Array.from([1, 1, 1, ...bytes]);
    assert.equal(openPayload({ recipient: bob }, closer), undefined);
  }));
});

Deno.test("sealPayload() never seals twice alike", () => {
  const options = { recipients: [bob.publicKey], random };
  const [first, second] = [
    sealPayload(options, plaintext),
    sealPayload(options, plaintext),
  ];
  const bodyAt = first.length - plaintext.length - 16;
  assert.notDeepEqual(first.subarray(3, 11), second.subarray(3, 11));
  assert.notDeepEqual(first.subarray(bodyAt), second.subarray(bodyAt));
});

Deno.test("sealPayload() refuses too many recipients, bytes and bad keys", () => {
  const many = Array.from(
    { length: MAX_SEAL_RECIPIENTS + 1 },
    () => bob.publicKey,
  );
  for (const recipients of [[], many]) {
    assert.throws(
      () => sealPayload({ recipients, random }, plaintext),
      isCode("INVALID_LENGTH"),
    );
  }
  const most = sealPayload({ recipients: many.slice(1), random }, plaintext);
  assert.deepEqual(openPayload({ recipient: bob }, most), { plaintext });
  assert.throws(
    () =>
      sealPayload(
        { recipients: [bob.publicKey], random },
        new Uint8Array(MAX_SEAL_PLAINTEXT_LENGTH + 1),
      ),
    isCode("INVALID_LENGTH"),
  );
  assert.throws(
    () => sealPayload({ recipients: [new Uint8Array(31)], random }, plaintext),
    isCode("INVALID_KEY"),
  );
  assert.throws(
    () => sealPayload({ recipients: [new Uint8Array(32)], random }, plaintext),
    isCode("WEAK_PUBLIC_KEY"),
  );
  assert.throws(
    () =>
      openPayload({ recipient: { ...bob, publicKey: plaintext } }, plaintext),
    isCode("INVALID_KEY"),
  );
});

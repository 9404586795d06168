import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHex, toHex } from "../tests/support/vectors.ts";
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
import { generateKeyPair, publicKeyOf } from "./x25519.ts";

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

Deno.test("sealPayload() seals for nobody but public keys, and says whose fault another thing is", () => {
  const notKey = "Seal: each recipient must be a public key of 32 bytes";
  const notArray = "Seal: recipients must be an array of public keys";
  const wrong: [unknown, CryptoErrorCode, string][] = [
    [["abcdefghijklmnopqrstuvwxyz123456"], "INVALID_KEY", notKey],
    [["llm"], "INVALID_KEY", notKey],
    [[bob.publicKey, undefined], "INVALID_KEY", notKey],
    [new Array(1), "INVALID_KEY", notKey],
    [[[...bob.publicKey]], "INVALID_KEY", notKey],
    [bob.publicKey, "INVALID_KEY", notArray],
    [null, "INVALID_KEY", notArray],
    [
      [new Uint8Array(32)],
      "WEAK_PUBLIC_KEY",
      "Seal: a recipient is nobody's key, a point of small order",
    ],
  ];
  for (const [recipients, code, message] of wrong) {
    assert.throws(
      () =>
        sealPayload(
          { recipients: recipients as Uint8Array[], random },
          plaintext,
        ),
      { name: "CryptoError", code, fault: "caller", message },
    );
  }
});

/**
 * Made by an implementation of the specification in another language, over
 * other primitives: recipient's private key 11…, sender's 22…, content key
 * 33…, ephemeral key 44…, associated data "header", plaintext "hello".
 */
const VECTORS = {
  anonymous:
    "010101de28c997eac254107000ff2ee45601ec1b67310c7790404585ae697331" +
    "eee1c1f8cf2419731c1fff3e6befb21af5cbb0618a79abd1b1eebe92af9daab1" +
    "20fad0523816ee3829e20ed55b3bbe8c5a14ea7554343988482e76f37468e588" +
    "c8de2d5bf0883adce302ddeba749de7c7b6b8e563ee170d31c44707fbcbfa9e5" +
    "26368ffe514d880a9a3e90de0c3422f2a0ca",
  known: "010201de28c997eac25410a000ff2ee45601ec1b67310c7790404585ae697331" +
    "eee1c1f8cf2419731c1fff3e6b0f668cd1f7dd7b6a4f195eb4b81abd62032907" +
    "ee60b1614bb6b5e840e3116f46eb120d2b1ab29e3c73950c7800e5a9c747c2ea" +
    "439158711092aae0cd8cc79d61009b29af225d572430b1e42cd4e863e0ef120c" +
    "e95315e68bc3e4745fde81b4037a5c0dceaebf4c4aa47e66f035c8e09257b090" +
    "90f3e0c549b92bcd27f4c2514ebfa9e52636c46ccc7f3df7eac0cf32ab3b9445" +
    "4689",
};

for (const kind of ["anonymous", "known"] as const) {
  Deno.test(`sealPayload() gives the bytes of the specification: ${kind} sender`, () => {
    const pair = (byte: number) => {
      const privateKey = new Uint8Array(32).fill(byte);
      return { privateKey, publicKey: publicKeyOf(privateKey) };
    };
    const recipient = pair(0x11);
    const sender = kind === "known" ? pair(0x22) : undefined;
    const associatedData = text.encode("header");
    // Draws the content key first, then the recipient's ephemeral key.
    let next = 0x33;
    const draws = {
      fillPublic: (into: Uint8Array) => void into.fill(0),
      fillSecret: (into: Uint8Array) => {
        into.fill(next);
        next += 0x11;
      },
    };
    const recipients = [recipient.publicKey];
    const sealed = sealPayload(
      { recipients, sender, associatedData, random: draws },
      text.encode("hello"),
    );
    assert.equal(toHex(sealed), VECTORS[kind]);
    const opened = openPayload(
      { recipient, associatedData },
      fromHex(VECTORS[kind]),
    );
    assert.deepEqual(opened?.plaintext, text.encode("hello"));
    assert.deepEqual(opened?.sender, sender?.publicKey);
  });
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { fromHex, testVectors, toHex } from "../../tests/support/vectors.ts";
import { CryptoError, type CryptoErrorCode } from "../error.ts";
import type { ProviderName } from "../provider/provider.ts";
import { defaultProvider } from "../provider/select.ts";
import { generateKeyPair, importAgreementKey, publicKeyOf } from "../x25519.ts";
import { handshakePattern, PATTERN_NAMES } from "./handshake_pattern.ts";
import {
  type HandshakeOptions,
  type HandshakeRole,
  MAX_NOISE_MESSAGE_LENGTH,
} from "./handshake_options.ts";
import { HandshakeState } from "./handshake_state.ts";

const IK = "Noise_IK_25519_ChaChaPoly_SHA256";
const XX = "Noise_XX_25519_ChaChaPoly_SHA256";
const none = new Uint8Array();
const initiatorKeys = generateKeyPair(new SeededRandom(1));
const responderKeys = generateKeyPair(new SeededRandom(2));
const strangerKeys = generateKeyPair(new SeededRandom(3));

const isCode = (code: CryptoErrorCode) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

/** One end, with exactly the keys that the pattern wants. */
function end(
  protocolName: string,
  role: HandshakeRole,
  changes: Partial<HandshakeOptions> = {},
): HandshakeState {
  const pattern = handshakePattern(protocolName.split("_")[1]!);
  const isInitiator = role === "initiator";
  const sends = (parity: number) =>
    pattern.messages.some((tokens, index) =>
      index % 2 === parity && tokens.includes("s")
    );
  const mine = isInitiator
    ? pattern.isInitiatorStaticKnown || sends(0)
    : pattern.isResponderStaticKnown || sends(1);
  const isPeerKnown = isInitiator
    ? pattern.isResponderStaticKnown
    : pattern.isInitiatorStaticKnown;
  const [own, peer] = isInitiator
    ? [initiatorKeys, responderKeys]
    : [responderKeys, initiatorKeys];
  const pskTokens = pattern.messages.flat().filter((token) => token === "psk");
  return new HandshakeState({
    protocolName,
    role,
    staticPrivateKey: mine ? own.privateKey : undefined,
    remoteStaticPublicKey: isPeerKnown ? peer.publicKey : undefined,
    psks: pskTokens.map((_, index) => new Uint8Array(32).fill(index + 1)),
    random: new SeededRandom(isInitiator ? 10 : 20),
    ...changes,
  });
}

Deno.test("HandshakeState takes an ephemeral key that was made ahead, and makes one where there is none", () => {
  const ahead = new SeededRandom(99).nextBytes(32);
  const keys = [importAgreementKey(ahead)];
  const ephemeralKeys = { take: () => keys.pop() };
  const first = end(IK, "initiator", { ephemeralKeys });
  const responder = end(IK, "responder", { ephemeralKeys });
  const hello = first.writeMessage();
  assert.deepEqual(hello.subarray(0, 32), publicKeyOf(ahead));
  responder.readMessage(hello);
  const answer = responder.writeMessage();
  first.readMessage(answer);
  assert.deepEqual(first.handshakeHash, responder.handshakeHash);
  const second = end(IK, "initiator", { ephemeralKeys }).writeMessage();
  assert.notDeepEqual(second.subarray(0, 32), publicKeyOf(ahead));
});

Deno.test("HandshakeState.wipe() wipes a key that was made ahead with its own", () => {
  const key = importAgreementKey(new SeededRandom(99).nextBytes(32));
  const initiator = end(IK, "initiator", {
    ephemeralKeys: { take: () => key },
  });
  initiator.writeMessage();
  initiator.wipe();
  assert.throws(() => key.agree(responderKeys.publicKey), isCode("STATE"));
});

/** Exchanges all messages, each with a payload of its index. */
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
  assert(responder.isComplete);
}

interface Vector {
  protocol_name: string;
  init_prologue: string;
  resp_prologue: string;
  init_static?: string;
  resp_static?: string;
  init_remote_static?: string;
  resp_remote_static?: string;
  init_ephemeral?: string;
  resp_ephemeral?: string;
  init_psks?: string[];
  resp_psks?: string[];
  handshake_hash?: string;
  messages: { payload: string; ciphertext: string }[];
}

function fromVector(
  vector: Vector,
  side: "init" | "resp",
  provider: ProviderName | undefined,
): HandshakeState {
  const key = (text: string | undefined) =>
    text === undefined ? undefined : fromHex(text);
  return new HandshakeState({
    protocolName: vector.protocol_name,
    role: side === "init" ? "initiator" : "responder",
    prologue: fromHex(vector[`${side}_prologue`]),
    staticPrivateKey: key(vector[`${side}_static`]),
    remoteStaticPublicKey: key(vector[`${side}_remote_static`]),
    testEphemeralPrivateKey: key(vector[`${side}_ephemeral`]),
    psks: vector[`${side}_psks`]?.map(fromHex),
    provider,
  });
}

/** By name only what is there: `deno task test:portable` has nothing native. */
const PROVIDERS: ReadonlySet<ProviderName | undefined> = new Set([
  undefined,
  defaultProvider("x25519"),
  "portable",
]);

for (const provider of PROVIDERS) {
  testVectors<{ vectors: Vector[] }>(
    `HandshakeState passes the published vectors: ${provider ?? "by default"}`,
    "noise.json",
    ({ vectors }) => {
      for (const vector of vectors) {
        const initiator = fromVector(vector, "init", provider);
        const responder = fromVector(vector, "resp", provider);
        let [writer, reader] = [initiator, responder];
        let index = 0;
        for (; !initiator.isComplete; index++) {
          const { payload, ciphertext } = vector.messages[index]!;
          const message = writer.writeMessage(fromHex(payload));
          assert.equal(toHex(message), ciphertext);
          assert.equal(toHex(reader.readMessage(message)), payload);
          [writer, reader] = [reader, writer];
        }
        if (vector.handshake_hash) {
          assert.equal(toHex(initiator.handshakeHash), vector.handshake_hash);
        }
        const [ours, theirs] = [initiator.split(), responder.split()];
        for (; index < vector.messages.length; index++) {
          const { payload, ciphertext } = vector.messages[index]!;
          const isOurs = index % 2 === 0;
          const sealed = (isOurs ? ours : theirs).send
            .seal(none, fromHex(payload));
          assert.equal(toHex(sealed), ciphertext);
          const opened = (isOurs ? theirs : ours).receive.open(none, sealed);
          assert.equal(toHex(opened!), payload);
        }
      }
    },
  );
}

const MODIFIERS = ["", "psk0", "psk1", "psk0+psk1"];
for (const base of PATTERN_NAMES) {
  Deno.test(`HandshakeState completes ${base}, also with pre-shared keys`, () => {
    const last = `psk${handshakePattern(base).messages.length}`;
    for (const modifier of new Set([...MODIFIERS, last])) {
      const name = `Noise_${base}${modifier}_25519_ChaChaPoly_SHA256`;
      const initiator = end(name, "initiator");
      // Each provider must understand the other.
      const responder = end(name, "responder", { provider: "portable" });
      complete(initiator, responder);
      assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
      const [ours, theirs] = [initiator.splitKeys(), responder.splitKeys()];
      assert.deepEqual(ours.send, theirs.receive);
      assert.deepEqual(ours.receive, theirs.send);
      assert.notDeepEqual(ours.send, ours.receive);
    }
  });
}

for (const suite of ["ChaChaPoly", "AESGCM"]) {
  for (const hash of ["SHA256", "SHA512", "BLAKE2s", "BLAKE2b"]) {
    Deno.test(`HandshakeState completes with ${suite} and ${hash}`, () => {
      const name = `Noise_XXpsk3_25519_${suite}_${hash}`;
      const [initiator, responder] = [
        end(name, "initiator"),
        end(name, "responder"),
      ];
      complete(initiator, responder);
      const sealed = responder.split().send.seal(none, Uint8Array.of(5));
      assert.deepEqual(
        initiator.split().receive.open(none, sealed),
        Uint8Array.of(5),
      );
    });
  }
}

Deno.test("HandshakeState tells each end the other's static key, once known", () => {
  const [initiator, responder] = [end(XX, "initiator"), end(XX, "responder")];
  assert.equal(initiator.remoteStaticPublicKey, undefined);
  responder.readMessage(initiator.writeMessage());
  assert.equal(responder.remoteStaticPublicKey, undefined);
  initiator.readMessage(responder.writeMessage());
  assert.deepEqual(initiator.remoteStaticPublicKey, responderKeys.publicKey);
  assert.equal(responder.remoteStaticPublicKey, undefined);
  responder.readMessage(initiator.writeMessage());
  assert.deepEqual(responder.remoteStaticPublicKey, initiatorKeys.publicKey);
  assert.deepEqual(
    end(IK, "initiator").remoteStaticPublicKey,
    responderKeys.publicKey,
  );
});

Deno.test("HandshakeState refuses calls out of order with STATE", () => {
  const [initiator, responder] = [end(IK, "initiator"), end(IK, "responder")];
  const isState = isCode("STATE");
  assert(initiator.isWriter);
  assert(!responder.isWriter);
  assert.throws(() => responder.writeMessage(), isState);
  assert.throws(() => initiator.readMessage(new Uint8Array(96)), isState);
  assert.throws(() => initiator.split(), isState);
  const hello = initiator.writeMessage();
  assert.throws(() => initiator.writeMessage(), isState);
  assert.throws(() => initiator.splitKeys(), isState);
  responder.readMessage(hello);
  assert.throws(() => responder.readMessage(hello), isState);
  initiator.readMessage(responder.writeMessage());
  for (const one of [initiator, responder]) {
    assert(one.isComplete);
    assert(!one.isWriter);
    assert.throws(() => one.writeMessage(), isState);
    assert.throws(() => one.readMessage(hello), isState);
    assert.throws(() => one.nextMessageLength(0), isState);
    one.wipe();
    assert.throws(() => one.split(), isState);
    assert.throws(() => one.splitKeys(), isState);
  }
});

for (const name of [IK, XX, "Noise_NNpsk2_25519_AESGCM_SHA256"]) {
  Deno.test(`HandshakeState drops every damaged message and goes on: ${name}`, () => {
    const [initiator, responder] = [
      end(name, "initiator"),
      end(name, "responder"),
    ];
    const random = new SeededRandom(4);
    let [writer, reader] = [initiator, responder];
    while (!initiator.isComplete) {
      const message = writer.writeMessage(Uint8Array.of(1, 2, 3));
      const hash = reader.handshakeHash;
      const refuses = (bytes: Uint8Array): void => {
        assert.throws(
          () => reader.readMessage(bytes),
          (error) =>
            isCode("HANDSHAKE_FAILED")(error) ||
            isCode("INVALID_LENGTH")(error) || isCode("WEAK_PUBLIC_KEY")(error),
        );
        assert.deepEqual(reader.handshakeHash, hash);
      };
      for (let length = 0; length < message.length; length += 7) {
        // A message that encrypts nothing yet can be cut without a trace.
        if (length >= reader.nextMessageLength(0) && isClear(message)) break;
        refuses(message.subarray(0, length));
      }
      if (!isClear(message)) {
        for (let tries = 0; tries < 12; tries++) {
          const bad = message.slice();
          const bit = random.nextInteger(bad.length * 8);
          // X25519 ignores the top bit of a public key, but the hash does not.
          bad[bit >> 3]! ^= 1 << (bit & 7);
          refuses(bad);
        }
      }
      assert.deepEqual(reader.readMessage(message), Uint8Array.of(1, 2, 3));
      [writer, reader] = [reader, writer];
    }
    assert.deepEqual(
      initiator.splitKeys().send,
      responder.splitKeys().receive,
    );

    function isClear(message: Uint8Array): boolean {
      return message.length === 32 + 3;
    }
  });
}

Deno.test("HandshakeState.readMessage() throws its own errors for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(
        () => end(IK, "responder").readMessage(bytes),
        (error) => error instanceof CryptoError && error.fault === "peer",
      );
    }),
    { numRuns: 30 },
  );
});

Deno.test("HandshakeState refuses weak ephemeral keys", () => {
  const responder = end(IK, "responder");
  assert.throws(
    () => responder.readMessage(new Uint8Array(96)),
    isCode("WEAK_PUBLIC_KEY"),
  );
  complete(end(IK, "initiator"), responder);
});

Deno.test("HandshakeState fails when prologue, key or psk differ", () => {
  const psk = "Noise_IKpsk1_25519_ChaChaPoly_SHA256";
  const cases: [HandshakeState, HandshakeState][] = [
    [
      end(IK, "initiator", { prologue: Uint8Array.of(1) }),
      end(IK, "responder"),
    ],
    [
      end(IK, "initiator", { remoteStaticPublicKey: strangerKeys.publicKey }),
      end(IK, "responder"),
    ],
    [
      end(psk, "initiator", { psks: [new Uint8Array(32)] }),
      end(psk, "responder"),
    ],
    [
      end(IK, "initiator"),
      end(IK.replace("ChaChaPoly", "AESGCM"), "responder"),
    ],
  ];
  for (const [initiator, responder] of cases) {
    const hello = initiator.writeMessage();
    assert.throws(
      () => responder.readMessage(hello),
      isCode("HANDSHAKE_FAILED"),
    );
    assert.equal(responder.messageIndex, 0);
  }
});

Deno.test("HandshakeState holds a peer that sends its key to the expected one", () => {
  const pinned = (publicKey: Uint8Array): HandshakeState =>
    end(XX, "initiator", { remoteStaticPublicKey: publicKey });
  complete(pinned(responderKeys.publicKey), end(XX, "responder"));
  const initiator = pinned(strangerKeys.publicKey);
  assert.equal(initiator.remoteStaticPublicKey, undefined);
  const responder = end(XX, "responder");
  responder.readMessage(initiator.writeMessage());
  const reply = responder.writeMessage();
  assert.throws(
    () => initiator.readMessage(reply),
    isCode("HANDSHAKE_FAILED"),
  );
  assert.equal(initiator.remoteStaticPublicKey, undefined);
});

Deno.test("HandshakeState bounds its messages at 65,535 bytes", () => {
  const overhead = end(IK, "initiator").nextMessageLength(0);
  const most = MAX_NOISE_MESSAGE_LENGTH - overhead;
  const initiator = end(IK, "initiator");
  assert.throws(
    () => initiator.writeMessage(new Uint8Array(most + 1)),
    isCode("INVALID_LENGTH"),
  );
  const message = initiator.writeMessage(new Uint8Array(most));
  assert.equal(message.length, MAX_NOISE_MESSAGE_LENGTH);
  const responder = end(IK, "responder");
  assert.throws(
    () => responder.readMessage(new Uint8Array(MAX_NOISE_MESSAGE_LENGTH + 1)),
    isCode("INVALID_LENGTH"),
  );
  assert.equal(responder.readMessage(message).length, most);
});

Deno.test("new HandshakeState() says which key is missing or wrong", () => {
  const key = initiatorKeys.privateKey;
  const random = new SeededRandom(5);
  const base = { protocolName: IK, role: "initiator", random } as const;
  const remote = { remoteStaticPublicKey: responderKeys.publicKey };
  const short = new Uint8Array(31);
  const wrong: [Partial<HandshakeOptions>, CryptoErrorCode][] = [
    [{ ...remote }, "INVALID_KEY"],
    [{ staticPrivateKey: key }, "INVALID_KEY"],
    [{ ...remote, staticPrivateKey: short }, "INVALID_KEY"],
    [{ staticPrivateKey: key, remoteStaticPublicKey: short }, "INVALID_KEY"],
    [{
      staticPrivateKey: key,
      remoteStaticPublicKey: "x".repeat(32) as unknown as Uint8Array,
    }, "INVALID_KEY"],
    [{ ...remote, staticPrivateKey: key, psks: [key] }, "INVALID_KEY"],
    [{
      ...remote,
      staticPrivateKey: key,
      protocolName: IK.replace("IK", "IKpsk2"),
      psks: [short],
    }, "INVALID_KEY"],
    [{
      ...remote,
      staticPrivateKey: key,
      testEphemeralPrivateKey: short,
    }, "INVALID_KEY"],
    [{ ...remote, staticPrivateKey: key, random: undefined }, "STATE"],
    [{ ...remote, protocolName: IK.replace("IK", "NN") }, "INVALID_KEY"],
    [{ ...remote, protocolName: "Noise_IK" }, "UNSUPPORTED_PROTOCOL"],
  ];
  for (const [changes, code] of wrong) {
    assert.throws(
      () => new HandshakeState({ ...base, ...changes }),
      isCode(code),
    );
  }
});

Deno.test("HandshakeState draws a fresh ephemeral key for each handshake", () => {
  const random = new SeededRandom(6);
  const first = end(IK, "initiator", { random }).writeMessage();
  const second = end(IK, "initiator", { random }).writeMessage();
  assert.notDeepEqual(first.subarray(0, 32), second.subarray(0, 32));
  const repeated = end(IK, "initiator", { random: new SeededRandom(6) });
  assert.deepEqual(repeated.writeMessage(), first);
});

Deno.test("HandshakeState uses the test ephemeral key as it is", () => {
  const privateKey = new Uint8Array(32).fill(8);
  const hello = end(IK, "initiator", { testEphemeralPrivateKey: privateKey })
    .writeMessage();
  assert.deepEqual(hello.subarray(0, 32), publicKeyOf(privateKey));
});

import assert from "node:assert/strict";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { CryptoError } from "./error.ts";
import { HandshakeState } from "./noise/handshake_state.ts";
import { StaticKey } from "./static_key.ts";
import { generateKeyPair, x25519 } from "./x25519.ts";

const random = new SeededRandom(4);
const own = generateKeyPair(random);
const peers = Array.from({ length: 4 }, () => generateKeyPair(random));
const isCode = (code: string) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

Deno.test("StaticKey agrees as the private key does, remembered or not", () => {
  const key = new StaticKey(own.privateKey);
  assert.deepEqual(key.publicKey, own.publicKey);
  for (const { publicKey } of peers) {
    const expected = x25519(own.privateKey, publicKey);
    assert.deepEqual(key.agree(publicKey), expected);
    const secret = key.agreeStatic(publicKey);
    assert.deepEqual(secret, expected);
    key.remember(publicKey, secret);
    // The caller's own: a handshake wipes what it was given.
    secret.fill(0);
    const again = key.agreeStatic(publicKey);
    assert.deepEqual(again, expected);
    again.fill(0);
    assert.deepEqual(key.agreeStatic(publicKey), expected);
  }
  assert.equal(key.rememberedCount, peers.length);
});

Deno.test("StaticKey.remember() keeps what it computed first, and gives up the peer used longest ago", () => {
  const key = new StaticKey(own.privateKey, { maxRememberedPeers: 2 });
  const [first, second, third] = peers.map(({ publicKey }) => publicKey);
  const mark = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  key.remember(first!, mark(1));
  key.remember(second!, mark(2));
  key.remember(first!, mark(9));
  assert.deepEqual(key.agreeStatic(first!), mark(1));
  key.remember(third!, mark(3));
  assert.equal(key.rememberedCount, 2);
  assert.deepEqual(key.agreeStatic(first!), mark(1));
  assert.deepEqual(key.agreeStatic(third!), mark(3));
  assert.deepEqual(
    key.agreeStatic(second!),
    x25519(own.privateKey, second!),
    "the second was forgotten, and is computed again",
  );
});

Deno.test("StaticKey with room for nobody remembers nobody", () => {
  const key = new StaticKey(own.privateKey, { maxRememberedPeers: 0 });
  key.remember(peers[0]!.publicKey, new Uint8Array(32));
  assert.equal(key.rememberedCount, 0);
});

Deno.test("StaticKey refuses keys of another size, and weak ones", () => {
  for (const length of [0, 31, 33]) {
    const bytes = new Uint8Array(length);
    assert.throws(() => new StaticKey(bytes), isCode("INVALID_KEY"));
    const key = new StaticKey(own.privateKey);
    assert.throws(() => key.agreeStatic(bytes), isCode("INVALID_KEY"));
  }
  const key = new StaticKey(own.privateKey);
  const zero = new Uint8Array(32);
  assert.throws(() => key.agreeStatic(zero), isCode("WEAK_PUBLIC_KEY"));
});

Deno.test("StaticKey.wipe() leaves nothing to agree with", () => {
  const key = new StaticKey(own.privateKey);
  const { publicKey } = peers[0]!;
  key.remember(publicKey, key.agreeStatic(publicKey));
  key.wipe();
  assert.equal(key.rememberedCount, 0);
  const isState = isCode("STATE");
  assert.throws(() => key.publicKey, isState);
  assert.throws(() => key.agree(publicKey), isState);
  assert.throws(() => key.agreeStatic(publicKey), isState);
  assert.throws(() => key.remember(publicKey, new Uint8Array(32)), isState);
});

/** Both ends of a handshake that draws the same bytes each time. */
function ends(
  pattern: string,
  keys: { readonly initiator?: StaticKey; readonly responder?: StaticKey },
): [HandshakeState, HandshakeState] {
  const end = (role: "initiator" | "responder"): HandshakeState => {
    const [mine, theirs] = role === "initiator"
      ? [own, peers[0]!]
      : [peers[0]!, own];
    return new HandshakeState({
      protocolName: `Noise_${pattern}_25519_ChaChaPoly_SHA256`,
      role,
      ...(keys[role] === undefined
        ? { staticPrivateKey: mine.privateKey }
        : { staticKey: keys[role] }),
      ...(pattern === "IK" && role === "initiator"
        ? { remoteStaticPublicKey: theirs.publicKey }
        : {}),
      random: new SeededRandom(role === "initiator" ? 10 : 20),
    });
  };
  return [end("initiator"), end("responder")];
}

function messagesOf(
  [initiator, responder]: [HandshakeState, HandshakeState],
): Uint8Array[] {
  const messages: Uint8Array[] = [];
  while (!initiator.isComplete) {
    const [writer, reader] = initiator.isWriter
      ? [initiator, responder]
      : [responder, initiator];
    messages.push(writer.writeMessage());
    reader.readMessage(messages.at(-1)!);
  }
  return messages;
}

for (const [pattern, remembered] of [["IK", 1], ["XX", 0]] as const) {
  Deno.test(`HandshakeState with StaticKeys sends the same bytes as without, the second time too: ${pattern}`, () => {
    const expected = messagesOf(ends(pattern, {}));
    const keys = {
      initiator: new StaticKey(own.privateKey),
      responder: new StaticKey(peers[0]!.privateKey),
    };
    for (let round = 0; round < 3; round++) {
      const pair = ends(pattern, keys);
      assert.deepEqual(messagesOf(pair), expected);
      const [sent, received] = pair.map((end) => end.splitKeys());
      assert.deepEqual(sent!.send, received!.receive);
      for (const end of pair) end.wipe();
      // Static with static is agreed on in IK alone.
      assert.equal(keys.initiator.rememberedCount, remembered);
      assert.equal(keys.responder.rememberedCount, remembered);
    }
  });
}

Deno.test("HandshakeState remembers nothing of a peer that did not prove its key", () => {
  const responder = new StaticKey(peers[0]!.privateKey);
  const [forger] = ends("IK", {});
  const [, victim] = ends("IK", { responder });
  const message = forger.writeMessage();
  message[message.length - 1]! ^= 1;
  assert.throws(() => victim.readMessage(message), isCode("HANDSHAKE_FAILED"));
  victim.wipe();
  assert.equal(responder.rememberedCount, 0);
});

Deno.test("HandshakeState.wipe() leaves the caller's StaticKey as it is", () => {
  const initiator = new StaticKey(own.privateKey);
  const [end] = ends("IK", { initiator });
  end.writeMessage();
  end.wipe();
  assert.deepEqual(initiator.publicKey, own.publicKey);
});

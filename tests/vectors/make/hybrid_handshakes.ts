/**
 * Vectors of whole handshakes with X25519 and ML-KEM-768.
 *
 * @module
 */
import {
  answerMacKey,
  encodeFinish,
  encodeHello,
  encodeHelloRest,
  helloMacKey,
  macOf,
  prologueOf,
  splitNoise,
} from "../../../conformance/wire/handshake_codec.ts";
import {
  confirmationKey,
  HandshakeState,
  ML_KEM_768,
  type RandomSource,
} from "../../../crypto/mod.ts";
import {
  encodeResponderHello,
  encodeRetry,
} from "../../../transport/core/handshake_packet.ts";
import { encodeAnswerRest } from "../../../transport/core/split_message.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { createParty, type Party } from "./handshakes.ts";
import { counting, type VectorFile } from "./vector_file.ts";

/** Everything random in this file is drawn from it. */
const SEED = 9_030;

/** A cookie; what is in one is the responder's own business. */
const COOKIE = counting(24, 0xa0);

/** A source that gives these bytes, once. */
function give(bytes: Uint8Array): RandomSource {
  const fill = (into: Uint8Array): void => {
    if (into.length !== bytes.length) throw new Error("Other bytes are drawn");
    into.set(bytes);
  };
  return { fillPublic: fill, fillSecret: fill };
}

function runHandshake(pattern: "IK" | "XX", seed: number): object {
  const isIk = pattern === "IK";
  const suites = isIk ? [3] : [3, 1];
  const protocolName = `Noise_${pattern}hfs_25519+MLKEM768_ChaChaPoly_SHA256`;
  const random = new SeededRandom(seed);
  const initiator = createParty(
    random,
    isIk ? { resetToken: counting(16, 0x80) } : {},
  );
  const responder = createParty(random, {
    connectionId: new Uint8Array(),
    resetToken: counting(16, 0x90),
  });
  const kemKeySeed = random.nextBytes(64);
  const kemMessage = random.nextBytes(32);
  const head = {
    version: 1,
    connectionId: initiator.connectionId,
    pattern: isIk ? 1 : 2,
    suites,
  };
  const prologue = prologueOf(head);
  const noiseOf = (party: Party, role: "initiator" | "responder") =>
    new HandshakeState({
      protocolName,
      role,
      prologue,
      staticPrivateKey: party.staticPrivateKey,
      testEphemeralPrivateKey: party.ephemeralPrivateKey,
      random: give(role === "initiator" ? kemKeySeed : kemMessage),
      ...(isIk && role === "initiator"
        ? { remoteStaticPublicKey: responder.staticPublicKey }
        : {}),
    });
  const left = noiseOf(initiator, "initiator");
  const right = noiseOf(responder, "responder");
  const message1 = left.writeMessage(initiator.payload);
  right.readMessage(message1);
  const message2 = right.writeMessage(responder.payload);
  left.readMessage(message2);
  const message3 = isIk ? new Uint8Array() : left.writeMessage();
  if (!isIk) right.readMessage(message3);
  const { send, receive } = left.splitKeys();
  const helloKey = isIk
    ? helloMacKey(responder.staticPublicKey)
    : helloMacKey();
  const answerKey = answerMacKey(initiator.connectionId, message1);
  const confirmation = macOf(confirmationKey(send), left.handshakeHash);
  const kemKey = ML_KEM_768.generateKey(give(kemKeySeed));
  const hello = splitNoise(message1);
  const answer = splitNoise(message2);
  const fields = { ...head, noise: hello.field, macKey: helloKey };
  return {
    name: `${pattern}, suites ${suites.join(", ")}`,
    protocolName,
    suites,
    initiator,
    responder,
    kem: {
      keySeed: kemKeySeed,
      publicKey: kemKey.publicKey,
      message: kemMessage,
      ...ML_KEM_768.encapsulate(kemKey.publicKey, give(kemMessage)),
    },
    prologue,
    helloMacKey: helloKey,
    answerMacKey: answerKey,
    noiseMessages: [message1, message2, message3],
    packets: {
      firstHello: encodeHello({ ...fields, cookie: new Uint8Array() }),
      retry: encodeRetry(initiator.connectionId, COOKIE, answerKey),
      initiatorHello: encodeHello({ ...fields, cookie: COOKIE }),
      helloRest: encodeHelloRest(initiator.connectionId, hello.rest),
      responderHello: encodeResponderHello(
        initiator.connectionId,
        answer.field,
        answerKey,
      ),
      answerRest: encodeAnswerRest(initiator.connectionId, answer.rest),
      initiatorFinish: encodeFinish(
        responder.connectionId,
        message3,
        confirmation,
      ),
    },
    handshakeHash: left.handshakeHash,
    initiatorSecret: send,
    responderSecret: receive,
    confirmation,
  };
}

/**
 * Vectors of hybrid handshakes.
 *
 * @returns The file.
 */
export function makeHybridHandshakes(): VectorFile {
  return {
    note:
      "Whole handshakes of suite 3. Put together by the conformance kit's " +
      "codecs and the Noise engine of this repository; a test of the engine " +
      "computes its steps apart, another compares ML-KEM with the runtime's, " +
      "and a third drives both ends of the transport with the same keys and " +
      "compares every byte. From the secrets on, everything is as with suite " +
      "1: handshakes.json.",
    spec: "transport.md#hybrid-handshake",
    cases: [runHandshake("IK", SEED), runHandshake("XX", SEED + 1)],
  };
}

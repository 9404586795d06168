/**
 * Vectors of whole handshakes.
 *
 * @module
 */
import { concat } from "../../../internal/concat.ts";
import {
  answerMacKey,
  encodeFinish,
  encodeHello,
  helloMacKey,
  macOf,
  prologueOf,
} from "../../../conformance/wire/handshake_codec.ts";
import { PacketKeys } from "../../../conformance/wire/packet_codec.ts";
import {
  type AeadSuite,
  confirmationKey,
  HandshakeState,
  publicKeyOf,
} from "../../../crypto/mod.ts";
import { encodeResponderHello } from "../../../transport/core/handshake_packet.ts";
import {
  encodeTransportParameters,
  type TransportParameters,
} from "../../../transport/core/transport_parameters.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { counting, fromHex, type VectorFile } from "./vector_file.ts";

/** Everything random in these files is drawn from it. */
const SEED = 9_010;

/** What an end of a handshake starts with. */
export interface Party {
  readonly staticPrivateKey: Uint8Array;
  readonly staticPublicKey: Uint8Array;
  readonly ephemeralPrivateKey: Uint8Array;
  readonly ephemeralPublicKey: Uint8Array;
  readonly connectionId: Uint8Array;
  readonly parameters: TransportParameters;
  readonly payload: Uint8Array;
}

/** What both ends announce, beside what is an end's own. */
const LIMITS = {
  maxDataBytes: 1_048_576,
  maxStreamDataBytes: 262_144,
  maxBidiStreams: 100,
  maxUniStreams: 10,
  idleTimeoutMs: 30_000,
  maxAckDelayMs: 25,
  maxDatagramBytes: 1_472,
  maxConnectionIds: 1,
  maxTickets: 0,
};

/**
 * Draws an end.
 *
 * @param random Where its keys come from.
 * @param extra What it announces; with a connection id it is a responder.
 * @returns The end.
 */
export function createParty(
  random: SeededRandom,
  extra: Partial<TransportParameters>,
): Party {
  const key = (): Uint8Array => {
    const bytes = new Uint8Array(32);
    random.fillSecret(bytes);
    return bytes;
  };
  const connectionId = new Uint8Array(8);
  random.fillPublic(connectionId);
  // Ids that this library chooses are below 2^53: any eight bytes will do.
  connectionId.fill(0, 6);
  const staticPrivateKey = key();
  const ephemeralPrivateKey = key();
  const isResponder = "connectionId" in extra;
  const parameters = {
    ...LIMITS,
    ...extra,
    ...(isResponder ? { connectionId } : {}),
  };
  return {
    staticPrivateKey,
    staticPublicKey: publicKeyOf(staticPrivateKey),
    ephemeralPrivateKey,
    ephemeralPublicKey: publicKeyOf(ephemeralPrivateKey),
    connectionId,
    parameters,
    payload: encodeTransportParameters(parameters),
  };
}

/** Ticket and early data of the handshake that has them. */
const TICKET = counting(121, 0x40);
const EARLY_FRAMES = fromHex("17000105 6561726c79");

/** Cipher of the packets, and its name in Noise. */
const SUITES: Readonly<Record<number, { aead: AeadSuite; noise: string }>> = {
  1: { aead: "chacha20-poly1305", noise: "ChaChaPoly" },
  2: { aead: "aes-256-gcm", noise: "AESGCM" },
};

/** Number and name of each pattern. */
const PATTERNS = { IK: 1, XX: 2, NNpsk0: 3 } as const;

/** One handshake from beginning to the first protected packets. */
function runHandshake(
  choice: {
    readonly pattern: keyof typeof PATTERNS;
    readonly suites: readonly number[];
    readonly seed: number;
  },
): object {
  const { pattern, suites } = choice;
  const isKeyKnown = pattern !== "XX";
  const isResumed = pattern === "NNpsk0";
  const { aead, noise: cipher } = SUITES[suites[0]!]!;
  const protocolName = `Noise_${pattern}_25519_${cipher}_SHA256`;
  const random = new SeededRandom(choice.seed);
  const initiator = createParty(
    random,
    isKeyKnown ? { resetToken: counting(16, 0x80) } : {},
  );
  const responder = createParty(random, {
    connectionId: new Uint8Array(),
    resetToken: counting(16, 0x90),
  });
  const psk = new Uint8Array(32);
  random.fillSecret(psk);
  const head = {
    version: 1,
    connectionId: initiator.connectionId,
    pattern: PATTERNS[pattern],
    suites,
    ...(isResumed ? { ticket: TICKET } : {}),
  };
  const prologue = prologueOf(head);
  const noiseOf = (party: Party, role: "initiator" | "responder") =>
    new HandshakeState({
      protocolName,
      role,
      prologue,
      testEphemeralPrivateKey: party.ephemeralPrivateKey,
      ...(isResumed
        ? { psks: [psk] }
        : { staticPrivateKey: party.staticPrivateKey }),
      ...(pattern === "IK" && role === "initiator"
        ? { remoteStaticPublicKey: responder.staticPublicKey }
        : {}),
    });
  const left = noiseOf(initiator, "initiator");
  const right = noiseOf(responder, "responder");
  const { length } = initiator.payload;
  const message1 = left.writeMessage(
    isResumed
      ? concat(
        Uint8Array.of(length & 0xff, length >>> 8),
        initiator.payload,
        EARLY_FRAMES,
      )
      : initiator.payload,
  );
  right.readMessage(message1);
  const message2 = right.writeMessage(responder.payload);
  left.readMessage(message2);
  const message3 = isKeyKnown ? new Uint8Array() : left.writeMessage();
  if (!isKeyKnown) right.readMessage(message3);
  const { send, receive } = left.splitKeys();
  const helloKey = isKeyKnown
    ? helloMacKey(responder.staticPublicKey)
    : helloMacKey();
  const answerKey = answerMacKey(initiator.connectionId, message1);
  const confirmation = macOf(confirmationKey(send), left.handshakeHash);
  const finish = encodeFinish(responder.connectionId, message3, confirmation);
  const first = {
    initiator: fromHex("5001"),
    responder: fromHex("300000 0000 5001"),
  };
  return {
    name: `${pattern}, suites ${suites.join(", ")}`,
    protocolName,
    suites,
    initiator,
    responder,
    ...(isResumed ? { ticket: TICKET, psk, earlyFrames: EARLY_FRAMES } : {}),
    prologue,
    helloMacKey: helloKey,
    answerMacKey: answerKey,
    noiseMessages: [message1, message2, message3],
    packets: {
      initiatorHello: encodeHello({
        ...head,
        cookie: new Uint8Array(),
        noise: message1,
        macKey: helloKey,
      }),
      responderHello: encodeResponderHello(
        initiator.connectionId,
        message2,
        answerKey,
      ),
      initiatorFinish: finish,
    },
    handshakeHash: left.handshakeHash,
    initiatorSecret: send,
    responderSecret: receive,
    confirmationKey: confirmationKey(send),
    confirmation,
    firstProtectedPackets: {
      initiator: {
        plaintext: first.initiator,
        packet: new PacketKeys(aead, send).seal({
          connectionId: responder.connectionId,
          packetNumber: 0,
          flags: 0x02,
          plaintext: first.initiator,
          generation: 0,
        }),
      },
      responder: {
        plaintext: first.responder,
        packet: new PacketKeys(aead, receive).seal({
          connectionId: initiator.connectionId,
          packetNumber: 0,
          flags: 0x06,
          plaintext: first.responder,
          generation: 0,
        }),
      },
    },
  };
}

/**
 * Vectors of handshakes.
 *
 * @returns The file.
 */
export function makeHandshakes(): VectorFile {
  const handshakes: Parameters<typeof runHandshake>[0][] = [
    { pattern: "IK", suites: [1], seed: SEED },
    { pattern: "IK", suites: [2, 1], seed: SEED + 1 },
    { pattern: "XX", suites: [1, 2], seed: SEED + 2 },
    { pattern: "XX", suites: [2], seed: SEED + 3 },
    { pattern: "NNpsk0", suites: [1], seed: SEED + 4 },
  ];
  return {
    note:
      "Whole handshakes: from the keys of both ends to every packet's bytes, " +
      "the secrets and the first protected packet each way. Put together by the " +
      "conformance kit's codecs and the Noise engine of this repository, whose " +
      "tests compare it with published vectors; a test drives both ends of the " +
      "transport with the same keys and compares every byte. The first datagram " +
      "after the answer is packets.initiatorFinish and " +
      "firstProtectedPackets.initiator.packet, one behind the other.",
    spec: "transport.md#handshake",
    cases: handshakes.map(runHandshake),
  };
}

/**
 * Vectors of transport parameters.
 *
 * @returns The file.
 */
export function makeTransportParameters(): VectorFile {
  const lists: Record<string, TransportParameters> = {
    "of an initiator": LIMITS,
    "of a responder": {
      ...LIMITS,
      connectionId: counting(8, 1),
      resetToken: counting(16),
    },
    "largest": {
      ...LIMITS,
      maxDataBytes: 2 ** 50,
      maxStreamDataBytes: 2 ** 50,
      idleTimeoutMs: 2 ** 40,
      maxAckDelayMs: 16_383,
      maxDatagramBytes: 65_535,
    },
  };
  const idle = "06 04 80007530"; // 30,000 ms
  return {
    note:
      "valid: `bytes` decodes to `parameters`; another order of ids is as " +
      "good. minimal: lists that leave out what has a value when absent, or hold " +
      "ids that nobody knows. invalid: the packet is dropped. The last two kinds " +
      "were written by hand.",
    spec: "transport.md#transport-parameters",
    valid: Object.entries(lists).map(([name, parameters]) => ({
      name,
      parameters,
      bytes: encodeTransportParameters(parameters),
    })),
    minimal: [
      { name: "idle timeout alone", bytes: fromHex(idle) },
      {
        name: "an unknown id",
        bytes: fromHex(`${idle} 6fff 03 010203`),
      },
    ],
    invalid: [
      ["empty: no idle timeout", ""],
      ["idle timeout of 9 ms", "06 01 09"],
      ["an id twice", `${idle} ${idle}`],
      ["value past the end", "06 05 80007530"],
      ["number that does not fill its value", "06 05 8000753000"],
      ["largest datagram below 1,200", `${idle} 08 02 44af`],
      ["max ack delay of 16,384 ms", `${idle} 07 04 80004000`],
      ["connection id of 7 bytes", `${idle} 01 07 00010203040506`],
      ["connection id 0", `${idle} 01 08 ${"00".repeat(8)}`],
      ["reset token of 15 bytes", `${idle} 09 0f ${"00".repeat(15)}`],
    ].map(([name, digits]) => ({ name, bytes: fromHex(digits!) })),
  };
}

/**
 * Noise messages and sealed payloads.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { concat } from "../../../internal/concat.ts";
import {
  CryptoError,
  defaultProvider,
  generateKeyPair,
  HandshakeState,
  openPayload,
  sealPayload,
  x25519,
} from "../../../crypto/mod.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { signatureOf } from "../signature.ts";
import {
  attempt,
  DEFAULT_BUDGET,
  type FuzzTarget,
  require,
} from "../target.ts";

const random = new SeededRandom(11);
const INITIATOR = generateKeyPair(random);
const RESPONDER = generateKeyPair(random);
const STRANGER = generateKeyPair(random);
const PSK = new Uint8Array(32).fill(9);
const PAYLOAD = new TextEncoder().encode("payload");

/** Names of the pattern, whose keys each end gives, and which message is read. */
const CASES = [
  { pattern: "N", keys: "-R", known: "R-", index: 0 },
  { pattern: "X", keys: "IR", known: "R-", index: 0 },
  { pattern: "NN", keys: "--", known: "--", index: 1 },
  { pattern: "XX", keys: "IR", known: "--", index: 0 },
  { pattern: "XX", keys: "IR", known: "--", index: 1 },
  { pattern: "XX", keys: "IR", known: "--", index: 2 },
  { pattern: "IK", keys: "IR", known: "R-", index: 0 },
  { pattern: "IK", keys: "IR", known: "R-", index: 1 },
  { pattern: "KK", keys: "IR", known: "RI", index: 0 },
  { pattern: "NNpsk0", keys: "--", known: "--", index: 0 },
] as const;

type Case = typeof CASES[number];

/** An end of a handshake that waits for a message, and that message. */
interface Waiting {
  readonly reader: HandshakeState;
  readonly genuine: Uint8Array;
}

function startHandshake({ pattern, keys, known, index }: Case): Waiting {
  const protocolName = `Noise_${pattern}_25519_ChaChaPoly_SHA256`;
  const shared = {
    protocolName,
    random: new SeededRandom(12),
    ...(pattern.includes("psk") ? { psks: [PSK] } : {}),
  };
  const states = [
    new HandshakeState({
      ...shared,
      role: "initiator",
      ...(keys[0] === "I" ? { staticPrivateKey: INITIATOR.privateKey } : {}),
      ...(known[0] === "R"
        ? { remoteStaticPublicKey: RESPONDER.publicKey }
        : {}),
    }),
    new HandshakeState({
      ...shared,
      role: "responder",
      ...(keys[1] === "R" ? { staticPrivateKey: RESPONDER.privateKey } : {}),
      ...(known[1] === "I"
        ? { remoteStaticPublicKey: INITIATOR.publicKey }
        : {}),
    }),
  ] as const;
  for (let turn = 0;; turn++) {
    const [writer, reader] = turn % 2 === 0
      ? states
      : [states[1], states[0]] as const;
    const genuine = writer.writeMessage(PAYLOAD);
    if (turn === index) return { reader, genuine };
    reader.readMessage(genuine);
  }
}

const waiting = new Map<number, Waiting>();

function waitingFor(index: number): Waiting {
  let found = waiting.get(index);
  if (found === undefined) {
    found = startHandshake(CASES[index]!);
    waiting.set(index, found);
  }
  return found;
}

const NOISE: FuzzTarget = {
  name: "noise",
  subject: "HandshakeState.readMessage: a byte for the pattern, then a message",
  maxLength: 70_000,
  budget: { ...DEFAULT_BUDGET, baseMs: 100 },
  seeds: () => [
    ...CASES.map((_, index) =>
      concat(Uint8Array.of(index), waitingFor(index).genuine)
    ),
    // A point of small order: the shared secret would be all zeros.
    ...CASES.map((_, index) => {
      const message = waitingFor(index).genuine.slice();
      return concat(Uint8Array.of(index), message.fill(0, 0, 32));
    }),
  ],
  run(input) {
    const index = (input[0] ?? 0) % CASES.length;
    const { reader, genuine } = waitingFor(index);
    const hash = reader.handshakeHash;
    const outcome = attempt(
      CryptoError,
      () => reader.readMessage(input.subarray(1)),
    );
    if ("value" in outcome) {
      waiting.delete(index);
      return `ok ${index}:${signatureOf(outcome.value)}`;
    }
    require(
      isDeepStrictEqual(reader.handshakeHash, hash) &&
        reader.messageIndex === CASES[index]!.index,
      "a message that is refused leaves the handshake as it was",
    );
    if (input.length % 16 === 0) {
      waiting.delete(index);
      require(
        isDeepStrictEqual(reader.readMessage(genuine), PAYLOAD),
        "the genuine message is read after a forged one",
      );
    }
    return `${outcome.refusal} ${index}:refused`;
  },
};

/** What 64 agreements of the portable provider allocate, and some more. */
const PORTABLE_AGREEMENT_BYTES = 256 * 1024 * 1024;

/** Entries of an envelope, for each of two readers, and their senders; twice that. */
const MAX_AGREEMENTS = 512;

/**
 * Times the agreement that this platform and machine have: a fixed time would be
 * too short for a portable one on an old processor, or say nothing of a fast one.
 *
 * @returns The best of a few, in milliseconds.
 */
function timeAgreement(): number {
  let bestMs = Infinity;
  for (let turn = 0; turn < 8; turn++) {
    const startedAt = performance.now();
    x25519(INITIATOR.privateKey, RESPONDER.publicKey);
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  return bestMs;
}

const ASSOCIATED_DATA = Uint8Array.of(1, 2);

const SEALED_PAYLOAD: FuzzTarget = {
  name: "sealed-payload",
  subject: "openPayload: what was sealed or undefined, never a throw",
  maxLength: 16_384,
  budget: {
    ...DEFAULT_BUDGET,
    baseMs: DEFAULT_BUDGET.baseMs + MAX_AGREEMENTS * timeAgreement(),
    // The portable X25519 counts with big integers, a new one for each step.
    baseBytes: defaultProvider("x25519") === "portable"
      ? PORTABLE_AGREEMENT_BYTES
      : DEFAULT_BUDGET.baseBytes,
  },
  seeds: () =>
    [
      { recipients: [RESPONDER.publicKey] },
      { recipients: [RESPONDER.publicKey], sender: INITIATOR },
      {
        recipients: [STRANGER.publicKey, RESPONDER.publicKey],
        sender: INITIATOR,
        associatedData: ASSOCIATED_DATA,
      },
      // The same entry over and over: each costs a Diffie-Hellman.
      { recipients: Array.from({ length: 64 }, () => RESPONDER.publicKey) },
    ].map((options) =>
      sealPayload({ ...options, random: new SeededRandom(13) }, PAYLOAD)
    ),
  run(input) {
    const shapes = [undefined, ASSOCIATED_DATA].map((associatedData) => {
      const opened = openPayload(
        { recipient: RESPONDER, associatedData },
        input,
      );
      // Nobody but the seeds' sealer has the keys: a change that opens is a forgery.
      require(
        opened === undefined || isDeepStrictEqual(opened.plaintext, PAYLOAD),
        "only what was sealed is opened",
      );
      return signatureOf(opened, associatedData ? "with" : "without");
    });
    return shapes.join(" ");
  },
};

/** The targets of this file. */
export const SECRET_TARGETS: readonly FuzzTarget[] = [NOISE, SEALED_PAYLOAD];

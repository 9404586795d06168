/**
 * Vectors of what is sent without a connection, or to end one: retry, version
 * negotiation, refusal, stateless reset, close.
 *
 * @module
 */
import {
  answerMacKey,
  encodeHello,
  helloMacKey,
} from "../../../conformance/wire/handshake_codec.ts";
import { PacketKeys } from "../../../conformance/wire/packet_codec.ts";
import { ByteWriter } from "../../../internal/byte_writer.ts";
import { encodeCloseFrame } from "../../../protocol/mod.ts";
import {
  encodeRefusal,
  encodeRetry,
  encodeVersionNegotiation,
  RefusalReason,
} from "../../../transport/core/handshake_packet.ts";
import { RetryTokens } from "../../../transport/core/retry_token.ts";
import {
  encodeReset,
  maxResetBytes,
  ResetTokens,
} from "../../../transport/core/stateless_reset.ts";
import { encodeSuiteRefusal } from "../../../transport/core/suite_refusal.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { counting, type VectorFile } from "./vector_file.ts";

/** Everything random in this file is drawn from it. */
const SEED = 9_020;

const CONNECTION_ID = counting(8, 1);
const ADDRESS = { hostname: "192.0.2.7", port: 40_123 };

/**
 * Vectors of retry, version negotiation and refusal.
 *
 * @returns The file.
 */
export function makeAnswers(): VectorFile {
  const random = new SeededRandom(SEED);
  const responderKey = new Uint8Array(32);
  random.fillSecret(responderKey);
  const noise = new Uint8Array(96);
  random.fillPublic(noise);
  const fields = {
    version: 1,
    connectionId: CONNECTION_ID,
    pattern: 1,
    suites: [1],
    noise,
    macKey: helloMacKey(responderKey),
  };
  const secret = new Uint8Array(32);
  const tokens = new RetryTokens({
    fillPublic: (into) => random.fillPublic(into),
    fillSecret: (into) => {
      random.fillSecret(into);
      secret.set(into);
    },
  });
  const subject = {
    address: ADDRESS,
    connectionId: CONNECTION_ID,
    ephemeral: noise.subarray(0, 32),
  };
  const cookie = tokens.create(1_000, subject).slice();
  const macKey = answerMacKey(CONNECTION_ID, noise);
  return {
    note:
      "retry: a hello, the Retry that answers it, and the same hello with " +
      "the cookie. The Noise message is random: a responder that asks for a " +
      "cookie does not read it. How the cookie is made is the responder's own " +
      "business; this library's way is shown. versionNegotiation answers a hello " +
      "of another version, refusals one for another key or suite.",
    spec: "transport.md#handshake",
    retry: {
      connectionId: CONNECTION_ID,
      responderPublicKey: responderKey,
      noiseMessage: noise,
      source: `${ADDRESS.hostname}:${ADDRESS.port}`,
      secret,
      cookie,
      retryMacKey: macKey,
      hello: encodeHello({ ...fields, cookie: new Uint8Array() }),
      retry: encodeRetry(CONNECTION_ID, cookie, macKey),
      helloWithCookie: encodeHello({ ...fields, cookie }),
    },
    versionNegotiation: {
      connectionId: CONNECTION_ID,
      versions: [1, 0x6d787002],
      packet: encodeVersionNegotiation(CONNECTION_ID, [1, 0x6d787002]),
    },
    refusals: [
      {
        name: "wrong key",
        connectionId: CONNECTION_ID,
        reason: RefusalReason.WRONG_KEY,
        packet: encodeRefusal(CONNECTION_ID, RefusalReason.WRONG_KEY),
      },
      {
        name: "suite",
        connectionId: CONNECTION_ID,
        reason: RefusalReason.SUITE,
        suites: [1, 2],
        macKey,
        packet: encodeSuiteRefusal(
          CONNECTION_ID,
          Uint8Array.of(1, 2),
          macKey,
        ),
      },
    ],
  };
}

/**
 * Vectors of stateless resets and closes.
 *
 * @returns The file.
 */
export function makeEndings(): VectorFile {
  const random = new SeededRandom(SEED + 1);
  const staticPrivateKey = new Uint8Array(32);
  random.fillSecret(staticPrivateKey);
  const secret = new Uint8Array(32);
  random.fillSecret(secret);
  const token = new ResetTokens(staticPrivateKey)
    .tokenOf(CONNECTION_ID, ADDRESS.hostname);
  const keys = new PacketKeys("chacha20-poly1305", secret);
  const closes = [
    { code: 0, reason: "" },
    { code: 0x07, reason: "Frame: unknown type 0x7f" },
    { code: 0x100, reason: "bye" },
  ].map((close, packetNumber) => {
    const writer = new ByteWriter(new Uint8Array(300));
    encodeCloseFrame(writer, close);
    const plaintext = writer.written.slice();
    const packet = keys.seal({
      connectionId: CONNECTION_ID,
      packetNumber,
      flags: 0,
      plaintext,
      generation: 0,
    });
    return { ...close, packetNumber, plaintext, packet };
  });
  return {
    note: "reset: the token of a connection id in this library's way, and a " +
      "reset that answers a datagram of `receivedBytes`; what is not the token " +
      "in it is random. close: closes of suite 1, sealed with `secret`.",
    spec: "transport.md#stateless-reset",
    reset: {
      staticPrivateKey,
      connectionId: CONNECTION_ID,
      peerAddress: ADDRESS.hostname,
      token,
      receivedBytes: 60,
      packet: encodeReset(random, token, maxResetBytes(60)),
    },
    close: { secret, connectionId: CONNECTION_ID, closes },
  };
}

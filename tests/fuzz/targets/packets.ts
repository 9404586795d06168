/**
 * What is read of a packet before anything is authenticated, and the limits
 * that come with the handshake.
 *
 * @module
 */
import {
  connectionIdKey,
  encodePacketHeader,
  FOREIGN_CONNECTION_ID_KEY,
  isHandshakeHeader,
  PACKET_HEADER_LENGTH,
  packetPayloadLength,
  readPacketNumber,
  writePacketNumber,
} from "../../../protocol/mod.ts";
import {
  decodeHelloInvariants,
  decodeInitiatorHello,
  decodeNoisePacket,
  decodeRefusal,
  decodeVersionNegotiation,
  encodeInitiatorFinish,
  encodeInitiatorHello,
  encodeRefusal,
  encodeResponderHello,
  encodeVersionNegotiation,
  HandshakeKind,
  hasValidChecksum,
  hasValidHelloMac,
  hasValidMac,
  helloMacKey,
} from "../../../transport/core/handshake_packet.ts";
import {
  decodeAnswerRest,
  decodeHelloRest,
  encodeAnswerRest,
  encodeHelloRest,
  joinMessage,
  splitMessage,
} from "../../../transport/core/split_message.ts";
import {
  decodeSuiteRefusal,
  encodeSuiteRefusal,
} from "../../../transport/core/suite_refusal.ts";
import {
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from "../../../transport/core/transport_parameters.ts";
import { signatureOf } from "../signature.ts";
import { type FuzzTarget, require, tryDecoder, Violation } from "../target.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const MAC_KEY = helloMacKey();

const PARAMETERS: TransportParameters = {
  connectionId: ID,
  maxDataBytes: 2 ** 23,
  maxStreamDataBytes: 2 ** 20,
  maxBidiStreams: 1_000,
  maxUniStreams: 100,
  idleTimeoutMs: 10_000,
  maxAckDelayMs: 5,
  maxDatagramBytes: 65_507,
  maxConnectionIds: 4,
  maxTickets: 2,
};

const PACKET_HEADER: FuzzTarget = {
  name: "packet-header",
  subject: "the plain fields of a packet header",
  maxLength: 64,
  seeds: () =>
    [0, 1, 2 ** 32 + 5, 2 ** 53 - 1].map((packetNumber) => {
      const header = new Uint8Array(PACKET_HEADER_LENGTH);
      encodePacketHeader(header, 0, {
        connectionId: ID,
        packetNumber,
        flags: packetNumber % 32,
        payloadLength: packetNumber % 65_536,
      });
      return header;
    }),
  run(input) {
    // The endpoint looks at nothing shorter.
    if (input.length < PACKET_HEADER_LENGTH) return "short";
    const key = connectionIdKey(input);
    const packetNumber = readPacketNumber(input, 8);
    require(
      key === FOREIGN_CONNECTION_ID_KEY ||
        Number.isSafeInteger(key) && key >= 0,
      "a connection id gives a safe key",
    );
    if (packetNumber !== -1) {
      require(Number.isSafeInteger(packetNumber), "a packet number is safe");
      const written = new Uint8Array(8);
      writePacketNumber(written, 0, packetNumber);
      require(
        written.every((byte, index) => byte === input[8 + index]),
        "a packet number survives being read and written",
      );
    }
    return `key:${signatureOf(key)} number:${signatureOf(packetNumber)} ` +
      `handshake:${isHandshakeHeader(input, 0)} ` +
      `length:${signatureOf(packetPayloadLength(input, 0))}`;
  },
};

/** Turns what a decoder returns for bad input into what {@linkcode tryDecoder} takes. */
class Refused extends Violation {
  readonly code = "REFUSED";
  readonly fault = "peer";
}

function orRefuse<T>(value: T | undefined): T {
  if (value === undefined) throw new Refused("Refused");
  return value;
}

const TRANSPORT_PARAMETERS: FuzzTarget = {
  name: "transport-parameters",
  subject: "decodeTransportParameters: a value or undefined, never a throw",
  maxLength: 65_535,
  seeds: () => {
    const { connectionId: _, ...initiators } = PARAMETERS;
    return [
      encodeTransportParameters(PARAMETERS),
      encodeTransportParameters(initiators),
      Uint8Array.of(6, 2, 0x40, 100),
    ];
  },
  run: (input) =>
    tryDecoder({
      errorClass: Refused,
      decode: (bytes) => orRefuse(decodeTransportParameters(bytes)),
      encode: encodeTransportParameters,
    }, input),
};

const HANDSHAKE_PACKET: FuzzTarget = {
  name: "handshake-packet",
  subject: "each decoder of handshake packets, on any bytes",
  maxLength: 2_000,
  seeds: () => [
    encodeInitiatorHello({
      version: 1,
      connectionId: ID,
      pattern: 2,
      suites: Uint8Array.of(1, 2),
      cookie: new Uint8Array(5),
      noise: new Uint8Array(96),
    }, MAC_KEY),
    encodeResponderHello(ID, new Uint8Array(96), MAC_KEY),
    encodeInitiatorFinish(ID, new Uint8Array(64), new Uint8Array(16)),
    encodeVersionNegotiation(ID, [1, 2, 0x0a0a0a0a]),
    encodeRefusal(ID, 1),
    encodeSuiteRefusal(ID, Uint8Array.of(1, 2, 3), MAC_KEY),
    encodeHelloRest({ connectionId: ID, rest: new Uint8Array(300) }),
    encodeAnswerRest(ID, new Uint8Array(200)),
    splitMessage(new Uint8Array(1_200)).first,
  ],
  run(input) {
    const hello = decodeInitiatorHello(input);
    const invariants = decodeHelloInvariants(input);
    require(
      hello === undefined || invariants?.version === hello.version,
      "what no version moves is where the hello has it",
    );
    // Both say in their contract that they are for whole hellos.
    const isHello = input.length >= 1_200;
    return [
      signatureOf(hello, "hello"),
      signatureOf(invariants, "invariants"),
      signatureOf(
        decodeNoisePacket(input, HandshakeKind.RESPONDER_HELLO),
        "response",
      ),
      signatureOf(
        decodeNoisePacket(input, HandshakeKind.INITIATOR_FINISH),
        "finish",
      ),
      signatureOf(decodeVersionNegotiation(input), "versions"),
      signatureOf(decodeRefusal(input), "refusal"),
      signatureOf(decodeSuiteRefusal(input), "suites"),
      signatureOf(decodeHelloRest(input), "hello-rest"),
      signatureOf(decodeAnswerRest(input), "answer-rest"),
      signatureOf(
        joinMessage({ first: input, rest: input.subarray(1_000) }),
        "joined",
      ),
      `mac:${hasValidMac(input, MAC_KEY)}`,
      `checksum:${isHello && hasValidChecksum(input)}`,
      `hello-mac:${isHello && hasValidHelloMac(input, MAC_KEY)}`,
    ].join(" ");
  },
};

/** The targets of this file. */
export const PACKET_TARGETS: readonly FuzzTarget[] = [
  PACKET_HEADER,
  TRANSPORT_PARAMETERS,
  HANDSHAKE_PACKET,
];

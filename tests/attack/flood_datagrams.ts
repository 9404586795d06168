/**
 * What the attackers send: datagrams that pass as many checks as a stranger can
 * make them pass.
 *
 * @module
 */
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  encodePacketHeader,
  PACKET_HEADER_LENGTH,
  PacketFlags,
} from "../../protocol/mod.ts";
import { createEndpointConfig } from "../../transport/core/endpoint_config.ts";
import {
  encodeInitiatorHello,
  HandshakePatternCode,
  helloMacKey,
} from "../../transport/core/handshake_packet.ts";
import {
  encodeTransportParameters,
  localTransportParameters,
} from "../../transport/core/transport_parameters.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** Kinds of floods. */
export type FloodKind = "garbage" | "hello";

const GARBAGE_COUNT = 4_096;
const HELLO_COUNT = 2_048;
/** An Ethernet carries no more. */
const MAX_GARBAGE_BYTES = 1_400;
/** Size of the sealed static key in the first message of Noise IK. */
const SEALED_KEY_BYTES = 48;

/**
 * Makes the datagrams of a flood; they are sent again and again.
 *
 * @param kind What kind.
 * @param publicKey The victim's static key.
 * @returns Some thousand datagrams.
 */
export function createFlood(
  kind: FloodKind,
  publicKey: Uint8Array,
): Uint8Array<ArrayBuffer>[] {
  const random = new SeededRandom(7);
  return kind === "garbage"
    ? Array.from({ length: GARBAGE_COUNT }, (_, i) => garbage(random, i))
    : createHellos(random, publicKey);
}

/** Noise, and noise behind a header that looks like a packet's. */
function garbage(random: SeededRandom, index: number): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(1 + random.nextInteger(MAX_GARBAGE_BYTES));
  random.fillPublic(datagram);
  if (datagram.length < PACKET_HEADER_LENGTH || index % 4 === 0) {
    return datagram;
  }
  const connectionId = datagram.slice(0, 8);
  // Three in four look like a packet: of a connection, a hello, a handshake.
  if (index % 4 === 1) connectionId.fill(0, 6);
  if (index % 4 === 2) connectionId.fill(0);
  encodePacketHeader(datagram, 0, {
    connectionId,
    packetNumber: index,
    flags: index % 4 === 1 ? 0 : PacketFlags.HANDSHAKE,
    payloadLength: datagram.length - PACKET_HEADER_LENGTH,
  });
  return datagram;
}

/**
 * Hellos with a right checksum and MAC and no memory of what was answered. One
 * in two is of IK and holds what the victim can decrypt only after a
 * Diffie-Hellman, to find that it is noise; the other is a perfect one of XX.
 */
function createHellos(
  random: SeededRandom,
  publicKey: Uint8Array,
): Uint8Array<ArrayBuffer>[] {
  const { publicKey: ephemeral } = generateKeyPair(random);
  const keyPair = generateKeyPair(random);
  const parameters = encodeTransportParameters(
    localTransportParameters(createEndpointConfig({ keyPair }), 1_200),
  );
  const patterns = [
    { pattern: HandshakePatternCode.XX, macKey: helloMacKey(), sealedBytes: 0 },
    {
      pattern: HandshakePatternCode.IK,
      macKey: helloMacKey(publicKey),
      sealedBytes: SEALED_KEY_BYTES + 16,
    },
  ];
  return Array.from({ length: HELLO_COUNT }, (_, index) => {
    const { pattern, macKey, sealedBytes } = patterns[index % 2]!;
    const noise = new Uint8Array(32 + sealedBytes + parameters.length);
    random.fillPublic(noise);
    noise.set(ephemeral);
    if (sealedBytes === 0) noise.set(parameters, 32);
    const hello = encodeInitiatorHello({
      version: 1,
      connectionId: Uint8Array.of(index, index >>> 8, 1, 1, 1, 1, 1, 0),
      pattern,
      suites: Uint8Array.of(1),
      cookie: new Uint8Array(0),
      noise,
    }, macKey);
    return Uint8Array.from(hello);
  });
}

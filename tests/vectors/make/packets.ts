/**
 * Vectors of keys and protected packets.
 *
 * @module
 */
import {
  confirmationKey,
  createHeaderProtection,
  deriveTrafficKeys,
  nextTrafficSecret,
  resumptionSecret,
  ticketPsk,
} from "../../../crypto/mod.ts";
import { PacketKeys } from "../../../conformance/wire/packet_codec.ts";
import { encodePacketHeader } from "../../../protocol/mod.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { counting, fromHex, type VectorFile } from "./vector_file.ts";

/** Everything random in these files is drawn from it. */
const SEED = 9_001;

function secretBytes(random: SeededRandom, length = 32): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fillSecret(bytes);
  return bytes;
}

/**
 * Vectors of the key schedule and of header protection.
 *
 * @returns The file.
 */
export function makeKeySchedule(): VectorFile {
  const random = new SeededRandom(SEED);
  const secrets = [counting(32), secretBytes(random), secretBytes(random)];
  const samples = [
    [
      fromHex(
        "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
      ),
      fromHex("5e5cd55c41f69080575d7999c25a5bfb"),
    ],
    ...secrets.map((secret) => [secret, secretBytes(random, 16)]),
  ] as const;
  return {
    note: "keys: what the key schedule makes of a traffic secret, and the " +
      "secrets of the next key phases. resumption: what a ticket stands for. masks: header protection; the first key " +
      "and sample are those of RFC 9001 A.5, whose mask begins with aefefe7d03. " +
      "Made by this repository.",
    spec: "crypto.md#key-schedule",
    keys: secrets.map((secret) => {
      const { key, iv, headerProtectionKey } = deriveTrafficKeys(secret);
      const next = nextTrafficSecret(secret);
      return {
        secret,
        key,
        iv,
        headerProtectionKey,
        confirmationKey: confirmationKey(secret),
        nextSecret: next,
        secretAfterNext: nextTrafficSecret(next),
      };
    }),
    resumption: secrets.map((initiatorSecret, index) => {
      const handshakeHash = counting(32, 0xa0);
      const ticket = counting(100 + index);
      const staticSecret = counting(32, 0x60 + index);
      const secret = resumptionSecret(initiatorSecret, handshakeHash);
      return {
        initiatorSecret,
        handshakeHash,
        resumptionSecret: secret,
        staticSecret,
        ticket,
        psk: ticketPsk(secret, staticSecret, ticket),
      };
    }),
    masks: samples.map(([key, sample]) => {
      const mask = new Uint8Array(21);
      createHeaderProtection(key).mask(sample, mask);
      return { key, sample, mask };
    }),
  };
}

/**
 * Vectors of packet headers.
 *
 * @returns The file.
 */
export function makePacketHeaders(): VectorFile {
  const headers = [
    { packetNumber: 0, flags: 0x02, payloadLength: 18 },
    { packetNumber: 255, flags: 0x06, payloadLength: 1_168 },
    { packetNumber: 2 ** 32, flags: 0x0a, payloadLength: 65_535 },
    { packetNumber: 2 ** 53 - 1, flags: 0x12, payloadLength: 17 },
  ].map((fields) => ({ connectionId: counting(8, 1), ...fields }));
  return {
    note: "Headers before the mask, without the nonce, which is zero here.",
    spec: "transport.md#packets",
    cases: headers.map((fields) => {
      const bytes = new Uint8Array(32);
      encodePacketHeader(bytes, 0, fields);
      return { ...fields, bytes };
    }),
  };
}

/**
 * Vectors of protected packets.
 *
 * @returns The file.
 */
export function makeProtectedPackets(): VectorFile {
  const random = new SeededRandom(SEED + 1);
  const directions = ([
    ["chacha20-poly1305", 1],
    ["aes-256-gcm", 2],
  ] as const).map(([aead, suite]) => {
    const secret = secretBytes(random);
    const keys = new PacketKeys(aead, secret);
    const connectionId = counting(8, 0x11);
    const plain = [
      { packetNumber: 0, generation: 0, flags: 0x02, plaintext: "5001" },
      {
        packetNumber: 1,
        generation: 0,
        flags: 0x02,
        plaintext: "17000102 6869",
      },
      { packetNumber: 300, generation: 0, flags: 0x12, plaintext: "5001" },
      { packetNumber: 2 ** 32 + 7, generation: 0, flags: 0, plaintext: "00" },
      { packetNumber: 2 ** 33, generation: 1, flags: 0x02, plaintext: "5001" },
      { packetNumber: 2 ** 34, generation: 2, flags: 0x02, plaintext: "5001" },
      {
        packetNumber: 2 ** 34 + 1,
        generation: 2,
        flags: 0x02,
        plaintext: `5001${"00".repeat(198)}`,
      },
    ];
    const packets = plain.map((fields) => {
      const plaintext = fromHex(fields.plaintext);
      const packet = keys.seal({ ...fields, plaintext, connectionId });
      return { ...fields, plaintext, packet };
    });
    const damage = (name: string, at: number): object => {
      const packet = packets[1]!.packet.slice();
      packet[at]! ^= 0x01;
      return { name, packet };
    };
    return {
      suite,
      aead,
      secret,
      connectionId,
      packets,
      forged: [
        damage("connection id changed", 0),
        damage("packet number changed", 8),
        damage("flags changed", 16),
        damage("reserved byte changed", 17),
        damage("nonce changed", 31),
        damage("ciphertext changed", 32),
        damage("tag changed", packets[1]!.packet.length - 1),
      ],
    };
  });
  return {
    note:
      "Packets of one direction, sealed with `secret` as the first traffic " +
      "secret, in the order in which they are sent. `generation` counts key " +
      "updates; the key phase flag is not in `flags` but in the packet. forged: " +
      "packets that do not open. Sealed by the conformance kit's own code, " +
      "opened in a test by the transport's.",
    spec: "transport.md#packet-protection",
    directions,
  };
}

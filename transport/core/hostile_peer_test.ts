/**
 * A peer that holds the right keys and breaks the rules: it makes its own
 * packets and is answered with a close, never with an exception or a hang.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { generateKeyPair } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { decodeFrame, type Frame } from "../../protocol/frame/mod.ts";
import { PACKET_HEADER_LENGTH, PacketFlags } from "../../protocol/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import type { Address } from "./address.ts";
import { createEndpointConfig } from "./config.ts";
import { Endpoint } from "./endpoint.ts";
import { CloseCode } from "./error.ts";
import { InitiatorHandshake } from "./handshake.ts";
import { PacketProtection } from "./packet_protection.ts";
import { localTransportParameters } from "./transport_parameters.ts";

const HERE: Address = { hostname: "10.0.0.9", port: 7 };
const NOW = 1_000;

/** Does the handshake by hand and then sends whatever plaintext it is told to. */
class HostilePeer {
  readonly endpoint: Endpoint;
  readonly #protection: PacketProtection;
  readonly #serverConnectionId: Uint8Array;
  readonly #buffer = new Uint8Array(65_535);
  #packetNumber = 0;

  constructor(seed = 1) {
    const random = new SeededRandom(seed);
    const serverKeys = generateKeyPair(random);
    const keyPair = generateKeyPair(random);
    this.endpoint = new Endpoint(
      { keyPair: serverKeys, maxBidiStreams: 4 },
      random,
    );
    const handshake = new InitiatorHandshake(
      {
        keyPair,
        suites: ["chacha20-poly1305"],
        parameters: localTransportParameters(
          createEndpointConfig({ keyPair }),
          65_507,
        ),
        random,
        provider: undefined,
      },
      Uint8Array.of(1, 2, 3, 4, 5, 0, 0, 0),
      serverKeys.publicKey,
    );
    this.endpoint.handleDatagram(NOW, HERE, handshake.hello);
    const [response] = this.received();
    const outcome = handshake.handleResponderHello(response!);
    assert.ok(outcome.ok);
    this.#serverConnectionId = outcome.result.peerConnectionId;
    this.#protection = new PacketProtection({
      ...outcome.result,
      provider: undefined,
    });
    this.endpoint.handleDatagram(NOW, HERE, handshake.finish);
    while (this.endpoint.pollEvent() !== undefined);
  }

  /** Datagrams that the endpoint wants to send. */
  received(): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    for (;;) {
      const transmit = this.endpoint.pollTransmit(NOW, this.#buffer);
      if (transmit === undefined) return datagrams;
      datagrams.push(this.#buffer.slice(0, transmit.length));
    }
  }

  /** Sends a packet with this plaintext. */
  send(plaintext: Uint8Array, flags: number = PacketFlags.ACK_ELICITING): void {
    const packet = new Uint8Array(PACKET_HEADER_LENGTH + plaintext.length + 16);
    packet.set(plaintext, PACKET_HEADER_LENGTH);
    this.#protection.seal(packet, 0, {
      connectionId: this.#serverConnectionId,
      packetNumber: this.#packetNumber++,
      flags,
      plaintextLength: plaintext.length,
    });
    this.endpoint.handleDatagram(NOW, HERE, packet);
  }

  /** The frames that the endpoint answers with. */
  frames(): Frame[] {
    const frames: Frame[] = [];
    const plaintext = new Uint8Array(65_535);
    for (const datagram of this.received()) {
      this.#protection.unmask(datagram, 0);
      const length = this.#protection.open(
        datagram.subarray(PACKET_HEADER_LENGTH),
        plaintext,
      );
      assert.ok(length > 0);
      const reader = new ByteReader(plaintext.slice(0, length));
      while (reader.remaining > 0) frames.push(decodeFrame(reader));
    }
    return frames;
  }

  /** The code of the close that the endpoint answers with, if it does. */
  closeCode(): number | undefined {
    const close = this.frames().find((frame) => frame.type === "close");
    return close?.type === "close" ? close.code : undefined;
  }
}

const VIOLATIONS: readonly [string, number[], number][] = [
  ["an empty packet", [], CloseCode.PROTOCOL_VIOLATION],
  ["an unknown frame", [0x7f], CloseCode.FRAME_ENCODING_ERROR],
  ["a truncated frame", [0x60], CloseCode.FRAME_ENCODING_ERROR],
  [
    "an ack of a packet never sent",
    [0x30, 0x40, 0x99, 0, 0, 0],
    CloseCode.PROTOCOL_VIOLATION,
  ],
  // Open and data on stream 4·4 = 16, the fifth, where four are granted.
  ["a stream beyond the limit", [0x13, 16, 1, 1, 0xaa], CloseCode.LIMIT_ERROR],
  // Data on a stream of the responder's that it never opened.
  [
    "data on a stream never opened",
    [0x12, 2, 0, 1, 0xaa],
    CloseCode.STREAM_STATE_ERROR,
  ],
  // Offset 2^30 is beyond any credit.
  [
    "data beyond the credit",
    [0x12, 0, 0xc0, 0, 0, 0, 0x40, 0, 0, 0, 1, 0xaa],
    CloseCode.FLOW_CONTROL_ERROR,
  ],
];

for (const [name, bytes, expected] of VIOLATIONS) {
  Deno.test(`A peer that sends ${name} gets a close with code ${expected}`, () => {
    const peer = new HostilePeer();
    peer.send(Uint8Array.from(bytes));
    const code = peer.closeCode();
    const accepted = expected === CloseCode.LIMIT_ERROR
      ? [expected, CloseCode.STREAM_LIMIT_ERROR]
      : [expected];
    assert.ok(
      code !== undefined && accepted.includes(code as never),
      `got ${code}`,
    );
  });
}

Deno.test("A peer that changes the final size of a stream gets FINAL_SIZE_ERROR", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x17, 0, 1, 1, 0xaa));
  peer.send(Uint8Array.of(0x16, 0, 1, 1, 0xbb));
  assert.equal(peer.closeCode(), CloseCode.FINAL_SIZE_ERROR);
});

Deno.test("Reserved packet flags close the connection", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x50, 1), 0x80);
  assert.equal(peer.closeCode(), CloseCode.PROTOCOL_VIOLATION);
});

Deno.test("A closing endpoint answers ever more rarely", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x7f));
  assert.ok(peer.closeCode() !== undefined);
  let answers = 0;
  for (let i = 0; i < 64; i++) {
    peer.send(Uint8Array.of(0x50, 1));
    answers += peer.received().length;
  }
  assert.equal(answers, 7);
});

Deno.test("Path challenges are answered, a flood of them is bounded", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x50, 2, 1, 2, 3, 4, 5, 6, 7, 8));
  assert.ok(
    peer.frames().some((frame) =>
      frame.type === "path-response" && frame.data[7] === 8
    ),
  );
  const flood = new Uint8Array(100 * 10);
  for (let i = 0; i < 100; i++) {
    flood.set([0x50, 2, i, 0, 0, 0, 0, 0, 0, 0], 10 * i);
  }
  peer.send(flood);
  assert.ok(
    peer.frames().filter((frame) => frame.type === "path-response").length <= 4,
  );
});

Deno.test("Any authenticated plaintext is taken or answered with a close, never thrown", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 6 }),
      (packets) => {
        const peer = new HostilePeer();
        for (const plaintext of packets) peer.send(plaintext);
        peer.received();
        while (peer.endpoint.pollEvent() !== undefined);
      },
    ),
    { numRuns: 150 },
  );
});

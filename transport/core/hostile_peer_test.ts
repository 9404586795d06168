/**
 * A peer that holds the right keys and breaks the rules: it makes its own
 * packets and is answered with a close, never with an exception or a hang.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PacketFlags } from "../../protocol/mod.ts";
import { HostilePeer } from "../../tests/support/hostile_peer.ts";
import { CloseCode } from "./error.ts";

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

for (const flag of [0x01, 0x20, 0x40, 0x80]) {
  Deno.test(`Flag 0x${flag.toString(16)} of a sealed packet closes the connection`, () => {
    const peer = new HostilePeer();
    peer.send(Uint8Array.of(0x50, 1), flag);
    assert.equal(peer.closeCode(), CloseCode.PROTOCOL_VIOLATION);
  });
}

for (const reservedByte of [0x01, 0xff]) {
  Deno.test(`A reserved byte of ${reservedByte} closes the connection`, () => {
    const peer = new HostilePeer();
    peer.deliver(peer.keys.seal({
      connectionId: peer.serverConnectionId,
      packetNumber: 0,
      flags: PacketFlags.ACK_ELICITING,
      reservedByte,
      plaintext: Uint8Array.of(0x50, 1),
      generation: 0,
    }));
    assert.equal(peer.closeCode(), CloseCode.PROTOCOL_VIOLATION);
  });
}

// docs/spec/transport.md#packets
Deno.test("A receiver goes by the frames of a packet, whatever its flags say of them", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x50, 1), 0);
  peer.send(Uint8Array.of(0x50, 1), PacketFlags.ACK);
  assert.ok(peer.frames().some(({ type }) => type === "ack"));
  peer.send(Uint8Array.of(0), PacketFlags.ACK_ELICITING);
  peer.send(Uint8Array.of(0), PacketFlags.ACK_ELICITING);
  assert.deepEqual(peer.frames(), []);
});

// docs/spec/transport.md#packet-protection
Deno.test("A packet number of 2^53 or more is dropped, the one before is taken", () => {
  const peer = new HostilePeer();
  const seal = (packetNumber: number): Uint8Array =>
    peer.keys.seal({
      connectionId: peer.serverConnectionId,
      packetNumber,
      flags: PacketFlags.ACK_ELICITING,
      plaintext: Uint8Array.of(0x50, 1),
      generation: 0,
    });
  const ackOf = (): unknown => {
    const ack = peer.frames().find(({ type }) => type === "ack");
    return ack?.type === "ack" ? ack.ranges[0] : undefined;
  };
  peer.deliver(seal(2 ** 53));
  assert.equal(ackOf(), undefined);
  assert.deepEqual(peer.endpoint.stats.drops, { undecryptable: 1 });
  const last = 2 ** 53 - 1;
  peer.deliver(seal(last));
  assert.deepEqual(ackOf(), { start: last, end: last + 1 });
});

// docs/spec/transport.md#transport-parameters
Deno.test("Parameters that have no place with an initiator are not used", () => {
  const peer = new HostilePeer({
    parameters: { connectionId: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9) },
  });
  peer.send(Uint8Array.of(0x50, 2, 1, 2, 3, 4, 5, 6, 7, 8));
  assert.ok(peer.frames().some(({ type }) => type === "path-response"));
});

// docs/spec/frames.md#stream
Deno.test("A frame at offset 0 is taken without the open bit, and with another priority than before", () => {
  const peer = new HostilePeer();
  peer.send(Uint8Array.of(0x12, 0, 0, 1, 0xaa));
  peer.send(Uint8Array.of(0x13, 0, 2, 1, 0xaa));
  peer.send(Uint8Array.of(0x17, 0, 0, 1, 0xaa));
  assert.equal(peer.closeCode(), undefined);
  const stream = peer.connection.streamState(0);
  assert.equal(stream?.readableBytes, 1);
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

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  PACKET_HEADER_LENGTH,
  PACKET_TAG_LENGTH,
  PacketFlags,
} from "../../protocol/mod.ts";
import type { AeadSuite } from "../../crypto/mod.ts";
import {
  type AeadLimits,
  aeadLimits,
  CLOSE_RESERVE_PACKETS,
} from "./aead_limits.ts";
import { PacketProtection } from "./packet_protection.ts";

const CONNECTION_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);

/** Two ends that share their secrets. */
function pair(): [PacketProtection, PacketProtection] {
  const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const options = { suite: "chacha20-poly1305", provider: undefined } as const;
  return [
    new PacketProtection({
      ...options,
      sendSecret: secret(1),
      receiveSecret: secret(2),
    }),
    new PacketProtection({
      ...options,
      sendSecret: secret(2),
      receiveSecret: secret(1),
    }),
  ];
}

/** One end with its packet numbers. */
class Sender {
  #next = 0;
  constructor(readonly protection: PacketProtection) {}

  send(text: string): { packet: Uint8Array; packetNumber: number } {
    const plaintext = new TextEncoder().encode(text);
    const packet = new Uint8Array(
      PACKET_HEADER_LENGTH + plaintext.length + PACKET_TAG_LENGTH,
    );
    packet.set(plaintext, PACKET_HEADER_LENGTH);
    const packetNumber = this.#next++;
    this.protection.seal(packet, 0, {
      connectionId: CONNECTION_ID,
      packetNumber,
      flags: PacketFlags.ACK_ELICITING,
      plaintextLength: plaintext.length,
    });
    return { packet, packetNumber };
  }
}

/** What the packet says, or `undefined` when it does not open. */
function open(
  protection: PacketProtection,
  packet: Uint8Array,
): string | undefined {
  const into = new Uint8Array(2_048);
  protection.unmask(packet, 0);
  const length = protection.open(packet, into);
  return length < 0
    ? undefined
    : new TextDecoder().decode(into.subarray(0, length));
}

Deno.test("PacketProtection opens what the other end sealed, and nothing that was changed", () => {
  const [left, right] = pair();
  const { packet } = new Sender(left).send("hello");
  assert.equal(open(right, packet), "hello");
  assert.equal(right.flags, PacketFlags.ACK_ELICITING);
  for (let bit = 0; bit < packet.length * 8; bit++) {
    const damaged = packet.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(open(right, damaged), undefined, `bit ${bit}`);
  }
});

Deno.test("PacketProtection masks flags, packet number and nonce (RFC 9001 §5.4)", () => {
  const [left, right] = pair();
  const { packet } = new Sender(left).send("text");
  // Packet number 0 and the flags would be in the clear otherwise.
  assert.ok(packet.subarray(8, 16).some((byte) => byte !== 0));
  assert.notEqual(packet[16], PacketFlags.ACK_ELICITING);
  assert.equal(right.unmask(packet, 0), 0);
  assert.equal(right.flags, PacketFlags.ACK_ELICITING);
});

Deno.test("PacketProtection follows the peer's key update and answers with its own (RFC 9001 §6.2)", () => {
  const [left, right] = pair();
  const [fromLeft, fromRight] = [new Sender(left), new Sender(right)];
  const first = fromLeft.send("before");
  assert.equal(
    left.updateKeys(),
    false,
    "nothing of this phase is acknowledged",
  );
  left.onPacketAcked(first.packetNumber);
  assert.equal(left.updateKeys(), true);
  assert.equal(left.updateKeys(), false, "the peer has not followed");
  const second = fromLeft.send("after");
  assert.equal(open(right, second.packet), "after");
  assert.equal(right.keyUpdateCount, 1);
  assert.equal(
    open(right, first.packet),
    "before",
    "a late packet still opens",
  );
  assert.equal(open(left, fromRight.send("answer").packet), "answer");
  assert.equal(left.keyUpdateCount, 1);
  right.dropPreviousKeys();
  assert.equal(open(right, first.packet), undefined, "too late");
});

Deno.test("PacketProtection survives an update by both ends at once (RFC 9001 §6.2)", () => {
  const [left, right] = pair();
  const [fromLeft, fromRight] = [new Sender(left), new Sender(right)];
  left.onPacketAcked(fromLeft.send("a").packetNumber);
  right.onPacketAcked(fromRight.send("b").packetNumber);
  assert.ok(left.updateKeys() && right.updateKeys());
  assert.equal(open(right, fromLeft.send("left").packet), "left");
  assert.equal(open(left, fromRight.send("right").packet), "right");
  assert.equal(left.keyUpdateCount, 1);
  assert.equal(right.keyUpdateCount, 1);
  left.onPacketAcked(fromLeft.send("c").packetNumber);
  assert.ok(left.updateKeys());
  assert.equal(open(right, fromLeft.send("again").packet), "again");
});

Deno.test("PacketProtection is not moved to the next phase by a forged bit (RFC 9001 §6.3)", () => {
  const [left, right] = pair();
  const sender = new Sender(left);
  const damaged = sender.send("x").packet;
  damaged[16]! ^= PacketFlags.KEY_PHASE;
  assert.equal(open(right, damaged), undefined);
  assert.equal(right.keyUpdateCount, 0);
  assert.equal(open(right, sender.send("y").packet), "y");
});

Deno.test("PacketProtection refuses to use a packet number twice", () => {
  const [left] = pair();
  new Sender(left).send("once");
  assert.throws(() => new Sender(left).send("twice"), /packet number/i);
});

Deno.test("PacketProtection opens every packet once, whatever the order, over many updates", () => {
  const step = fc.constantFrom(
    "left",
    "right",
    "update-left",
    "update-right",
    "deliver",
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.infiniteStream(fc.nat(3)),
      (steps, picks) => {
        const ends = pair();
        const senders = ends.map((end) => new Sender(end));
        // A packet is on its way for less than one key phase: at most four wait.
        const waiting: {
          packet: Uint8Array;
          packetNumber: number;
          text: string;
        }[][] = [[], []];
        let count = 0;
        const deliver = (from: number): void => {
          const queue = waiting[from]!;
          const next =
            queue.splice(picks.next().value % Math.max(1, queue.length), 1)[0];
          if (next === undefined) return;
          assert.equal(open(ends[1 - from]!, next.packet), next.text);
          ends[from]!.onPacketAcked(next.packetNumber);
        };
        for (const name of steps) {
          const side = name.endsWith("left") ? 0 : 1;
          if (name.startsWith("update")) {
            while (waiting[side]!.length > 0) deliver(side);
            ends[side]!.updateKeys();
          } else if (name === "deliver") {
            deliver(0);
            deliver(1);
          } else {
            const text = `packet ${count++}`;
            waiting[side]!.push({ ...senders[side]!.send(text), text });
            if (waiting[side]!.length > 4) deliver(side);
          }
        }
      },
    ),
  );
});

// ── Limits of use ────────────────────────────────────────────────────────────

/** Two ends with planted limits. */
function limitedPair(
  suite: AeadSuite,
  limits?: AeadLimits,
): [PacketProtection, PacketProtection] {
  const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
  const end = (send: number, receive: number): PacketProtection =>
    new PacketProtection({
      suite,
      provider: undefined,
      sendSecret: secret(send),
      receiveSecret: secret(receive),
      ...(limits === undefined ? {} : { limits }),
    });
  return [end(1, 2), end(2, 1)];
}

for (const suite of ["chacha20-poly1305", "aes-256-gcm"] as const) {
  Deno.test(`${suite}: a key is exhausted at its limit, a reserve for closes is left, and not one packet more (RFC 9001 §6.6)`, () => {
    const [left] = limitedPair(suite, {
      confidentialityPackets: 200,
      integrityPackets: 10,
    });
    const sender = new Sender(left);
    assert.equal(left.updateAfterPackets, 100);
    while (!left.isExhausted) sender.send("x");
    assert.equal(left.packetsSealedInPhase, 200 - CLOSE_RESERVE_PACKETS);
    for (let i = 0; i < CLOSE_RESERVE_PACKETS; i++) sender.send("close");
    assert.equal(left.packetsSealedInPhase, 200);
    assert.throws(() => sender.send("one more"), /limit/);
  });

  Deno.test(`${suite}: a key update gives the whole limit anew`, () => {
    const [left, right] = limitedPair(suite, {
      confidentialityPackets: 200,
      integrityPackets: 10,
    });
    const sender = new Sender(left);
    for (let i = 0; i < 100; i++) sender.send("x");
    assert.equal(open(right, sender.send("y").packet), "y");
    left.onPacketAcked(100);
    assert.ok(left.updateKeys());
    assert.equal(left.packetsSealedInPhase, 0);
    for (let i = 0; i < 135; i++) sender.send("x");
    assert.equal(left.isExhausted, false);
    sender.send("x");
    assert.equal(left.isExhausted, true);
  });

  Deno.test(`${suite}: forged packets count over all keys of a connection (RFC 9001 §6.6)`, () => {
    const [left, right] = limitedPair(suite, {
      confidentialityPackets: 2 ** 20,
      integrityPackets: 5,
    });
    const sender = new Sender(left);
    const forge = (): void => {
      const { packet } = sender.send("x");
      packet[packet.length - 1]! ^= 1;
      assert.equal(open(right, packet), undefined);
    };
    for (let i = 0; i < 3; i++) forge();
    assert.equal(open(right, sender.send("y").packet), "y");
    left.onPacketAcked(3);
    assert.ok(left.updateKeys());
    assert.equal(open(right, sender.send("z").packet), "z");
    assert.equal(right.keyUpdateCount, 1);
    forge();
    assert.equal(right.isExhausted, false);
    forge();
    assert.equal(right.forgedCount, 5);
    assert.equal(right.isExhausted, true);
  });

  Deno.test(`${suite}: without other limits those of RFC 9001 §6.6 hold, to the packet`, () => {
    const { confidentialityPackets } = aeadLimits(suite);
    const [left] = limitedPair(suite);
    const seal = (packetNumber: number): void => {
      const packet = new Uint8Array(64);
      left.seal(packet, 0, {
        connectionId: CONNECTION_ID,
        packetNumber,
        flags: 0,
        plaintextLength: 4,
      });
    };
    seal(confidentialityPackets - CLOSE_RESERVE_PACKETS - 2);
    assert.equal(left.isExhausted, false);
    seal(confidentialityPackets - CLOSE_RESERVE_PACKETS - 1);
    assert.equal(left.isExhausted, true);
    seal(confidentialityPackets - 1);
    assert.throws(() => seal(confidentialityPackets), /limit/);
  });
}

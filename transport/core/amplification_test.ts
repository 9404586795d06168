/**
 * What an address gets that has shown nothing: at most three times what came from
 * there, whatever a peer that holds the keys does (RFC 9000 §8.1, §9.3, §21.4).
 */
import assert from "node:assert/strict";
import { ByteWriter } from "../../internal/byte_writer.ts";
import { encodeAckFrame } from "../../protocol/frame/mod.ts";
import { PACKET_HEADER_LENGTH, PacketFlags } from "../../protocol/mod.ts";
import {
  firstPacket,
  HOSTILE_ADDRESS,
  HostilePeer,
  sealPacket,
} from "../../tests/support/hostile_peer.ts";
import type { Address } from "./address.ts";
import type { Connection } from "./connection.ts";
import { MAX_PTO_MS } from "./loss_detector.ts";
import { PacketProtection } from "./packet_protection.ts";

const VICTIM: Address = { hostname: "203.0.113.5", port: 53 };
const GREEDY = { maxDataBytes: 2 ** 40, maxStreamDataBytes: 2 ** 40 };
const PADDING = Uint8Array.of(0);
/** Opens the first stream, with a byte of data. */
const OPEN = Uint8Array.of(0x17, 0, 1, 1, 65);

/** Counts what goes to the victim. */
class Traffic {
  receivedBytes = 0;
  sentBytes = 0;
  readonly #peer: HostilePeer;

  constructor(peer: HostilePeer) {
    this.#peer = peer;
  }

  /** A datagram that seems to come from the victim, and what it brings about. */
  spoof(datagram: Uint8Array): void {
    this.receivedBytes += this.#peer.deliver(datagram, VICTIM);
    this.count();
  }

  count(): void {
    this.#peer.events();
    for (const { bytes, to } of this.#peer.sentBack()) {
      if (to.hostname === VICTIM.hostname) this.sentBytes += bytes.length;
    }
    this.#peer.events();
  }

  check(): void {
    assert.ok(this.sentBytes > 0, "it was reached at all");
    assert.ok(
      this.sentBytes <= 3 * this.receivedBytes,
      `${this.sentBytes} bytes for ${this.receivedBytes}`,
    );
  }
}

/** The responder has a lot to say on the first stream of the peer. */
function answerAtLength(peer: HostilePeer): void {
  peer.send(OPEN);
  peer.received();
  peer.connection.writeStream(0, new Uint8Array(1_000_000));
}

/** Peers of one endpoint. */
function greedyPeers(count: number): HostilePeer[] {
  const first = new HostilePeer({ parameters: GREEDY });
  const peers = [first];
  for (let index = 1; index < count; index++) {
    const address = { hostname: "10.0.1.1", port: index };
    peers.push(
      new HostilePeer({
        beside: first,
        seed: 1 + index,
        address,
        parameters: GREEDY,
      }),
    );
  }
  return peers;
}

for (const peerCount of [1, 2, 20]) {
  Deno.test(`A datagram with packets of ${peerCount} connections in turn counts once`, () => {
    const peers = greedyPeers(peerCount);
    const [first] = peers;
    const traffic = new Traffic(first!);
    for (const peer of peers) answerAtLength(peer);
    for (const peer of peers) traffic.spoof(peer.seal(PADDING));
    const headers = new Uint8Array(40 * PACKET_HEADER_LENGTH);
    for (let index = 0; index < 40; index++) {
      const { serverConnectionId } = peers[index % peerCount]!;
      headers.set(serverConnectionId, index * PACKET_HEADER_LENGTH);
    }
    traffic.spoof(headers);
    traffic.check();
  });
}

for (const peerCount of [2, 9]) {
  Deno.test(`A datagram with which ${peerCount} connections move counts once`, () => {
    const peers = greedyPeers(peerCount);
    const [first, ...others] = peers;
    const traffic = new Traffic(first!);
    for (const peer of peers) answerAtLength(peer);
    first!.sentBack();
    // As often as the window of the first one takes what it may send.
    for (let round = 0; round < 3; round++) {
      // The others come back from elsewhere each time, the first one stays.
      for (const peer of others) {
        peer.now = first!.now;
        peer.send(PADDING);
        first!.sentBack();
      }
      const packets = peers.map((peer) => peer.seal(new Uint8Array(90)));
      traffic.spoof(joined(packets));
      // What is in vain is left by then; as long again, and it may be tried once more.
      for (let step = 0; step < 2; step++) {
        first!.now += MAX_PTO_MS;
        first!.endpoint.handleTimeout(first!.now);
        traffic.count();
      }
    }
    for (const { connection } of others) {
      assert.ok(connection.stats.moves >= 3, "it has moved");
    }
    traffic.check();
  });
}

Deno.test("A peer that moves with the second packet of a datagram has all of it counted", () => {
  const peer = new HostilePeer({ parameters: GREEDY });
  answerAtLength(peer);
  peer.received();
  const copy = peer.seal(new Uint8Array(200));
  peer.deliver(copy);
  const traffic = new Traffic(peer);
  const second = peer.seal(PADDING);
  traffic.spoof(joined([copy, second]));
  traffic.check();
  assert.ok(traffic.sentBytes > 3 * second.length, "more than one counts");
});

function joined(packets: readonly Uint8Array[]): Uint8Array {
  const bytes = packets.flatMap((packet) => [...packet]);
  return Uint8Array.from(bytes);
}

Deno.test("The finish of a handshake with a ticket proves nothing about an address that the answer did not go to", () => {
  const peer = new HostilePeer({ parameters: { ...GREEDY, maxTickets: 4 } });
  const handshake = peer.resume(peer.ticket(), OPEN);
  peer.deliver(handshake.hello);
  const [answer] = peer.received();
  const outcome = handshake.handleResponderHello(firstPacket(answer!));
  assert.ok(outcome.ok);
  const { result } = outcome;
  const connection = incoming(peer);
  connection.writeStream(0, new Uint8Array(1_000_000));
  const traffic = new Traffic(peer);
  traffic.spoof(handshake.finish);
  assert.equal(connection.isConfirmed, true);
  traffic.check();

  // It goes on there with acknowledgements that are guessed.
  const protection = new PacketProtection({
    ...result,
    suite: "chacha20-poly1305",
    provider: undefined,
  });
  for (let number = 0; number < 200; number++) {
    peer.now += 5;
    peer.endpoint.handleTimeout(peer.now);
    const packet = sealPacket(protection, ack(number, number + 1), {
      connectionId: result.peerConnectionId,
      packetNumber: number,
      flags: PacketFlags.ACK_ELICITING,
    });
    if (connection.state !== "established") break;
    traffic.spoof(packet);
  }
  traffic.check();
});

/** The connection that the endpoint tells of next. */
function incoming(peer: HostilePeer): Connection {
  const event = peer.events()
    .find(({ type }) => type === "connection-incoming");
  assert.ok(event?.type === "connection-incoming");
  return event.connection;
}

/** An Ack frame for a half-open range of packet numbers. */
function ack(start: number, end: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const writer = new ByteWriter(bytes);
  encodeAckFrame(writer, {
    largest: end - 1,
    delayMicros: 0,
    ranges: [{ start, end }],
  });
  return bytes.subarray(0, writer.offset);
}

for (const reason of ["x".repeat(256), "€".repeat(80), ""]) {
  Deno.test(`A close with a reason of ${reason.length} characters is cut to what may be sent`, () => {
    const peer = new HostilePeer();
    peer.received();
    const traffic = new Traffic(peer);
    traffic.spoof(peer.seal(PADDING));
    traffic.spoof(peer.seal(PADDING));
    peer.connection.close(peer.now, 300, reason);
    traffic.count();
    traffic.check();
  });
}

Deno.test("A peer that has just moved is told of the end, though all has been sent that may be", () => {
  for (const plaintext of [PADDING, OPEN]) {
    const peer = new HostilePeer({ parameters: GREEDY });
    answerAtLength(peer);
    peer.received();
    const traffic = new Traffic(peer);
    traffic.spoof(peer.seal(plaintext));
    assert.ok(traffic.sentBytes > 0);
    const before = traffic.sentBytes;
    peer.connection.close(peer.now, 300, "gone");
    traffic.count();
    assert.ok(traffic.sentBytes > before, "the close");
    traffic.check();
  }
});

for (const isPeerFirst of [true, false]) {
  Deno.test(`Closes are repeated, and answered, within what may be sent; ${isPeerFirst ? "the peer" : "this side"} closes`, () => {
    const peer = new HostilePeer({ parameters: GREEDY });
    answerAtLength(peer);
    peer.received();
    const traffic = new Traffic(peer);
    if (isPeerFirst) traffic.spoof(peer.seal(Uint8Array.of(0x50, 8, 0, 0)));
    else {
      traffic.spoof(peer.seal(PADDING));
      peer.connection.close(peer.now, 300, "x".repeat(256));
    }
    traffic.count();
    while (peer.connection.state !== "closed") {
      peer.now = peer.endpoint.pollTimeout()!;
      peer.endpoint.handleTimeout(peer.now);
      traffic.count();
    }
    traffic.check();
  });
}

Deno.test("A peer that acknowledges what it cannot have received is found out before long", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const peer = new HostilePeer({ seed, parameters: GREEDY });
    answerAtLength(peer);
    let sentCount = 0;
    while (peer.connection.state === "established") {
      assert.ok(sentCount < 2_000, `seed ${seed}`);
      peer.now += 1;
      peer.endpoint.handleTimeout(peer.now);
      peer.connection.writeStream(0, new Uint8Array(100_000));
      sentCount += peer.received().length;
      // All that was sent must have numbers up to here.
      peer.send(ack(0, sentCount + 1));
    }
    assert.ok(sentCount > 10, `seed ${seed}`);
  }
});

for (
  const [name, addressOf] of [
    ["stays", undefined],
    ["changes its port", (port: number) => ({ ...HOSTILE_ADDRESS, port })],
  ] as const
) {
  Deno.test(`A peer that ${name}, challenges paths and acknowledges nothing has next to nothing remembered`, () => {
    const peer = new HostilePeer({ parameters: GREEDY });
    const { connection } = peer;
    answerAtLength(peer);
    const challenge = new Uint8Array(10);
    challenge.set([0x50, 2]);
    for (let index = 1; index <= 20_000; index++) {
      // Within the budget of frames: a thousand in a round trip.
      peer.now += 0.05;
      peer.deliver(peer.seal(challenge), addressOf?.(index));
      peer.received();
      const dueAt = peer.endpoint.pollTimeout() ?? Infinity;
      if (dueAt <= peer.now) peer.endpoint.handleTimeout(peer.now);
    }
    assert.equal(connection.state, "established");
    assert.ok(connection.stats.packetsSent > 10_000, "it was answered");
    const { bytesInFlight, congestionWindowBytes } = connection.stats;
    assert.ok(bytesInFlight < 2 * congestionWindowBytes, `${bytesInFlight}`);
  });
}

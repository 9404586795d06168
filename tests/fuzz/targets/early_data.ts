/**
 * Session tickets from anybody, and early data from a peer that holds the keys.
 *
 * @module
 */
import { concat } from "../../../internal/concat.ts";
import { ByteReader } from "../../../internal/byte_reader.ts";
import {
  decodeEarlyPayload,
  encodeEarlyPayload,
} from "../../../transport/core/early_data.ts";
import { SessionTickets } from "../../../transport/core/session_ticket.ts";
import {
  decodeTicketRefusal,
  encodeTicketRefusal,
} from "../../../transport/core/ticket_refusal.ts";
import { HOSTILE_ADDRESS, HostilePeer } from "../../support/hostile_peer.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { magnitudeOf, signatureOf } from "../signature.ts";
import {
  DEFAULT_BUDGET,
  type FuzzTarget,
  require,
  Violation,
} from "../target.ts";

const NOW = 1_000;

/** The same tickets each time. */
function createTickets(): { tickets: SessionTickets; genuine: Uint8Array } {
  const tickets = new SessionTickets(new SeededRandom(31), {
    ticketLifetimeMs: 10_000,
    maxUsedTickets: 4,
  });
  const genuine = tickets.create(NOW, {
    suiteCode: 1,
    resumptionSecret: new Uint8Array(32).fill(1),
    initiatorPublicKey: new Uint8Array(32).fill(2),
    hostname: "10.0.0.1",
  });
  return { tickets, genuine };
}

const SESSION_TICKET: FuzzTarget = {
  name: "session-ticket",
  subject: "SessionTickets.open: a byte for the time, then any ticket",
  maxLength: 512,
  seeds: () => {
    const { genuine } = createTickets();
    return [
      concat(Uint8Array.of(0), genuine),
      concat(Uint8Array.of(9), genuine),
      concat(Uint8Array.of(10), genuine),
      concat(Uint8Array.of(0), genuine.subarray(0, 4)),
      concat(Uint8Array.of(0), genuine, genuine),
    ];
  },
  run(input) {
    const { tickets, genuine } = createTickets();
    const now = NOW + 1_000 * (input[0] ?? 0);
    const ticket = input.subarray(1);
    const before = ticket.slice();
    const outcome = tickets.open(now, ticket);
    require(isSame(ticket, before), "a ticket is borrowed, not changed");
    if (!outcome.ok) return `refused ${outcome.reason}`;
    require(isSame(ticket, genuine), "only what was made here opens");
    require(now < NOW + 10_000, "a ticket expires");
    outcome.ticket.use();
    const again = tickets.open(now, ticket);
    require(!again.ok && again.reason === "used", "a ticket serves once");
    return "ok";
  },
};

const TICKET_REFUSAL: FuzzTarget = {
  name: "ticket-refusal",
  subject: "decodeTicketRefusal: a refusal or undefined, never a throw",
  maxLength: 128,
  seeds: () =>
    [true, false].map((isUsed) =>
      encodeTicketRefusal(
        Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
        { isUsed },
        new Uint8Array(32),
      )
    ),
  run(input) {
    const refusal = decodeTicketRefusal(input);
    if (refusal === undefined) return "refused";
    require(input.length === 50, "a refusal has one length");
    return `ok ${refusal.isUsed}`;
  },
};

const EARLY_PAYLOAD: FuzzTarget = {
  name: "early-payload",
  subject: "decodeEarlyPayload: its two parts or undefined, never a throw",
  maxLength: 2_048,
  seeds: () => [
    encodeEarlyPayload(new Uint8Array(60), new Uint8Array(700)),
    encodeEarlyPayload(new Uint8Array(0), new Uint8Array(0)),
    Uint8Array.of(0xff, 0xff, 1),
  ],
  run(input) {
    const decoded = decodeEarlyPayload(input);
    if (decoded === undefined) return "refused";
    const { parameters, frames } = decoded;
    require(
      isSame(encodeEarlyPayload(parameters, frames), input),
      "what was decoded does not survive being encoded and decoded again",
    );
    return `ok ${signatureOf([parameters.length, frames.length])}`;
  },
};

/** How much of the input is early data; the rest is sent as a packet. */
const MAX_EARLY_BYTES = 700;

const EARLY_FRAMES: FuzzTarget = {
  name: "early-frames",
  subject:
    "an endpoint and early data: a length, frames, then a packet's frames",
  maxLength: 1_400,
  budget: { ...DEFAULT_BUDGET, baseMs: 500, baseBytes: 64 << 20 },
  seeds: () =>
    [
      // A call, two streams, a reset, a stop, credit.
      [0x17, 0, 1, 2, 104, 105],
      [0x17, 0, 1, 1, 65, 0x17, 4, 1, 1, 66],
      [0x13, 0, 1, 1, 65, 0x50, 0x06, 0, 7, 1],
      [0x11, 0, 1, 0x50, 0x07, 0, 3],
      [0x61, 0x80, 0x10, 0, 0, 0x60, 0, 0x50, 0],
      // What does not belong there.
      [0x50, 0x01],
      [0x50, 0x08, 0, 0],
      [0x30, 0x0a, 0x19, 2, 2, 1, 0, 0, 3],
      [],
    ].map((frames) => Uint8Array.of(frames.length, 0, ...frames)),
  run(input) {
    const reader = new ByteReader(input);
    const length = reader.u16();
    const peer = new HostilePeer();
    const { endpoint } = peer;
    const given = peer.frames().find((frame) => frame.type === "ticket");
    require(given?.type === "ticket", "there is a ticket");
    peer.events();
    const early = reader.isFailed
      ? new Uint8Array(0)
      : reader.bytes(Math.min(length % MAX_EARLY_BYTES, reader.remaining));
    const { hello } = peer.resume(given.ticket, early);
    endpoint.handleDatagram(peer.now, HOSTILE_ADDRESS, hello);
    const words = [...wordsOf(peer)];
    const elsewhere = { hostname: "10.0.0.66", port: 66 };
    const opened = words.filter((word) => word === "stream-opened").length;
    for (const from of [HOSTILE_ADDRESS, elsewhere, HOSTILE_ADDRESS]) {
      endpoint.handleDatagram(peer.now, from, hello);
    }
    const later = [...wordsOf(peer)];
    require(later.length === 0, "a copy of a hello does nothing");
    let sentBytes = 0;
    for (let turn = 0; turn < 100; turn++) {
      for (const datagram of peer.received()) sentBytes += datagram.length;
      const deadline = endpoint.pollTimeout();
      if (deadline === undefined || deadline > peer.now + 5_000) break;
      peer.now = deadline;
      endpoint.handleTimeout(deadline);
    }
    // Two hellos from one host, that of the ticket, and one from elsewhere.
    require(sentBytes < 65_536, "an answer to early data is bounded");
    return [...new Set(words), `opened:${magnitudeOf(opened)}`].join(" ");
  },
};

function* wordsOf(peer: HostilePeer): Generator<string> {
  for (const each of peer.events()) {
    if (each.type === "connection-incoming") continue;
    const { event } = each;
    if (event.type !== "closed") yield event.type;
    else {
      if (event.error.fault === "internal") {
        throw new Violation(`no bug of ours: ${event.error.message}`);
      }
      yield `closed:${event.error.code}`;
    }
  }
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length &&
    left.every((byte, index) => byte === right[index]);
}

/** The targets of this file. */
export const EARLY_DATA_TARGETS: readonly FuzzTarget[] = [
  SESSION_TICKET,
  TICKET_REFUSAL,
  EARLY_PAYLOAD,
  EARLY_FRAMES,
];

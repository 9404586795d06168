/**
 * Tickets, and data in the first datagram.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import {
  generateKeyPair,
  hkdfExpandSha256,
  hmacSha256,
  type KeyPair,
  x25519,
} from "../../crypto/mod.ts";
import { encodeMessage, type TicketFrame } from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { check, type Clause, fail, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import {
  DEFAULT_PARAMETERS,
  type Handshake,
  type Resumption,
} from "../peer/handshake.ts";
import { pingFrame, type RawConnection } from "../peer/raw_connection.ts";
import {
  callMessage,
  receiveReply,
  requireCredit,
  requireNode,
  statusOf,
  streamFrame,
} from "../peer/requests.ts";
import { HELLO_BYTES, Kind } from "../wire/handshake_codec.ts";
import { Parameter } from "../wire/parameter_codec.ts";

const SPEC = "transport.md#tickets-and-early-data";

/** Tickets that the kit wants. */
const WANTED_TICKETS = 2;

/** Longest ticket, in bytes. */
const MAX_TICKET_BYTES = 512;

/** How long tickets are waited for, in milliseconds. */
const TICKET_WAIT_MS = 800;

const text = new TextEncoder();

/** The tickets that came on a connection; a repeated frame is the same one. */
function ticketsOf(connection: RawConnection): TicketFrame[] {
  const tickets = connection.frames.map(({ frame }) => frame)
    .filter((frame) => frame.type === "ticket");
  return [
    ...new Map(tickets.map((frame) => [frame.ticket.join(), frame])).values(),
  ];
}

/** A connection that asks for tickets, and its first ones. */
async function connectForTickets(
  context: ClauseContext,
): Promise<{
  readonly connection: RawConnection;
  readonly keyPair: KeyPair;
  readonly tickets: TicketFrame[];
}> {
  const keyPair = generateKeyPair(systemRandom);
  const connection = await context.connect({
    keyPair,
    parameters: [
      ...DEFAULT_PARAMETERS,
      [Parameter.MAX_TICKETS, WANTED_TICKETS],
    ],
  });
  await connection.ping();
  const end = TICKET_WAIT_MS + 2 * context.target.rttMs;
  for (let waited = 0; waited < end; waited += 50) {
    if (ticketsOf(connection).length > 0) break;
    await connection.listen(50);
  }
  const tickets = ticketsOf(connection);
  if (tickets.length === 0) skip("the node gives no tickets");
  return { connection, keyPair, tickets };
}

/** What a hello with a ticket needs, in the hands of whoever has a static key. */
function resumptionWith(
  { connection, keyPair }: {
    readonly connection: RawConnection;
    readonly keyPair: KeyPair;
  },
  { ticket }: Pick<TicketFrame, "ticket">,
  frames: Uint8Array,
): Resumption {
  requireCredit(connection, frames.length);
  const { sendSecret, handshakeHash, peerKey } = connection.agreed;
  const secret = hkdfExpandSha256(
    sendSecret,
    concat(text.encode("mxp v1 resume"), handshakeHash),
    32,
  );
  const psk = hkdfExpandSha256(
    hmacSha256(secret, x25519(keyPair.privateKey, peerKey)),
    concat(text.encode("mxp v1 psk"), ticket),
    32,
  );
  return { ticket, psk, frames };
}

/** A request that may run twice, on the first stream. */
function earlyRequest(): Uint8Array {
  const message = callMessage("mxp.ping", text.encode("early"), {
    isIdempotent: true,
  });
  return streamFrame(0, { data: encodeMessage(message), isFin: true });
}

/** Insists that a hello with a ticket is refused. */
async function expectTicketRefusal(
  context: ClauseContext,
  handshake: Handshake,
  what: string,
): Promise<number> {
  const socket = await context.openSocket();
  let hello = handshake.hello();
  for (;;) {
    socket.send(hello);
    const received = await context.receiveHandshake(socket, handshake, {
      repeat: hello,
    });
    if (received === undefined) fail(`${what} got no answer`);
    const { packet } = received;
    if (packet.kind === Kind.RETRY) {
      hello = handshake.hello({ cookie: handshake.readRetry(packet) });
      continue;
    }
    check(
      packet.kind === Kind.REFUSAL,
      `${what} was answered with a packet of kind ${packet.kind}`,
    );
    return handshake.readTicketRefusal(packet);
  }
}

/** Clauses about tickets. */
export const TICKET_CLAUSES: readonly Clause[] = [
  {
    id: "ticket.given",
    title: "The node gives no more tickets than are wanted, and none unasked",
    spec: SPEC,
    run: async (context) => {
      const { connection, tickets } = await connectForTickets(context);
      await connection.listen(context.quietMs);
      const count = ticketsOf(connection).length;
      check(count <= WANTED_TICKETS, `${count} came, ${WANTED_TICKETS} wanted`);
      for (const { ticket, lifetimeSeconds } of tickets) {
        check(
          ticket.length >= 1 && ticket.length <= MAX_TICKET_BYTES,
          `a ticket has ${ticket.length} bytes`,
        );
        check(lifetimeSeconds > 0, "the lifetime of a ticket is 0");
      }
      const unasked = await context.connect();
      await unasked.ping();
      await unasked.listen(context.quietMs);
      check(ticketsOf(unasked).length === 0, "a ticket came unasked");
      return `${count} of ${tickets[0]!.ticket.length} bytes, good for ${
        tickets[0]!.lifetimeSeconds
      } s`;
    },
  },
  {
    id: "ticket.early-data",
    title: "A request in the hello is answered before the finish",
    spec: SPEC,
    run: async (context) => {
      const first = await connectForTickets(context);
      await requireNode(first.connection);
      const handshake = context.handshake({
        keyPair: first.keyPair,
        resumption: resumptionWith(first, first.tickets[0]!, earlyRequest()),
      });
      const socket = await context.openSocket();
      const { agreed, rttMs, rest } = await context.negotiate(
        socket,
        handshake,
      );
      const connection = context.track(socket, agreed, rttMs);
      connection.isAcking = false;
      const id = connection.openStream();
      connection.take(rest, 0, socket);
      const reply = await receiveReply(connection, id);
      check(
        reply.type === "message",
        "the stream of an early request is reset",
      );
      check(
        statusOf(reply.message) === 0,
        `an early request got status ${statusOf(reply.message)}`,
      );
      check(
        socket.bytesReceived <= 3 * HELLO_BYTES,
        `${socket.bytesReceived} bytes came before the address was proven`,
      );
      connection.isAcking = true;
      await connection.deliver(
        pingFrame(),
        "the finish after early data is not taken",
      );
    },
  },
  {
    id: "ticket.once",
    title: "A ticket is taken once",
    spec: SPEC,
    run: async (context) => {
      const first = await connectForTickets(context);
      const choice = {
        keyPair: first.keyPair,
        resumption: resumptionWith(first, first.tickets[0]!, earlyRequest()),
      };
      const used = await context.connect(choice);
      await used.ping("a connection with a ticket does not come to live");
      const reason = await expectTicketRefusal(
        context,
        context.handshake(choice),
        "a ticket that was used before",
      );
      return `reason ${reason}`;
    },
  },
  {
    id: "ticket.forged",
    title: "A ticket that the node did not make is refused with reason 3",
    spec: SPEC,
    run: async (context) => {
      const first = await connectForTickets(context);
      const ticket = first.tickets[0]!.ticket.slice();
      ticket[ticket.length - 1]! ^= 0x01;
      const foreign = new Uint8Array(ticket.length);
      systemRandom.fillPublic(foreign);
      for (const bytes of [ticket, foreign, new Uint8Array()]) {
        const handshake = context.handshake({
          resumption: resumptionWith(first, { ticket: bytes }, earlyRequest()),
        });
        const reason = await expectTicketRefusal(
          context,
          handshake,
          `a ticket of ${bytes.length} bytes that the node did not make`,
        );
        check(reason === 3, `the reason of the refusal is ${reason}, not 3`);
      }
    },
  },
  {
    id: "ticket.owner",
    title: "A ticket is worth nothing to another static key, nor used up by it",
    spec: SPEC,
    run: async (context) => {
      const first = await connectForTickets(context);
      const [ticket] = first.tickets;
      // Who stole the connection's secrets and not the static key.
      const thief = { ...first, keyPair: generateKeyPair(systemRandom) };
      const handshake = context.handshake({
        resumption: resumptionWith(thief, ticket!, earlyRequest()),
      });
      await context.expectNoAnswer(
        "a ticket in the hands of another key",
        handshake,
        (cookie) => handshake.hello(cookie),
      );
      const owner = await context.connect({
        resumption: resumptionWith(first, ticket!, earlyRequest()),
      });
      await owner.ping("a ticket that somebody else has tried is refused");
    },
  },
];

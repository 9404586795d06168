import assert from "node:assert/strict";
import { MAX_TICKET_LENGTH } from "./handshake_packet.ts";
import { TicketReceiver } from "./ticket_receiver.ts";
import type { ReceivedTicket } from "./ticket_store.ts";

function receiver(
  maxTickets: number,
): { made: TicketReceiver; kept: ReceivedTicket[]; secret: Uint8Array } {
  const kept: ReceivedTicket[] = [];
  const secret = new Uint8Array(32).fill(7);
  const result: ReceivedTicket["result"] = {
    suite: "chacha20-poly1305",
    peerStaticPublicKey: new Uint8Array(32),
    peerParameters: {
      maxDataBytes: 1,
      maxStreamDataBytes: 1,
      maxBidiStreams: 1,
      maxUniStreams: 1,
    },
    resumptionSecret: secret,
  };
  const made = new TicketReceiver(
    maxTickets,
    result,
    (each) => kept.push(each),
  );
  return { made, kept, secret };
}

function take(made: TicketReceiver, number: number): void {
  const ticket = Uint8Array.of(number);
  made.handleFrame(5_000, { type: "ticket", lifetimeSeconds: 3, ticket });
  ticket.fill(0);
}

Deno.test("TicketReceiver takes each ticket once, however often its frame comes", () => {
  const { made, kept, secret } = receiver(3);
  for (const number of [1, 1, 2, 1, 2]) take(made, number);
  assert.deepEqual(kept.map(({ ticket }) => ticket[0]), [1, 2]);
  assert.equal(kept[0]!.expiresAt, 8_000);
  assert.notDeepEqual(secret, new Uint8Array(32), "one more may come");
});

Deno.test("TicketReceiver does not count a ticket that is too long for a hello", () => {
  const { made, kept } = receiver(2);
  for (const length of [MAX_TICKET_LENGTH + 1, MAX_TICKET_LENGTH, 60_000, 1]) {
    const ticket = new Uint8Array(length);
    made.handleFrame(5_000, { type: "ticket", lifetimeSeconds: 3, ticket });
  }
  assert.deepEqual(
    kept.map(({ ticket }) => ticket.length),
    [MAX_TICKET_LENGTH, 1],
  );
});

Deno.test("TicketReceiver takes no more than were asked for, and forgets what they are made of", () => {
  const { made, kept, secret } = receiver(2);
  for (const number of [1, 2, 3, 4]) take(made, number);
  assert.deepEqual(kept.map(({ ticket }) => ticket[0]), [1, 2]);
  assert.deepEqual(secret, new Uint8Array(32));
  const none = receiver(0);
  take(none.made, 1);
  assert.deepEqual(none.kept, []);
});

import assert from "node:assert/strict";
import { MAX_TICKETS_OF_PEER } from "./config.ts";
import { type StoredTicket, TicketStore } from "./ticket_store.ts";

const PEER = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function ticket(number: number, expiresAt = 10_000): StoredTicket {
  return {
    ticket: Uint8Array.of(number),
    psk: new Uint8Array(32).fill(number),
    suite: "chacha20-poly1305",
    limits: {
      maxDataBytes: 1,
      maxStreamDataBytes: 2,
      maxBidiStreams: 3,
      maxUniStreams: 4,
    },
    expiresAt,
  };
}

/** The numbers of all tickets of a peer that can be taken. */
function takeAll(store: TicketStore, now: number, peer = PEER): number[] {
  const numbers: number[] = [];
  for (;;) {
    const taken = store.take(now, peer);
    if (taken === undefined) return numbers;
    numbers.push(taken.ticket[0]!);
  }
}

Deno.test("TicketStore.take() gives each ticket once, the newest first, to its peer alone", () => {
  const store = new TicketStore(10);
  store.add(PEER, ticket(1));
  store.add(OTHER, ticket(2));
  store.add(PEER, ticket(3));
  assert.equal(store.size, 3);
  assert.deepEqual(takeAll(store, 0), [3, 1]);
  assert.equal(store.size, 1);
  assert.deepEqual(takeAll(store, 0), []);
  assert.deepEqual(takeAll(store, 0, OTHER), [2]);
  assert.equal(store.size, 0);
});

Deno.test("TicketStore.take() passes over expired tickets and wipes their keys", () => {
  const store = new TicketStore(10);
  const expired = ticket(2, 5_000);
  store.add(PEER, ticket(1, 6_000));
  store.add(PEER, expired);
  assert.equal(store.take(5_000, PEER)?.ticket[0], 1);
  assert.deepEqual(expired.psk, new Uint8Array(32));
  assert.equal(store.size, 0);
});

Deno.test("TicketStore keeps the newest few of each peer", () => {
  const store = new TicketStore(100);
  for (let number = 1; number <= MAX_TICKETS_OF_PEER + 2; number++) {
    store.add(PEER, ticket(number));
  }
  assert.equal(store.size, MAX_TICKETS_OF_PEER);
  assert.deepEqual(takeAll(store, 0), [6, 5, 4, 3]);
});

Deno.test("TicketStore forgets past its bound the oldest of whoever was silent longest", () => {
  const store = new TicketStore(3);
  store.add(PEER, ticket(1));
  store.add(OTHER, ticket(2));
  store.add(PEER, ticket(3));
  store.add(PEER, ticket(4));
  assert.equal(store.size, 3);
  assert.deepEqual(takeAll(store, 0, OTHER), []);
  assert.deepEqual(takeAll(store, 0), [4, 3, 1]);
});

Deno.test("TicketStore.forget() drops and wipes all tickets of a peer", () => {
  const store = new TicketStore(10);
  const kept = ticket(3);
  const dropped = ticket(1);
  store.add(PEER, dropped);
  store.add(PEER, ticket(2));
  store.add(OTHER, kept);
  store.forget(PEER);
  store.forget(PEER);
  assert.equal(store.size, 1);
  assert.deepEqual(takeAll(store, 0), []);
  assert.deepEqual(dropped.psk, new Uint8Array(32));
  assert.deepEqual(takeAll(store, 0, OTHER), [3]);
});

Deno.test("A TicketStore without room keeps nothing", () => {
  const store = new TicketStore(0);
  store.add(PEER, ticket(1));
  assert.equal(store.size, 0);
  assert.equal(store.take(0, PEER), undefined);
});

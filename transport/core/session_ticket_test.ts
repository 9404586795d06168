import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import {
  SESSION_TICKET_LENGTH,
  SessionTickets,
  type TicketSubject,
} from "./session_ticket.ts";

const SUBJECT: TicketSubject = {
  suiteCode: 2,
  resumptionSecret: new Uint8Array(32).fill(7),
  initiatorPublicKey: new Uint8Array(32).fill(9),
  hostname: "10.0.0.1",
};
const LIFETIME_MS = 10_000;

function tickets(maxUsedTickets = 100, seed = 1): SessionTickets {
  return new SessionTickets(new SeededRandom(seed), {
    ticketLifetimeMs: LIFETIME_MS,
    maxUsedTickets,
  });
}

function reasonOf(
  made: SessionTickets,
  now: number,
  ticket: Uint8Array,
): string {
  const outcome = made.open(now, ticket);
  return outcome.ok ? "taken" : outcome.reason;
}

function use(made: SessionTickets, now: number, ticket: Uint8Array): void {
  const outcome = made.open(now, ticket);
  assert.ok(outcome.ok);
  outcome.ticket.use();
}

Deno.test("SessionTickets.open() gives what create() was given", () => {
  const made = tickets();
  const ticket = made.create(1_000, SUBJECT);
  assert.equal(ticket.length, SESSION_TICKET_LENGTH);
  const outcome = made.open(1_000, ticket);
  assert.ok(outcome.ok);
  const { suiteCode, resumptionSecret, initiatorPublicKey } = outcome.ticket;
  assert.equal(suiteCode, SUBJECT.suiteCode);
  assert.deepEqual(resumptionSecret, SUBJECT.resumptionSecret);
  assert.deepEqual(initiatorPublicKey, SUBJECT.initiatorPublicKey);
  assert.equal(outcome.ticket.isProvenHost("10.0.0.1"), true);
  assert.equal(outcome.ticket.isProvenHost("10.0.0.2"), false);
});

Deno.test("A ticket serves once, and only when it is used (RFC 8446 §8.1)", () => {
  const made = tickets();
  const ticket = made.create(1_000, SUBJECT);
  assert.equal(reasonOf(made, 1_000, ticket), "taken");
  assert.equal(reasonOf(made, 1_000, ticket), "taken");
  assert.equal(made.usedCount, 0);
  use(made, 1_000, ticket);
  assert.equal(reasonOf(made, 1_000, ticket), "used");
  assert.equal(made.usedCount, 1);
  assert.equal(reasonOf(made, 1_000, made.create(1_000, SUBJECT)), "taken");
});

Deno.test("SessionTickets.create() seals nothing twice alike, and nothing in the clear", () => {
  const made = tickets();
  const first = made.create(1_000, SUBJECT);
  const second = made.create(1_000, SUBJECT);
  assert.deepEqual(first.subarray(0, 4), second.subarray(0, 4), "one key");
  const repeated = first.subarray(4).filter((byte, index) =>
    byte === second[4 + index]
  );
  assert.ok(repeated.length < 10, `${repeated.length} bytes repeat`);
  for (const ticket of [first, second]) {
    const text = ticket.join(".");
    assert.ok(!text.includes("7.7.7.7") && !text.includes("9.9.9.9"));
  }
});

Deno.test("A ticket expires one lifetime after it was made, on both sides of a rotation", () => {
  for (const madeAt of [1_000, 1_001, 10_999, 11_000, 15_000]) {
    const made = tickets();
    made.create(1_000, SUBJECT);
    const ticket = made.create(madeAt, SUBJECT);
    const end = madeAt + LIFETIME_MS;
    for (const now of [madeAt, madeAt + 5_000, end - 1]) {
      // A new key as soon as the clock allows one.
      made.create(now, SUBJECT);
      assert.equal(reasonOf(made, now, ticket), "taken", `${madeAt} ${now}`);
    }
    assert.equal(reasonOf(made, end, ticket), "expired", `${madeAt}`);
  }
});

Deno.test("The key of a ticket is replaced once a lifetime and forgotten two later", () => {
  const made = tickets();
  const ticket = made.create(1_000, SUBJECT);
  use(made, 2_000, ticket);
  made.create(11_000, SUBJECT);
  assert.equal(reasonOf(made, 11_000, ticket), "used");
  made.create(20_999, SUBJECT);
  assert.equal(made.usedCount, 1, "the key before is kept, and its ids");
  made.create(21_000, SUBJECT);
  assert.equal(reasonOf(made, 21_000, ticket), "unreadable");
  assert.equal(made.usedCount, 0);
});

Deno.test("A used ticket stays used while it could still be good, across the rotation", () => {
  const made = tickets();
  made.create(1_000, SUBJECT);
  const ticket = made.create(10_999, SUBJECT);
  use(made, 10_999, ticket);
  made.create(11_000, SUBJECT);
  for (const now of [11_000, 15_000, 20_998]) {
    assert.equal(reasonOf(made, now, ticket), "used");
  }
  assert.equal(reasonOf(made, 20_999, ticket), "used", "as long as its key");
});

Deno.test("A ticket that was given up is not taken, counts toward the bound, and was not used", () => {
  const made = tickets(1);
  const [first, second] = [1, 2].map(() => made.create(1_000, SUBJECT));
  const outcome = made.open(1_000, first!);
  assert.ok(outcome.ok);
  outcome.ticket.giveUp();
  assert.equal(reasonOf(made, 1_000, first!), "given-up");
  assert.equal(made.usedCount, 1);
  assert.equal(reasonOf(made, 1_000, second!), "full");
});

Deno.test("A full memory of used tickets refuses, and what it refused it refuses for ever", () => {
  const made = tickets(2);
  const [first, second, third] = [1, 2, 3].map(() =>
    made.create(1_000, SUBJECT)
  );
  use(made, 1_000, first!);
  use(made, 1_000, second!);
  assert.equal(made.usedCount, 2);
  assert.equal(reasonOf(made, 1_000, third!), "full");
  assert.equal(reasonOf(made, 1_000, first!), "used");
  // The next key has a memory of its own; the ticket stays refused.
  const next = made.create(11_000, SUBJECT);
  assert.equal(reasonOf(made, 10_999, third!), "full");
  use(made, 11_000, next);
  assert.equal(made.usedCount, 3);
  assert.equal(reasonOf(made, 11_000, third!), "expired");
});

Deno.test("A bound of none refuses every ticket", () => {
  const made = tickets(0);
  assert.equal(reasonOf(made, 1_000, made.create(1_000, SUBJECT)), "full");
});

Deno.test("SessionTickets.open() refuses every damaged bit, every other length, and the tickets of others", () => {
  const made = tickets();
  const ticket = made.create(1_000, SUBJECT);
  for (let bit = 0; bit < 8 * ticket.length; bit++) {
    const damaged = ticket.slice();
    damaged[bit >>> 3]! ^= 1 << (bit & 7);
    assert.equal(reasonOf(made, 1_000, damaged), "unreadable", `bit ${bit}`);
  }
  for (let length = 0; length < ticket.length; length++) {
    const cut = ticket.subarray(0, length);
    assert.equal(reasonOf(made, 1_000, cut), "unreadable");
  }
  const longer = new Uint8Array(ticket.length + 1);
  longer.set(ticket);
  assert.equal(reasonOf(made, 1_000, longer), "unreadable");
  // A process that was started again: another key.
  const restarted = tickets(100, 2);
  assert.equal(reasonOf(restarted, 1_000, ticket), "unreadable");
  restarted.create(1_000, SUBJECT);
  assert.equal(reasonOf(restarted, 1_000, ticket), "unreadable");
  assert.equal(reasonOf(made, 1_000, ticket), "taken");
});

Deno.test("SessionTickets.open() never throws and takes no made-up ticket", () => {
  const made = tickets();
  const ticket = made.create(1_000, SUBJECT);
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 2 * SESSION_TICKET_LENGTH }),
    fc.boolean(),
    (bytes, hasKeyId) => {
      if (hasKeyId) bytes.set(ticket.subarray(0, Math.min(4, bytes.length)));
      assert.equal(reasonOf(made, 1_000, bytes), "unreadable");
    },
  ));
});

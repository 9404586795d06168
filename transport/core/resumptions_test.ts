import assert from "node:assert/strict";
import { generateKeyPair, StaticKey } from "../../crypto/mod.ts";
import type { TicketFrame } from "../../protocol/frame/mod.ts";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import { toHex } from "../../tests/support/vectors.ts";
import { createEndpointConfig } from "./endpoint_config.ts";
import type { EndpointOptions } from "./endpoint_options.ts";
import type { HandshakeResult } from "./handshake.ts";
import { Resumptions } from "./resumptions.ts";
import type { Suite } from "./suite.ts";
import { localTransportParameters } from "./transport_parameters.ts";

const random = new SeededRandom(1);
const keyPair = generateKeyPair(random);
const OWNER = new Uint8Array(32).fill(3);

function create(options: Partial<EndpointOptions> = {}): Resumptions {
  return new Resumptions(
    createEndpointConfig({ ...options, keyPair }),
    random,
    new StaticKey(keyPair.privateKey),
  );
}

function resultOf(
  maxTickets: number,
  suite: Suite = "chacha20-poly1305",
): HandshakeResult {
  const config = createEndpointConfig({ keyPair });
  return {
    suite,
    peerStaticPublicKey: OWNER,
    peerConnectionId: new Uint8Array(8),
    peerParameters: { ...localTransportParameters(config, 1_200), maxTickets },
    sendSecret: new Uint8Array(32),
    receiveSecret: new Uint8Array(32),
    resumptionSecret: new Uint8Array(32).fill(7),
    isResumed: false,
  };
}

/** The tickets that a peer gets. */
function issue(
  made: Resumptions,
  result: HandshakeResult,
  state = "established",
): Omit<TicketFrame, "type">[] {
  const sent: Omit<TicketFrame, "type">[] = [];
  const remoteAddress = { hostname: "10.0.0.1", port: 1 };
  made.issue(1_000, {
    state,
    remoteAddress,
    sendTicket: (ticket) => void sent.push(ticket),
  }, result);
  return sent;
}

Deno.test("Resumptions.issue() gives as many tickets as are wanted and given, and wipes what they are made of", () => {
  for (
    const [given, wanted, count] of [[2, 4, 2], [4, 2, 2], [0, 2, 0], [2, 0, 0]]
  ) {
    const made = create({
      ticketsPerConnection: given!,
      ticketLifetimeMs: 61_500,
    });
    const result = resultOf(wanted!);
    const sent = issue(made, result);
    assert.equal(sent.length, count);
    assert.equal(made.stats.issued, count);
    for (const { lifetimeSeconds, ticket } of sent) {
      assert.equal(lifetimeSeconds, 61);
      assert.ok(made.open(1_000, ticket, 1).ok);
    }
    assert.deepEqual(result.resumptionSecret, new Uint8Array(32));
  }
});

Deno.test("Resumptions.issue() gives none for a hybrid suite, and none to a connection that ends", () => {
  const made = create();
  const hybrid = resultOf(2, "x25519-mlkem768-chacha20-poly1305");
  assert.deepEqual(issue(made, hybrid), []);
  const closing = resultOf(2);
  assert.deepEqual(issue(made, closing, "closing"), []);
  assert.deepEqual(closing.resumptionSecret, new Uint8Array(32));
  assert.equal(made.stats.issued, 0);
});

Deno.test("Resumptions.open() takes a ticket with its own suite only, and none where none are given", () => {
  const made = create();
  const { ticket } = issue(made, resultOf(1))[0]!;
  assert.deepEqual(made.open(1_000, ticket, 2), {
    ok: false,
    reason: "other-suite",
  });
  assert.deepEqual(create({ ticketsPerConnection: 0 }).open(1_000, ticket, 1), {
    ok: false,
    reason: "disabled",
  });
});

Deno.test("Resumptions.giveUp() ends a ticket of its owner, once, and tells its owner alone whether it was used", () => {
  const made = create();
  const [first, second] = issue(made, resultOf(2)).map(({ ticket }) => ticket);
  const stranger = new Uint8Array(32).fill(4);
  assert.equal(made.giveUp(1_000, first!, stranger), true);
  assert.equal(made.open(1_000, first!, 1).ok, true, "not the stranger's");
  assert.equal(made.giveUp(1_000, first!, OWNER), true);
  assert.equal(made.giveUp(1_000, first!, OWNER), true, "the same hello again");
  assert.deepEqual(made.open(1_000, first!, 1), {
    ok: false,
    reason: "given-up",
  });
  const outcome = made.open(1_000, second!, 1);
  assert.ok(outcome.ok);
  outcome.ticket.use();
  assert.equal(made.giveUp(1_000, second!, OWNER), false);
  assert.equal(made.giveUp(1_000, second!, stranger), true, "not told");
  assert.equal(made.giveUp(1_000, new Uint8Array(121), OWNER), true);
});

Deno.test("Resumptions.take() gives a ticket back that was not used, and forgets all of a peer that refused one", () => {
  const made = create();
  const local = resultOf(2).peerParameters;
  const keep = (): void =>
    made.keep({
      ticket: random.nextBytes(121),
      expiresAt: 2_000,
      result: resultOf(2),
    });
  keep();
  keep();
  const unused = made.take(1_000, OWNER, local)!;
  assert.equal(made.stats.stored, 1);
  assert.equal(unused.take(500), undefined, "nothing to say");
  assert.equal(made.stats.stored, 2);
  const used = made.take(1_000, OWNER, local)!;
  used.streams.write(used.streams.open({ priority: 1 })!, Uint8Array.of(1));
  assert.ok(used.take(500)!.length > 0);
  used.settle(false, local);
  assert.equal(made.stats.stored, 0);
  assert.equal(made.stats.earlyRejected, 1);
});

Deno.test("Resumptions.pskOf() is the same at both ends, and agrees on what their static keys share once", () => {
  const agreements = (count: number): StaticKey => {
    const key = new StaticKey(keyPair.privateKey);
    const { agree } = key;
    key.agree = (peer) => {
      assert.ok(count-- > 0, "It was agreed on before");
      return agree.call(key, peer);
    };
    return key;
  };
  const peer = generateKeyPair(random);
  const here = new Resumptions(
    createEndpointConfig({ keyPair }),
    random,
    agreements(1),
  );
  issue(here, { ...resultOf(1), peerStaticPublicKey: peer.publicKey });
  const there = new Resumptions(
    createEndpointConfig({ keyPair: peer }),
    random,
    new StaticKey(peer.privateKey),
  );
  const secret = random.nextBytes(32);
  const psks = [1, 2].map((number) => {
    const ticket = new Uint8Array(121).fill(number);
    const psk = here.pskOf(secret, peer.publicKey, ticket);
    assert.deepEqual(there.pskOf(secret, keyPair.publicKey, ticket), psk);
    const other = generateKeyPair(random).publicKey;
    assert.notDeepEqual(there.pskOf(secret, other, ticket), psk);
    return toHex(psk);
  });
  assert.equal(new Set(psks).size, 2);
});

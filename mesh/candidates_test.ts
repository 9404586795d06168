import assert from "node:assert/strict";
import { Candidates } from "./candidates.ts";
import { MAX_CALL_ATTEMPTS, MAX_CALL_CANDIDATES } from "./config.ts";
import type { Peer } from "./peer_connections.ts";

/** The same agent in a new object each time, as of a new answer of a node. */
function peer(number: number): Peer {
  return {
    agentId: new Uint8Array(16).fill(number),
    name: `peer ${number}`,
    hostname: "127.0.0.1",
    port: 1_000 + number,
    publicKey: undefined,
  };
}

function peers(count: number, first = 0): Peer[] {
  return Array.from({ length: count }, (_, index) => peer(first + index));
}

/** Nobody is. */
const isSilent = () => false;

Deno.test("Candidates.next() gives each of them once, in their order", () => {
  const candidates = new Candidates(peers(3), isSilent);
  const names = [0, 1, 2, 3].map(() => candidates.next()?.name);
  assert.deepEqual(names, ["peer 0", "peer 1", "peer 2", undefined]);
});

Deno.test("Candidates.next() gives those who do not answer last, once one has not taken the call", () => {
  const silent = new Set(["peer 0", "peer 1", "peer 3"]);
  const candidates = new Candidates(peers(5), ({ name }) => silent.has(name));
  const names = (count: number) =>
    Array.from({ length: count }, () => candidates.next()?.name);
  const first = candidates.next()!;
  assert.equal(first.name, "peer 0", "the first one is the directory's choice");
  candidates.setTried(first, true);
  assert.deepEqual(names(5), [
    "peer 2",
    "peer 4",
    "peer 1",
    "peer 3",
    undefined,
  ]);
  candidates.goOn(peers(3));
  assert.deepEqual(names(3), ["peer 2", "peer 1", undefined]);
});

Deno.test("Candidates.passOver() has those who do not answer wait for the others", () => {
  const candidates = new Candidates(peers(3), ({ name }) => name === "peer 1");
  candidates.passOver(candidates.next()!);
  const names = [0, 1, 2].map(() => candidates.next()?.name);
  assert.deepEqual(names, ["peer 2", "peer 1", undefined]);
});

Deno.test("Candidates.goOn() begins again, without those that were tried", () => {
  const candidates = new Candidates(peers(3), isSilent);
  candidates.next();
  candidates.setTried(candidates.next()!, true);
  candidates.goOn([peer(1), peer(0), peer(5)]);
  const names = [0, 1, 2].map(() => candidates.next()?.name);
  assert.deepEqual(names, ["peer 0", "peer 5", undefined]);
});

Deno.test("Candidates.goOn() ends when as many were tried in vain as a call tries", () => {
  const named = peers(MAX_CALL_CANDIDATES + 1);
  const candidates = new Candidates(named, isSilent);
  for (let tried = 0; tried < MAX_CALL_CANDIDATES; tried++) {
    candidates.setTried(candidates.next()!, false);
    candidates.goOn(named);
  }
  assert.equal(candidates.next(), undefined);
});

Deno.test("Candidates.goOn() does not count those that are not named any more, within a bound", () => {
  const candidates = new Candidates(peers(1), isSilent);
  for (let tried = 0; tried < MAX_CALL_ATTEMPTS; tried++) {
    const next = candidates.next();
    assert.equal(next?.name, `peer ${tried}`);
    candidates.setTried(next, false);
    assert.equal(candidates.mayAsk, tried < MAX_CALL_ATTEMPTS - 1);
    candidates.goOn(peers(1, tried + 1));
  }
  assert.equal(candidates.next(), undefined);
});

Deno.test("Candidates.next() goes through the list while agents refuse, then the registry may be asked once", () => {
  const candidates = new Candidates(peers(2), isSilent);
  for (const name of ["peer 0", "peer 1"]) {
    const next = candidates.next()!;
    assert.equal(next.name, name);
    candidates.setTried(next, true);
  }
  assert.equal(candidates.next(), undefined);
  assert.ok(candidates.mayAsk);
  candidates.goOn(peers(2));
  assert.equal(candidates.next(), undefined);
  assert.ok(!candidates.mayAsk);
});

Deno.test("Candidates.next() waits for the registry once somebody is gone", () => {
  const candidates = new Candidates(peers(2), isSilent);
  candidates.setTried(candidates.next()!, false);
  candidates.setOutdated();
  assert.equal(candidates.next(), undefined);
  assert.ok(candidates.mayAsk);
  candidates.goOn(peers(3));
  assert.equal(candidates.next()?.name, "peer 1");
});

Deno.test("Candidates counts who has seen the request, whether the registry names them or not", () => {
  const candidates = new Candidates(peers(1), isSilent);
  for (let sent = 0; sent < MAX_CALL_CANDIDATES; sent++) {
    candidates.setTried(candidates.next()!, true);
    candidates.setOutdated();
    candidates.goOn(peers(1, sent + 1));
  }
  assert.equal(candidates.next(), undefined);
  assert.ok(!candidates.mayAsk);
});

Deno.test("Candidates.takePassedOver() gives those of the list for whom there was no connection, once", () => {
  const candidates = new Candidates(peers(3), isSilent);
  assert.equal(candidates.takePassedOver(), undefined);
  candidates.passOver(candidates.next()!);
  candidates.setTried(candidates.next()!, false);
  candidates.passOver(candidates.next()!);
  const names = candidates.takePassedOver()?.map(({ name }) => name);
  assert.deepEqual(names, ["peer 0", "peer 2"]);
  assert.equal(candidates.takePassedOver(), undefined);
  // Who is named anew is looked at anew.
  candidates.passOver(peer(0));
  candidates.goOn(peers(3));
  assert.equal(candidates.takePassedOver(), undefined);
});

Deno.test("Candidates.takePassedOver() gives nobody once enough have seen the request", () => {
  const candidates = new Candidates(peers(MAX_CALL_CANDIDATES + 1), isSilent);
  candidates.passOver(candidates.next()!);
  for (let count = 0; count < MAX_CALL_CANDIDATES; count++) {
    candidates.setTried(candidates.next()!, true);
  }
  assert.equal(candidates.next(), undefined);
  assert.ok(!candidates.mayAsk);
  assert.equal(candidates.takePassedOver(), undefined);
});

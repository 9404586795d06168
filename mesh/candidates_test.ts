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

Deno.test("Candidates.next() gives each of them once, in their order", () => {
  const candidates = new Candidates(peers(3));
  const names = [0, 1, 2, 3].map(() => candidates.next()?.name);
  assert.deepEqual(names, ["peer 0", "peer 1", "peer 2", undefined]);
});

Deno.test("Candidates.goOn() begins again, without those that were tried", () => {
  const candidates = new Candidates(peers(3));
  candidates.next();
  candidates.setTried(candidates.next()!);
  candidates.goOn([peer(1), peer(0), peer(5)]);
  const names = [0, 1, 2].map(() => candidates.next()?.name);
  assert.deepEqual(names, ["peer 0", "peer 5", undefined]);
});

Deno.test("Candidates.goOn() ends when as many were tried in vain as a call tries", () => {
  const named = peers(MAX_CALL_CANDIDATES + 1);
  const candidates = new Candidates(named);
  for (let tried = 0; tried < MAX_CALL_CANDIDATES; tried++) {
    candidates.setTried(candidates.next()!);
    candidates.goOn(named);
  }
  assert.equal(candidates.next(), undefined);
});

Deno.test("Candidates.goOn() does not count those that are not named any more, within a bound", () => {
  const candidates = new Candidates(peers(1));
  for (let tried = 0; tried < MAX_CALL_ATTEMPTS; tried++) {
    const next = candidates.next();
    assert.equal(next?.name, `peer ${tried}`);
    candidates.setTried(next);
    candidates.goOn(peers(1, tried + 1));
  }
  assert.equal(candidates.next(), undefined);
});

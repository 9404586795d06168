import assert from "node:assert/strict";
import { TransportError } from "../transport/mod.ts";
import { REFUSED_MAX_MS, REFUSED_MIN_MS } from "./config.ts";
import { RefusedPeers } from "./refused_peers.ts";

const ERROR = new TransportError("CLOSED_BY_PEER", "Test: refused");

/** How long a peer is left alone from an instant on, to the millisecond. */
function pauseFrom(refused: RefusedPeers, now: number): number {
  let pauseMs = 0;
  while (refused.find(now + pauseMs, "a") !== undefined) pauseMs++;
  return pauseMs;
}

Deno.test("RefusedPeers leaves a peer alone for twice as long each time that it refuses again, up to a second", () => {
  const refused = new RefusedPeers(8);
  assert.equal(refused.find(0, "a"), undefined);
  let now = 0;
  const pauses = Array.from({ length: 6 }, () => {
    refused.add(now, "a", ERROR);
    assert.equal(refused.find(now, "a"), ERROR);
    assert.equal(refused.find(now, "b"), undefined);
    const pauseMs = pauseFrom(refused, now);
    now += pauseMs;
    return pauseMs;
  });
  assert.deepEqual(pauses, [100, 200, 400, 800, 1_000, 1_000]);
  assert.equal(REFUSED_MAX_MS, 1_000);
});

Deno.test("RefusedPeers begins anew with a peer that has taken connections since", () => {
  const refused = new RefusedPeers(8);
  refused.add(0, "a", ERROR);
  refused.add(100, "a", ERROR);
  refused.add(100 + 2 * 200, "a", ERROR);
  assert.equal(pauseFrom(refused, 500), REFUSED_MIN_MS);
});

Deno.test("RefusedPeers remembers as many as it may, those that refused last", () => {
  const refused = new RefusedPeers(2);
  for (const key of ["a", "b", "a", "c"]) refused.add(0, key, ERROR);
  const known = ["a", "b", "c"].filter((key) => refused.find(0, key) === ERROR);
  assert.deepEqual(known, ["a", "c"]);
});

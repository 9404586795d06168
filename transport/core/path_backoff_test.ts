import assert from "node:assert/strict";
import type { Address } from "./address.ts";
import { MAX_PTO_MS } from "./loss_detector.ts";
import { MAX_IMPATIENT_ATTEMPTS, PathBackoff } from "./path_backoff.ts";

const PTO_MS = 100;
const [ONE, OTHER]: readonly [Address, Address] = [
  { hostname: "10.0.0.1", port: 1 },
  { hostname: "10.0.0.1", port: 2 },
];

/** An address that was left, with a challenge of its own. */
function left(
  address: Address,
  id = 0,
): { address: Address; challenge: Uint8Array } {
  return { address, challenge: new Uint8Array(8).fill(id) };
}

Deno.test("PathBackoff doubles how long an address waits, up to the slowest probe timeout (RFC 9000 §8.2.1)", () => {
  const backoff = new PathBackoff();
  assert.ok(backoff.isDue(0, ONE));
  for (const waitMs of [100, 200, 400, 800, 1_600, 3_200, MAX_PTO_MS]) {
    backoff.onAbandoned(1_000, left(ONE), PTO_MS);
    assert.equal(backoff.isDue(1_000 + waitMs - 1, ONE), false);
    assert.ok(backoff.isDue(1_000 + waitMs, ONE));
  }
  for (let i = 0; i < 2_000; i++) {
    backoff.onAbandoned(0, left(ONE), PTO_MS);
  }
  assert.ok(backoff.isDue(MAX_PTO_MS, ONE));
});

Deno.test("PathBackoff holds up another address only after several that did not answer", () => {
  const backoff = new PathBackoff();
  for (let attempt = 1; attempt <= MAX_IMPATIENT_ATTEMPTS; attempt++) {
    backoff.onAbandoned(0, left(ONE), PTO_MS);
    assert.ok(backoff.isDue(0, OTHER));
  }
  backoff.onAbandoned(0, left(ONE), PTO_MS);
  assert.equal(backoff.isDue(0, OTHER), false);
  assert.ok(backoff.isDue(MAX_PTO_MS, OTHER));
});

Deno.test("PathBackoff knows the answers to the challenges that were left last", () => {
  const backoff = new PathBackoff();
  const lastId = 9;
  for (let id = 1; id <= lastId; id++) {
    assert.equal(backoff.isAnsweredLate(left(ONE, id).challenge), false);
    backoff.onAbandoned(0, left(ONE, id), PTO_MS);
  }
  for (let id = 0; id <= lastId; id++) {
    assert.equal(
      backoff.isAnsweredLate(left(ONE, id).challenge),
      id >= lastId - MAX_IMPATIENT_ATTEMPTS,
    );
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../../tests/support/seeded_random.ts";
import {
  RETRY_COOKIE_LENGTH,
  type RetrySubject,
  RetryTokens,
} from "./retry_token.ts";

const SUBJECT: RetrySubject = {
  address: { hostname: "10.0.0.1", port: 4001 },
  connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
  ephemeral: new Uint8Array(32).fill(7),
};
const LIFETIME_MS = 10_000;

function tokens(maxAccepted?: number): RetryTokens {
  return new RetryTokens(new SeededRandom(1), {
    lifetimeMs: LIFETIME_MS,
    ...(maxAccepted === undefined ? {} : { maxAccepted }),
  });
}

Deno.test("RetryTokens.accept() takes a cookie once (RFC 9000 §8.1.4)", () => {
  const made = tokens();
  const cookie = made.create(1_000, SUBJECT);
  assert.equal(cookie.length, RETRY_COOKIE_LENGTH);
  assert.equal(made.accept(1_200, SUBJECT, cookie), true);
  assert.equal(made.accept(1_200, SUBJECT, cookie), false);
  assert.equal(made.acceptedCount, 1);
});

Deno.test("RetryTokens.accept() refuses a cookie from elsewhere or for another hello", () => {
  const made = tokens();
  const cookie = made.create(1_000, SUBJECT);
  const { address, connectionId, ephemeral } = SUBJECT;
  const others: RetrySubject[] = [
    { ...SUBJECT, address: { ...address, hostname: "10.0.0.2" } },
    { ...SUBJECT, address: { ...address, port: 4002 } },
    { ...SUBJECT, connectionId: connectionId.with(7, 1) },
    { ...SUBJECT, ephemeral: ephemeral.with(31, 8) },
  ];
  for (const other of others) {
    assert.equal(made.accept(1_000, other, cookie), false);
  }
  const stranger = new RetryTokens(new SeededRandom(2));
  stranger.create(1_000, SUBJECT);
  assert.equal(stranger.accept(1_000, SUBJECT, cookie), false);
  assert.equal(made.accept(1_000, SUBJECT, cookie), true);
});

Deno.test("RetryTokens.accept() refuses every damaged bit and every other length", () => {
  const made = tokens();
  const cookie = made.create(1_000, SUBJECT);
  for (let bit = 0; bit < 8 * cookie.length; bit++) {
    const damaged = cookie.slice();
    damaged[bit >>> 3]! ^= 1 << (bit & 7);
    assert.equal(made.accept(1_000, SUBJECT, damaged), false, `bit ${bit}`);
  }
  for (let length = 0; length < cookie.length; length++) {
    const short = cookie.subarray(0, length);
    assert.equal(made.accept(1_000, SUBJECT, short), false);
  }
  const long = new Uint8Array(cookie.length + 1);
  long.set(cookie);
  assert.equal(made.accept(1_000, SUBJECT, long), false);
  assert.equal(made.acceptedCount, 0);
});

Deno.test("RetryTokens.accept() takes a cookie for its lifetime, whenever the secret is replaced", () => {
  for (const offsetMs of [0, 1, 5_000, LIFETIME_MS - 1]) {
    const made = tokens();
    made.create(1_000, SUBJECT);
    const at = 1_000.5 + offsetMs;
    const early = made.create(at, SUBJECT);
    // Others ask for cookies meanwhile, so that the secret is replaced.
    made.create(at + LIFETIME_MS - 1, SUBJECT);
    assert.equal(made.accept(at + LIFETIME_MS - 1, SUBJECT, early), true);
    const late = made.create(at + LIFETIME_MS, SUBJECT);
    made.create(at + 2 * LIFETIME_MS, SUBJECT);
    assert.equal(made.accept(at + 2 * LIFETIME_MS + 1, SUBJECT, late), false);
    assert.equal(made.accept(at + 2 * LIFETIME_MS + 1, SUBJECT, early), false);
  }
});

Deno.test("RetryTokens.accept() refuses what it could not remember, and forgets in time", () => {
  const made = tokens(2);
  const cookieAt = (port: number, now: number): boolean => {
    const subject = { ...SUBJECT, address: { ...SUBJECT.address, port } };
    return made.accept(now, subject, made.create(now, subject));
  };
  assert.deepEqual([1, 2, 3, 4].map((port) => cookieAt(port, 1_000)), [
    true,
    true,
    false,
    false,
  ]);
  for (let turn = 1; turn <= 20; turn++) {
    const now = 1_000 + turn * LIFETIME_MS;
    assert.equal(cookieAt(1, now), true);
    assert.equal(cookieAt(2, now), true);
    assert.equal(cookieAt(3, now), false);
    assert.equal(made.acceptedCount, 4);
  }
});

Deno.test("RetryTokens.accept() takes no bytes that it did not make, and never throws", () => {
  const made = tokens();
  const { length } = made.create(0, SUBJECT);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 70 }),
        fc.uint8Array({ minLength: length, maxLength: length }),
        fc.uint8Array({ minLength: length - 8, maxLength: length - 8 })
          .map((mac) => Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, ...mac)),
      ),
      (bytes) => assert.equal(made.accept(0, SUBJECT, bytes), false),
    ),
  );
});

import assert from "node:assert/strict";
import { SeededRandom } from "./seeded_random.ts";

function draw(random: SeededRandom): number[] {
  return Array.from({ length: 8 }, () => random.nextInteger(1_000));
}

Deno.test("SeededRandom repeats a run from its seed", () => {
  assert.deepEqual(draw(new SeededRandom(7)), draw(new SeededRandom(7)));
  assert.notDeepEqual(draw(new SeededRandom(7)), draw(new SeededRandom(8)));
  assert.deepEqual(
    new SeededRandom(7).nextBytes(33),
    new SeededRandom(7).nextBytes(33),
  );
});

Deno.test("SeededRandom keeps public, secret and decision streams apart", () => {
  const plain = new SeededRandom(3);
  const drawn = new SeededRandom(3);
  const secret = new Uint8Array(40);
  drawn.fillSecret(secret);
  assert.deepEqual(draw(drawn), draw(plain));
  const left = new Uint8Array(16);
  const right = new Uint8Array(16);
  plain.fillPublic(left);
  drawn.fillPublic(right);
  assert.deepEqual(left, right);
  assert.notDeepEqual(secret.subarray(0, 16), left);
});

Deno.test("SeededRandom.next() is spread evenly", () => {
  const random = new SeededRandom(1);
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < 10_000; index++) {
    counts[Math.floor(random.next() * 10)]!++;
  }
  for (const count of counts) assert.ok(count > 880 && count < 1_120);
});

Deno.test("SeededRandom.isHit() draws nothing for a fault that is off", () => {
  const random = new SeededRandom(5);
  for (let index = 0; index < 10; index++) assert.equal(random.isHit(0), false);
  assert.deepEqual(draw(random), draw(new SeededRandom(5)));
  assert.equal(random.isHit(1), true);
});

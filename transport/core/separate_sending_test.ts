import assert from "node:assert/strict";
import {
  MAX_SEPARATE_MS,
  MIN_SEPARATE_MS,
  SeparateSending,
} from "./separate_sending.ts";

/** How long it is on after a probe timeout. */
function durationAfter(sending: SeparateSending, now: number): number {
  sending.onProbeTimeout(now);
  let durationMs = 0;
  while (sending.isOn(now + durationMs)) durationMs += 1_000;
  return durationMs;
}

Deno.test("SeparateSending is on for a while after a probe timeout, and for longer when one follows soon", () => {
  const sending = new SeparateSending();
  assert.ok(!sending.isOn(0));
  const durations: number[] = [];
  for (let now = 0; durations.length < 7;) {
    const durationMs = durationAfter(sending, now);
    durations.push(durationMs);
    now += durationMs;
  }
  const [first, second, third, ...rest] = durations;
  assert.equal(first, MIN_SEPARATE_MS);
  assert.equal(second, 4 * MIN_SEPARATE_MS);
  assert.equal(third, 16 * MIN_SEPARATE_MS);
  assert.equal(rest.at(-1), MAX_SEPARATE_MS);
});

Deno.test("SeparateSending takes nothing from probe timeouts while it is on, nor from those long after", () => {
  const sending = new SeparateSending();
  sending.onProbeTimeout(0);
  sending.onProbeTimeout(MIN_SEPARATE_MS - 1);
  assert.ok(!sending.isOn(MIN_SEPARATE_MS));
  const later = 2 * MIN_SEPARATE_MS + 1;
  assert.equal(durationAfter(sending, later), MIN_SEPARATE_MS);
});

Deno.test("SeparateSending ends when what was under way has arrived after all", () => {
  const sending = new SeparateSending();
  sending.onProbeTimeout(100);
  sending.onAcked(100);
  assert.ok(sending.isOn(101));
  sending.onAcked(99);
  assert.ok(!sending.isOn(101));
  assert.equal(durationAfter(sending, 200), MIN_SEPARATE_MS);
});

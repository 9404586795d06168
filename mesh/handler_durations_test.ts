import assert from "node:assert/strict";
import type { Method } from "./handler.ts";
import { HandlerDurations } from "./handler_durations.ts";

const METHOD: Method = { kind: "call", handler: () => null };
const OTHER: Method = { kind: "call", handler: () => null };

function note(
  durations: HandlerDurations,
  ms: number,
  count: number,
  now = 1_000,
): void {
  for (let index = 0; index < count; index++) {
    durations.note(METHOD, now - ms, now);
  }
}

Deno.test("HandlerDurations knows nothing before many handlers of a method have ended", () => {
  const durations = new HandlerDurations();
  assert.equal(durations.neededMs(METHOD, 1_000), 0);
  note(durations, 800, 63);
  assert.equal(durations.neededMs(METHOD, 1_000), 0);
  note(durations, 800, 1);
  assert.equal(durations.neededMs(METHOD, 1_000), 900);
  assert.equal(durations.neededMs(OTHER, 1_000), 0);
});

Deno.test("HandlerDurations goes by the fastest handler, until many have ended since", () => {
  const durations = new HandlerDurations();
  note(durations, 800, 64);
  note(durations, 8, 1);
  assert.equal(durations.neededMs(METHOD, 1_000), 9);
  note(durations, 800, 126);
  assert.equal(durations.neededMs(METHOD, 1_000), 9);
  note(durations, 800, 1);
  assert.equal(durations.neededMs(METHOD, 1_000), 900);
});

Deno.test("HandlerDurations knows nothing any more when no handler has ended for twice as long, and a second", () => {
  for (const [ms, neededMs, ageMs] of [[8, 9, 1_000], [800, 900, 1_800]]) {
    const durations = new HandlerDurations();
    note(durations, ms!, 64);
    assert.equal(durations.neededMs(METHOD, 1_000 + ageMs!), neededMs);
    assert.equal(durations.neededMs(METHOD, 1_001 + ageMs!), 0);
    note(durations, ms!, 1, 9_000);
    assert.equal(durations.neededMs(METHOD, 9_000), neededMs);
  }
});

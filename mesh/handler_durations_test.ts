import assert from "node:assert/strict";
import type { Method } from "./handler.ts";
import { HandlerDurations } from "./handler_durations.ts";

const METHOD: Method = { kind: "call", handler: () => null };
const OTHER: Method = { kind: "call", handler: () => null };

function note(durations: HandlerDurations, ms: number, count: number): void {
  for (let index = 0; index < count; index++) durations.note(METHOD, ms);
}

Deno.test("HandlerDurations knows nothing before many handlers of a method have ended", () => {
  const durations = new HandlerDurations();
  assert.equal(durations.neededMs(METHOD), 0);
  note(durations, 800, 63);
  assert.equal(durations.neededMs(METHOD), 0);
  note(durations, 800, 1);
  assert.equal(durations.neededMs(METHOD), 900);
  assert.equal(durations.neededMs(OTHER), 0);
});

Deno.test("HandlerDurations goes by the fastest handler, until it is long ago", () => {
  const durations = new HandlerDurations();
  note(durations, 800, 64);
  note(durations, 8, 1);
  assert.equal(durations.neededMs(METHOD), 9);
  note(durations, 800, 126);
  assert.equal(durations.neededMs(METHOD), 9);
  note(durations, 800, 1);
  assert.equal(durations.neededMs(METHOD), 900);
});

import assert from "node:assert/strict";
import { CongestionEvent } from "./congestion_event.ts";

function eventOf(firstNumber: number, count: number): CongestionEvent {
  const event = new CongestionEvent();
  event.begin(firstNumber);
  event.addLosses(count);
  return event;
}

Deno.test("CongestionEvent is undone with the last of its losses, in any order", () => {
  const event = eventOf(10, 2);
  event.addLosses(1);
  assert.equal(event.handleSpuriousLoss(14), false);
  assert.equal(event.handleSpuriousLoss(10), false);
  assert.equal(event.handleSpuriousLoss(12), true);
});

Deno.test("CongestionEvent does not count the losses of the one before", () => {
  const event = eventOf(10, 2);
  event.begin(20);
  event.addLosses(1);
  assert.equal(event.handleSpuriousLoss(10), false);
  assert.equal(event.handleSpuriousLoss(11), false);
  assert.equal(event.handleSpuriousLoss(20), true);
});

Deno.test("CongestionEvent is over when it is undone", () => {
  const undone = eventOf(10, 1);
  assert.equal(undone.handleSpuriousLoss(10), true);
  undone.addLosses(1);
  assert.equal(undone.handleSpuriousLoss(11), false);
  assert.equal(new CongestionEvent().handleSpuriousLoss(0), false);
});

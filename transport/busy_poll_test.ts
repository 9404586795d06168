import assert from "node:assert/strict";
import fc from "fast-check";
import { BusyPoll } from "./busy_poll.ts";

const MAX_MS = 0.25;
/** Four tenths of it. */
const USUAL_MS = 0.1;
/** Four times as long. */
const LONGEST_MS = 1;
const TURN_MS = 0.01;

/** A process with one socket, in virtual time: a turn takes 10 µs. */
class Rig {
  now = 0;
  turnCount = 0;
  #task: (() => void) | undefined;
  readonly poll = new BusyPoll({
    maxMs: MAX_MS,
    clock: () => this.now,
    scheduleLook: (task) => this.#task = task,
  });

  /** Sends, and gets an answer after a while. */
  exchange(silenceMs: number, hasHello = false): void {
    this.poll.handleSent(this.now, hasHello);
    this.wait(silenceMs);
    this.poll.handleReceived(this.now);
  }

  wait(ms: number): void {
    const until = this.now + ms;
    while (this.#task !== undefined && this.now + TURN_MS <= until) {
      const task = this.#task;
      this.#task = undefined;
      this.now += TURN_MS;
      this.turnCount++;
      task();
    }
    this.now = until;
  }

  exchangeMany(count: number, silenceMs: number): void {
    for (let index = 0; index < count; index++) this.exchange(silenceMs);
  }
}

Deno.test("BusyPoll begins when four answers came soon, and polls until the next is there", () => {
  const rig = new Rig();
  rig.exchangeMany(3, 0.3);
  assert.equal(rig.poll.isWorthwhile, false);
  rig.exchange(0.3);
  assert.equal(rig.poll.isWorthwhile, true);
  assert.equal(rig.turnCount, 0);
  rig.exchange(0.055);
  assert.equal(rig.turnCount, 5);
});

Deno.test("BusyPoll looks no further when the answer has come", () => {
  const rig = new Rig();
  rig.exchangeMany(8, 0.05);
  const before = rig.turnCount;
  rig.wait(USUAL_MS);
  // The one that was under way.
  assert.equal(rig.turnCount, before + 1);
});

Deno.test("BusyPoll gives up after its moment, however late the answer is", () => {
  const rig = new Rig();
  rig.exchangeMany(8, 0.05);
  const before = rig.turnCount;
  rig.exchange(5_000);
  // One turn more finds that the moment is over.
  assert.ok(rig.turnCount - before <= USUAL_MS / TURN_MS + 1);
});

Deno.test("BusyPoll stops within five late answers, and begins anew after some that came soon", () => {
  const rig = new Rig();
  rig.exchangeMany(20, 0.05);
  rig.exchangeMany(5, 20);
  assert.equal(rig.poll.isWorthwhile, false);
  const before = rig.turnCount;
  rig.exchangeMany(100, 20);
  assert.equal(rig.turnCount, before);
  rig.exchangeMany(19, 0.05);
  assert.equal(rig.poll.isWorthwhile, false);
  rig.exchange(0.05);
  assert.equal(rig.poll.isWorthwhile, true);
});

Deno.test("BusyPoll of two ends that sleep makes both awake, whoever tries first", () => {
  const callerLooks = new Rig();
  const calleeLooks = new Rig();
  const awakeMs = 0.06;
  const wakingMs = 0.25;
  // The callee has tried in vain before the caller begins.
  calleeLooks.exchangeMany(4, 0.3);
  calleeLooks.exchangeMany(5, 20);
  const isAwake = (rig: Rig, silenceMs: number): boolean => {
    const before = rig.turnCount;
    rig.exchange(silenceMs);
    return (rig.turnCount - before + 1) * TURN_MS >= silenceMs;
  };
  let isCallerAwake = false;
  let isCalleeAwake = false;
  let roundTripMs = 0;
  for (let call = 0; call < 100; call++) {
    roundTripMs = awakeMs + (isCallerAwake ? 0 : wakingMs) +
      (isCalleeAwake ? 0 : wakingMs);
    isCallerAwake = isAwake(callerLooks, roundTripMs);
    isCalleeAwake = isAwake(calleeLooks, roundTripMs);
  }
  assert.equal(roundTripMs, awakeMs);
});

Deno.test("BusyPoll tries ever less often for a peer that takes its time", () => {
  const rig = new Rig();
  rig.exchangeMany(100_000, 0.5);
  assert.ok(rig.turnCount > 0);
  // Seven in a hundred of the time of these exchanges.
  const share = rig.turnCount * TURN_MS / (100_000 * 0.5);
  assert.ok(share < 0.07, `${share} of the time`);
});

Deno.test("BusyPoll does not poll where the next datagram is there already", () => {
  const rig = new Rig();
  rig.exchangeMany(100, 0.015);
  assert.equal(rig.turnCount, 0);
  rig.exchangeMany(8, 0.05);
  assert.equal(rig.poll.isWorthwhile, true);
  rig.exchangeMany(5, 0.015);
  assert.equal(rig.poll.isWorthwhile, false);
});

Deno.test("BusyPoll looks for the answer to a hello when the one before came soon, twice as long", () => {
  const rig = new Rig();
  for (
    const { silenceMs, looksForMs } of [
      { silenceMs: 0.3, looksForMs: 0 },
      { silenceMs: 0.5, looksForMs: 0.5 },
      { silenceMs: 20, looksForMs: LONGEST_MS },
      { silenceMs: 0.1, looksForMs: 0 },
      { silenceMs: 20, looksForMs: 0.2 },
      { silenceMs: 20, looksForMs: 0 },
    ]
  ) {
    const before = rig.turnCount;
    rig.exchange(silenceMs, true);
    const lookedMs = (rig.turnCount - before) * TURN_MS;
    const isRight = Math.abs(lookedMs - looksForMs) <= 1.5 * TURN_MS;
    assert.ok(isRight, `${lookedMs} ms in place of ${looksForMs}`);
  }
});

Deno.test("BusyPoll learns nothing about calls from hellos, nor about hellos from calls", () => {
  const rig = new Rig();
  for (let count = 0; count < 100; count++) rig.exchange(0.3, true);
  assert.equal(rig.poll.isWorthwhile, false);
  rig.exchangeMany(8, 0.05);
  assert.equal(rig.poll.isWorthwhile, true);
  for (let count = 0; count < 100; count++) rig.exchange(20, true);
  assert.equal(rig.poll.isWorthwhile, true);
  rig.exchangeMany(5, 20);
  assert.equal(rig.poll.isWorthwhile, false);
  const before = rig.turnCount;
  rig.exchangeMany(3, 0.05);
  rig.exchange(0.3, true);
  assert.equal(rig.turnCount, before);
});

Deno.test("BusyPoll takes no notice of datagrams that answer nothing", () => {
  const rig = new Rig();
  for (let index = 0; index < 100; index++) {
    rig.wait(0.05);
    rig.poll.handleReceived(rig.now);
  }
  assert.equal(rig.poll.isWorthwhile, false);
  assert.equal(rig.turnCount, 0);
});

Deno.test("BusyPoll looks for four moments at most, and in vain five times for four answers that came soon", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.double({ min: 0, max: 2, noNaN: true }),
        { minLength: 1, maxLength: 300 },
      ),
      (silences) => {
        const rig = new Rig();
        let soonCount = 0;
        let vainCount = 0;
        for (const silenceMs of silences) {
          const before = rig.turnCount;
          rig.exchange(silenceMs);
          const looks = rig.turnCount - before;
          assert.ok(looks <= LONGEST_MS / TURN_MS + 1, `${looks} looks`);
          if (silenceMs <= LONGEST_MS) soonCount++;
          else if (looks > 0) vainCount++;
        }
        assert.ok(vainCount <= 1.25 * soonCount, `${vainCount} in vain`);
      },
    ),
  );
});

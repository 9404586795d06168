/**
 * Two managers, a pipe that loses, repeats, delays and reorders packets, and
 * applications that do anything at any time, all drawn from one seed. Phase
 * one: nothing wrong ever happens. Phase two: the pipe heals, and everything
 * finishes.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isUnidirectional } from "../../../protocol/mod.ts";
import {
  type PipePacket,
  pollEvents,
  StreamPair,
} from "../../../tests/support/stream_pair.ts";
import type { StreamLimits, StreamManager } from "./manager.ts";

/** Small numbers from a seed (mulberry32). */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  /** An integer from 0 up to, not including, `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  }
  /** Whether something with this chance in a hundred happens. */
  isLucky(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }
}

/** What one end did and saw on one stream. */
interface Sight {
  writtenBytes: number;
  isFinishCalled: boolean;
  isResetCalled: boolean;
  isStopCalled: boolean;
  readBytes: number;
  isEndSeen: boolean;
  resetCode?: number;
  stoppedCode?: number;
  isDelivered: boolean;
  isWritableSeen: boolean;
}

const byteAt = (isFromInitiator: boolean, id: number, offset: number): number =>
  (offset * 7 + (offset >>> 8) + id * 31 + (isFromInitiator ? 128 : 0)) & 0xff;

/** An application on one end. */
class App {
  readonly sights = new Map<number, Sight>();
  readonly opened: number[] = [];

  constructor(
    readonly manager: StreamManager,
    readonly isInitiator: boolean,
    readonly dice: Dice,
  ) {}

  sight(id: number): Sight {
    let sight = this.sights.get(id);
    if (sight === undefined) {
      sight = {
        writtenBytes: 0,
        isFinishCalled: false,
        isResetCalled: false,
        isStopCalled: false,
        readBytes: 0,
        isEndSeen: false,
        isDelivered: false,
        isWritableSeen: true,
      };
      this.sights.set(id, sight);
    }
    return sight;
  }

  isSender(id: number): boolean {
    return !isUnidirectional(id) || this.opened.includes(id);
  }

  isReceiver(id: number): boolean {
    return !isUnidirectional(id) || !this.opened.includes(id);
  }

  open(): void {
    const id = this.manager.open({
      priority: this.dice.pick([0, 1, 2] as const)!,
      isUnidirectional: this.dice.isLucky(30),
    });
    if (id === undefined) return;
    assert(!this.sights.has(id), "an id is used once");
    this.opened.push(id);
    this.sight(id);
  }

  write(id: number, byteCount: number): void {
    const sight = this.sight(id);
    if (
      !this.isSender(id) || sight.isFinishCalled || sight.isResetCalled ||
      sight.stoppedCode !== undefined
    ) return;
    const bytes = Uint8Array.from(
      { length: byteCount },
      (_, i) => byteAt(this.isInitiator, id, sight.writtenBytes + i),
    );
    let accepted: number;
    try {
      accepted = this.manager.write(id, bytes);
    } catch (error) {
      // The peer stopped it; the event is still on its way.
      const { code } = error as { code: string };
      assert(code === "STREAM_STOPPED" || code === "STREAM_STATE");
      this.takeEvents();
      assert.notEqual(sight.stoppedCode, undefined);
      return;
    }
    bytes.fill(0xcc);
    sight.writtenBytes += accepted;
    sight.isWritableSeen = accepted === byteCount;
  }

  finish(id: number): void {
    if (!this.isSender(id)) return;
    this.takeEvents();
    const sight = this.sight(id);
    if (!sight.isResetCalled && sight.stoppedCode === undefined) {
      sight.isFinishCalled = true;
    }
    this.manager.finish(id);
  }

  reset(id: number): void {
    if (!this.isSender(id)) return;
    this.takeEvents();
    const sight = this.sight(id);
    if (!sight.isDelivered && sight.stoppedCode === undefined) {
      sight.isResetCalled = true;
    }
    this.manager.reset(id, 1000 + id);
  }

  stop(id: number): void {
    if (!this.isReceiver(id)) return;
    const sight = this.sight(id);
    if (!sight.isEndSeen && sight.resetCode === undefined) {
      sight.isStopCalled = true;
    }
    this.manager.stopSending(id, 2000 + id);
  }

  /** Takes one chunk, and the end if it is there. */
  read(id: number): boolean {
    if (!this.isReceiver(id)) return false;
    const sight = this.sight(id);
    const chunk = this.manager.read(id);
    if (chunk !== undefined) {
      assert(chunk.length > 0 && !sight.isStopCalled && !sight.isEndSeen);
      for (const byte of chunk) {
        assert.equal(byte, byteAt(!this.isInitiator, id, sight.readBytes));
        sight.readBytes++;
      }
      chunk.fill(0xdd);
    }
    const state = this.manager.streamState(id);
    if (state === undefined) this.takeEvents();
    if (
      state?.isFinished ??
        (sight.resetCode === undefined && !sight.isStopCalled)
    ) sight.isEndSeen = true;
    return chunk !== undefined;
  }

  takeEvents(): void {
    for (const event of pollEvents(this.manager)) {
      if (event.type === "streams-available") continue;
      if (event.type === "stream-opened") {
        assert(!this.sights.has(event.id), "opened once, before all else");
        this.sight(event.id);
        continue;
      }
      const sight = this.sights.get(event.id);
      assert(sight !== undefined, `${event.type} before it was opened`);
      if (event.type === "stream-reset") {
        assert.equal(sight.resetCode, undefined);
        sight.resetCode = event.code;
      } else if (event.type === "stream-stopped") {
        assert.equal(sight.stoppedCode, undefined);
        sight.stoppedCode = event.code;
      } else if (event.type === "stream-finished") {
        assert(sight.isFinishCalled && !sight.isDelivered);
        sight.isDelivered = true;
      } else if (event.type === "stream-writable") {
        sight.isWritableSeen = true;
      }
    }
  }

  step(): void {
    const { dice } = this;
    if (dice.isLucky(60)) this.takeEvents();
    if (dice.isLucky(20)) this.open();
    const id = dice.pick([...this.sights.keys()]);
    if (id === undefined) return;
    const roll = dice.below(100);
    if (roll < 40) this.write(id, dice.below(dice.isLucky(80) ? 50 : 3000));
    else if (roll < 75) this.read(id);
    else if (roll < 90) this.finish(id);
    else if (roll < 93) this.reset(id);
    else if (roll < 95) this.stop(id);
  }

  /** Finishes what was begun: writes nothing new, reads everything. */
  wrapUp(): void {
    this.takeEvents();
    for (const [id, sight] of this.sights) {
      if (this.isSender(id) && !sight.isResetCalled) this.finish(id);
      if (this.isReceiver(id)) { while (this.read(id)); }
    }
    this.takeEvents();
  }
}

/** What becomes of the packets in the pipe. */
class Pipe {
  #waiting: PipePacket[] = [];
  /** Delivered, but nobody told the sender yet. */
  #unacknowledged: PipePacket[] = [];

  constructor(readonly pair: StreamPair, readonly dice: Dice) {}

  get length(): number {
    return this.#waiting.length + this.#unacknowledged.length;
  }

  send(from: StreamManager): void {
    const { dice } = this;
    const packetBytes = dice.isLucky(30) ? 20 + dice.below(60) : 1200;
    const hadPending = from.hasPendingFrames;
    const packet = this.pair.send(from, packetBytes);
    assert.equal(packet !== undefined, hadPending, "hasPendingFrames is exact");
    if (packet !== undefined) this.#waiting.push(packet);
  }

  step(lossPercent: number): void {
    const { dice } = this;
    const index = dice.isLucky(50) ? 0 : dice.below(this.#waiting.length);
    const [packet] = this.#waiting.splice(index, 1);
    if (packet !== undefined) {
      if (dice.isLucky(lossPercent)) this.pair.lose(packet);
      else {
        this.pair.deliver(packet);
        if (dice.isLucky(20)) this.pair.deliver(packet);
        // A probe repeats what only seems to be lost.
        if (dice.isLucky(lossPercent / 2)) this.pair.lose(packet);
        if (dice.isLucky(lossPercent / 2)) this.pair.lose(packet);
        else this.#unacknowledged.push(packet);
      }
    }
    if (dice.isLucky(60)) {
      const at = dice.below(this.#unacknowledged.length);
      const [arrived] = this.#unacknowledged.splice(at, 1);
      if (arrived !== undefined) this.pair.acknowledge(arrived);
    }
  }
}

/** What both ends know about one direction of a stream must fit together. */
function checkDirection(id: number, sender: App, receiver: App): void {
  if (!sender.isSender(id)) return;
  const out = sender.sight(id);
  const seen = receiver.sights.get(id);
  const what = `stream ${id}`;
  if (seen === undefined) assert.fail(`${what} was never announced`);
  assert(seen.readBytes <= out.writtenBytes, what);
  if (seen.isEndSeen) {
    assert(out.isFinishCalled, `${what}: an end that nobody declared`);
    assert.equal(seen.readBytes, out.writtenBytes, what);
    assert.equal(seen.resetCode, undefined, what);
  }
  if (seen.resetCode !== undefined) {
    assert(out.isResetCalled, `${what}: a reset that nobody declared`);
    assert.equal(seen.resetCode, 1000 + id, what);
  }
  if (out.stoppedCode !== undefined) {
    assert(seen.isStopCalled, `${what}: a stop that nobody declared`);
    assert.equal(out.stoppedCode, 2000 + id, what);
  }
  // The sender knows how it ended, and so does the receiver.
  assert(
    out.isDelivered || out.isResetCalled || out.stoppedCode !== undefined,
    `${what}: the sender does not know its end`,
  );
  assert(
    seen.isEndSeen || seen.resetCode !== undefined || seen.isStopCalled,
    `${what}: the receiver does not know its end`,
  );
  if (out.isFinishCalled && !out.isResetCalled && !seen.isStopCalled) {
    assert(seen.isEndSeen && out.isDelivered, `${what}: finished, not arrived`);
  }
}

/** Moves a lot of data on one new stream, to show that no credit leaked. */
function checkCredit(pair: StreamPair, limits: StreamLimits): void {
  for (
    const [from, to] of [
      [pair.initiator, pair.responder],
      [pair.responder, pair.initiator],
    ] as const
  ) {
    const id = from.open({ priority: 1 });
    assert(id !== undefined, "the right to open streams came back");
    const total = limits.maxDataBytes * 3;
    let written = 0;
    let read = 0;
    for (let turn = 0; read < total; turn++) {
      assert(turn < 10_000, "credit leaked");
      if (written < total) {
        written += from.write(id, new Uint8Array(total - written));
      }
      pair.settle();
      for (let c = to.read(id); c !== undefined; c = to.read(id)) {
        read += c.length;
      }
    }
    from.finish(id);
    to.finish(id);
    pair.settle();
    pollEvents(from);
    pollEvents(to);
    pair.settle();
  }
}

function simulate(seed: number): void {
  const dice = new Dice(seed);
  const limits: StreamLimits = {
    maxDataBytes: dice.pick([600, 5_000, 100_000])!,
    maxStreamDataBytes: dice.pick([100, 2_000, 50_000])!,
    maxBidiStreams: dice.pick([1, 3, 20])!,
    maxUniStreams: dice.pick([1, 3, 20])!,
  };
  const pair = new StreamPair({
    limits,
    sendBufferBytes: dice.pick([64, 1_000, 50_000])!,
    maxBufferedBytes: dice.pick([1_000, 1_000_000])!,
  });
  const apps = [
    new App(pair.initiator, true, dice),
    new App(pair.responder, false, dice),
  ] as const;
  const pipe = new Pipe(pair, dice);
  const lossPercent = dice.pick([0, 5, 30])!;
  const stepCount = 300;
  for (let step = 0; step < stepCount; step++) {
    for (const app of apps) {
      app.step();
      if (dice.isLucky(70)) pipe.send(app.manager);
    }
    pipe.step(lossPercent);
  }
  // The pipe heals.
  for (let turn = 0; turn < 5_000; turn++) {
    for (const app of apps) {
      app.wrapUp();
      pipe.send(app.manager);
    }
    while (pipe.length > 0) pipe.step(0);
    if (apps.every((app) => !app.manager.hasPendingFrames)) {
      for (const app of apps) app.wrapUp();
      if (apps.every((app) => !app.manager.hasPendingFrames)) break;
    }
  }
  const ids = new Set(apps.flatMap((app) => [...app.sights.keys()]));
  for (const id of ids) {
    checkDirection(id, apps[0], apps[1]);
    checkDirection(id, apps[1], apps[0]);
    for (const app of apps) {
      assert(
        app.sight(id).isWritableSeen || app.sight(id).isFinishCalled ||
          app.sight(id).isResetCalled ||
          app.sight(id).stoppedCode !== undefined,
      );
    }
  }
  for (const app of apps) {
    pair.send(app.manager);
    assert.equal(app.manager.streamCount, 0, "every stream is forgotten");
  }
  checkCredit(pair, limits);
}

/** What they found is in the message of the commit that added them. */
const REGRESSION_SEEDS = [1151323020];

for (const seed of REGRESSION_SEEDS) {
  Deno.test(`StreamManager keeps its promises with seed ${seed}`, () => {
    simulate(seed);
  });
}

Deno.test("StreamManager delivers every byte once, tells every end truthfully and leaks no credit over any pipe", () => {
  fc.assert(fc.property(fc.integer(), simulate), { numRuns: 50 });
});

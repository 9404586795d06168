import assert from "node:assert/strict";
import fc from "fast-check";
import { WaitingLine } from "../internal/waiting_line.ts";
import { AbortRace } from "./abort.ts";
import { FEW_HANDLERS, UNSHARED_HANDLERS } from "./config.ts";
import { CallError } from "./error.ts";
import { HandlerSlots, type SlotUser } from "./handler_slots.ts";

function createUser(): SlotUser {
  return { slotCount: 0, waiting: new WaitingLine() };
}

/** Takes all that a caller gets at once. */
function fill(slots: HandlerSlots, user: SlotUser): number {
  let count = 0;
  while (slots.tryTake(user)) count++;
  return count;
}

/** Waits, and writes down who got a slot. */
function waitAs(
  slots: HandlerSlots,
  user: SlotUser,
  name: string,
  into: string[],
): AbortRace {
  const race = new AbortRace();
  slots.wait(user, race).then(
    () => into.push(name),
    (reason) => into.push(`${name}: ${reason}`),
  );
  return race;
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("HandlerSlots gives a caller that is alone half, and lets as many of its calls wait", async () => {
  const slots = new HandlerSlots(256);
  const user = createUser();
  assert.equal(fill(slots, user), 128);
  const served: string[] = [];
  for (let index = 0; index < 128; index++) {
    assert.equal(slots.tryTake(user), false);
    waitAs(slots, user, `${index}`, served);
  }
  assert.throws(() => slots.tryTake(user), { code: "RESOURCE_EXHAUSTED" });
  assert.equal(slots.load, 1);
  assert.equal(fill(slots, createUser()), 43);
  for (let index = 0; index < 30; index++) slots.release(user);
  await settle();
  // Others have some now: its share has become smaller.
  assert.ok(served.length > 0 && served.length < 30, `${served.length}`);
  assert.deepEqual(served, served.map((_, index) => `${index}`));
});

Deno.test("HandlerSlots lets callers that wait take turns", async () => {
  const slots = new HandlerSlots(100);
  const users = [createUser(), createUser(), createUser()];
  const served: string[] = [];
  for (const user of users) fill(slots, user);
  for (const [index, user] of users.entries()) {
    for (let count = 0; count < 10; count++) {
      waitAs(slots, user, `${index}`, served);
    }
  }
  while (served.length < 30) {
    slots.release(users.find(({ slotCount }) => slotCount > 0)!);
    await settle();
  }
  // The first one has more than its share at first.
  assert.equal(served.slice(0, 8).join(""), "12121212");
  assert.equal(served.filter((name) => name === "0").length, 10);
});

Deno.test("HandlerSlots gives a caller without a slot its turn, also where others have all and wait for more", async () => {
  const slots = new HandlerSlots(256);
  const users = Array.from({ length: 40 }, createUser);
  const served: string[] = [];
  for (const user of users) {
    while (slots.load < 1 && slots.tryTake(user));
  }
  const late = createUser();
  // Nobody waits, and another agent may be free.
  assert.throws(() => slots.tryTake(late), { code: "RESOURCE_EXHAUSTED" });
  slots.release(users[0]!);
  const waiting = users.filter(({ slotCount }) => slotCount >= FEW_HANDLERS);
  assert.ok(waiting.length > 10);
  for (const user of waiting) {
    for (let count = 0; count < 100; count++) {
      waitAs(slots, user, "early", served);
    }
  }
  assert.ok(slots.tryTake(createUser()));
  assert.equal(slots.tryTake(late), false);
  waitAs(slots, late, "late", served);
  for (let count = 0; count <= waiting.length; count++) {
    slots.release(waiting[count % waiting.length]!);
  }
  await settle();
  assert.ok(served.includes("late"), served.join());
  assert.equal(late.slotCount, 1);
});

Deno.test("HandlerSlots forgets who gives up waiting, and tells all of them a reason", async () => {
  const slots = new HandlerSlots(256);
  const user = createUser();
  fill(slots, user);
  const served: string[] = [];
  const races = ["a", "b", "c", "d"].map((name) =>
    waitAs(slots, user, name, served)
  );
  races[1]!.abort("given up");
  assert.equal(slots.size, 131);
  slots.release(user);
  await settle();
  assert.deepEqual(served, ["b: given up", "a"]);
  slots.refuseWaiting(new CallError("UNAVAILABLE", "Test: closing"));
  await settle();
  assert.equal(served.length, 4);
  assert.match(served[3]!, /closing/);
  // What comes later is nobody's.
  for (const race of races) race.abort("late");
  await settle();
  assert.equal(served.length, 4);
  assert.equal(slots.size, 128);
  const late = new AbortRace();
  late.abort("before");
  await assert.rejects(slots.wait(user, late), (reason) => reason === "before");
  assert.equal(slots.size, 128);
});

Deno.test("HandlerSlots serves the newest of a caller's calls first once the time of one was over, and others in their order", async () => {
  const slots = new HandlerSlots(100);
  const [late, patient] = [createUser(), createUser()];
  const served: string[] = [];
  for (const user of [late, patient]) fill(slots, user);
  const races = ["a", "b", "c", "d"].map((name) =>
    waitAs(slots, late, name, served)
  );
  for (const name of ["1", "2", "3"]) waitAs(slots, patient, name, served);
  races[1]!.abort(new CallError("DEADLINE_EXCEEDED", "Test: too late"));
  waitAs(slots, late, "e", served);
  while (slots.size > 0) {
    slots.release([late, patient].find(({ slotCount }) => slotCount > 0)!);
    await settle();
  }
  const servedOf = (names: RegExp) => served.filter((name) => names.test(name));
  assert.deepEqual(servedOf(/^[a-e]$/), ["e", "d", "c", "a"]);
  assert.deepEqual(servedOf(/^\d$/), ["1", "2", "3"]);
});

Deno.test("HandlerSlots never gives more than it has, and leaves no slot free that somebody waiting may have", async () => {
  const step = fc.record({
    user: fc.nat(5),
    what: fc.constantFrom("take", "take", "take", "release", "abort"),
    at: fc.nat(1_000),
  });
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 120 }),
    fc.array(step, { maxLength: 600 }),
    async (count, steps) => {
      const slots = new HandlerSlots(count);
      const users = Array.from({ length: 6 }, createUser);
      const held = users.map(() => 0);
      const waits: AbortRace[] = [];
      let outcomes = 0;
      for (const { user: index, what, at } of steps) {
        const user = users[index]!;
        if (what === "take") {
          try {
            if (slots.tryTake(user)) held[index]!++;
            else {
              const race = new AbortRace();
              waits.push(race);
              slots.wait(user, race).then(
                () => held[index]!++,
                () => {},
              ).finally(() => outcomes++);
            }
          } catch (error) {
            assert.ok(error instanceof CallError);
          }
        } else if (what === "abort") waits[at % (waits.length || 1)]?.abort(0);
        else if (held[index]! > 0) {
          held[index]!--;
          slots.release(user);
        }
        for (let turn = 0; turn < 4; turn++) await undefined;
        const used = users.reduce((sum, { slotCount }) => sum + slotCount, 0);
        const waiting = users.reduce((sum, user) => sum + user.waiting.size, 0);
        assert.deepEqual(held, users.map(({ slotCount }) => slotCount));
        assert.ok(used <= count);
        assert.equal(slots.size, used + waiting);
        assert.equal(waits.length - outcomes, waiting);
        for (const { slotCount, waiting } of users) {
          assert.ok(slotCount + waiting.size <= count);
          if (waiting.size > 0 && used < count) {
            assert.ok(slotCount >= FEW_HANDLERS && used >= UNSHARED_HANDLERS);
          }
        }
      }
      for (const [index, user] of users.entries()) {
        while (held[index]! > 0 || user.waiting.size > 0) {
          assert.ok(held.some((one) => one > 0));
          for (const [other, one] of users.entries()) {
            if (held[other]! === 0) continue;
            held[other]!--;
            slots.release(one);
          }
          for (let turn = 0; turn < 4; turn++) await undefined;
        }
      }
      assert.equal(slots.size, 0);
    },
  ));
});

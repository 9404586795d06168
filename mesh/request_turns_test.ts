import assert from "node:assert/strict";
import type { StreamPriority } from "../transport/mod.ts";
import { AbortRace } from "./abort.ts";
import { RequestTurns } from "./request_turns.ts";

Deno.test("RequestTurns gives so many turns, then each that comes back to who waits longest", async () => {
  const turns = new RequestTurns(2);
  assert.ok(turns.tryTake());
  assert.ok(turns.tryTake());
  assert.ok(!turns.tryTake());
  const order: string[] = [];
  const waiting = ["first", "second"].map((name) =>
    turns.take(new AbortRace()).then(() => order.push(name))
  );
  turns.giveBack();
  // It is taken already: nobody overtakes who waits.
  assert.ok(!turns.tryTake());
  await waiting[0];
  assert.deepEqual(order, ["first"]);
  turns.giveBack();
  await waiting[1];
  turns.giveBack();
  assert.ok(turns.tryTake());
  assert.ok(!turns.tryTake());
});

Deno.test("RequestTurns loses no turn to a request that was given up, whenever that was", async () => {
  const turns = new RequestTurns(1);
  assert.ok(turns.tryTake());
  const races = [new AbortRace(), new AbortRace()];
  const waiting = races.map((race) =>
    assert.rejects(turns.take(race), (reason) => reason === "enough")
  );
  races[1]!.abort("enough");
  turns.giveBack();
  // In the moment in which its turn came.
  races[0]!.abort("enough");
  await Promise.all(waiting);
  assert.ok(turns.tryTake());
});

Deno.test("RequestTurns counts what each request takes, and lets nobody overtake one that takes much", async () => {
  const turns = new RequestTurns(10);
  assert.ok(turns.tryTake(4));
  assert.ok(turns.tryTake(4));
  const order: string[] = [];
  const take = (name: string, count: number, race = new AbortRace()) =>
    turns.take(race, count).then(() => order.push(name), () => {});
  const race = new AbortRace();
  const waiting = [take("much", 6), take("given up", 9, race), take("few", 1)];
  assert.ok(!turns.tryTake(1));
  turns.giveBack(4);
  await waiting[0];
  assert.deepEqual(order, ["much"]);
  turns.giveBack(4);
  // Only one that was given up stands between the last one and its turn.
  race.abort("enough");
  await Promise.all(waiting);
  assert.deepEqual(order, ["much", "few"]);
  turns.giveBack(6);
  turns.giveBack(1);
  assert.ok(turns.tryTake(10));
});

Deno.test("RequestTurns lets control go first, and bulk get a sixth beside interactive", async () => {
  const turns = new RequestTurns(1);
  assert.ok(turns.tryTake());
  const order: string[] = [];
  const take = (priority: StreamPriority): Promise<number> =>
    turns.take(new AbortRace(), 1, priority).then(() => order.push(priority));
  const waiting = [
    ...Array.from({ length: 3 }, () => take("bulk")),
    ...Array.from({ length: 7 }, () => take("interactive")),
    take("control"),
  ];
  for (const _ of waiting) turns.giveBack();
  await Promise.all(waiting);
  const interactive = "interactive";
  assert.deepEqual(order, [
    "control",
    ...[interactive, "bulk"],
    ...Array(5).fill(interactive),
    ...["bulk", interactive, "bulk"],
  ]);
});

Deno.test("RequestTurns lets a request that needs less go before those of a lower priority at once", async () => {
  const turns = new RequestTurns(10);
  assert.ok(turns.tryTake(8));
  const late = turns.take(new AbortRace(), 4, "bulk");
  await turns.take(new AbortRace(), 2, "control");
  turns.giveBack(8);
  await late;
});

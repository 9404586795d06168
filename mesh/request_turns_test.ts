import assert from "node:assert/strict";
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

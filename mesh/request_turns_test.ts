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

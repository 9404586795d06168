import assert from "node:assert/strict";
import { Trickle } from "./trickle.ts";

Deno.test("Trickle lets the one that has waited longest go on", async () => {
  const trickle = new Trickle();
  const order: string[] = [];
  const wait = async (name: string): Promise<void> => {
    while (await trickle.turn()) order.push(name);
    order.push(`end of ${name}`);
  };
  const waiting = [wait("a"), wait("b")];
  for (const _ of "123") {
    trickle.next();
    await Promise.resolve();
  }
  assert.deepEqual(order, ["a", "b", "a"]);
  assert.equal(trickle.waitingCount, 2);
  trickle.end();
  await Promise.all(waiting);
  assert.deepEqual(order.slice(3), ["end of b", "end of a"]);
  assert.equal(await trickle.turn(), false);
});

import assert from "node:assert/strict";
import { settle } from "../tests/support/node_rig.ts";
import { REGISTRATION_BURST, REGISTRATIONS_PER_SECOND } from "./node_config.ts";
import { RegistryWrites } from "./registry_writes.ts";
import { SendingTurns } from "./sending_turns.ts";

/** Takes registrations until one is refused. */
function exhaust(writes: RegistryWrites, keyText: string, now: number): number {
  let count = 0;
  while (writes.takeRegistration(keyText, now)) count++;
  return count;
}

Deno.test("RegistryWrites counts registrations for each key, and forgets keys only once they have rested", () => {
  const writes = new RegistryWrites();
  assert.equal(exhaust(writes, "a", 0), REGISTRATION_BURST);
  assert.equal(exhaust(writes, "b", 0), REGISTRATION_BURST);
  const restedMs = 1_000 * REGISTRATION_BURST / REGISTRATIONS_PER_SECOND;
  writes.sweep(1_000);
  assert.equal(writes.size, 2);
  assert.equal(exhaust(writes, "a", 1_000), REGISTRATIONS_PER_SECOND);
  writes.sweep(restedMs);
  assert.equal(writes.size, 1);
  writes.sweep(restedMs + 1_000);
  assert.equal(writes.size, 0);
});

/** Asks for turns, and runs the event loop by hand. */
async function writeAll(names: readonly string[]): Promise<string[][]> {
  const tasks: (() => void)[] = [];
  const turns = new SendingTurns((task) => tasks.push(task), 1);
  const writes = new RegistryWrites(turns);
  let written: string[] = [];
  for (const name of names) {
    writes.turn(name[0]!).then(() => written.push(name));
  }
  const byTurn: string[][] = [];
  do {
    tasks.shift()?.();
    await settle();
    byTurn.push(written);
    written = [];
    writes.sweep(0);
    assert.equal(writes.size > 0, tasks.length > 0);
  } while (tasks.length > 0);
  return byTurn;
}

Deno.test("RegistryWrites lets the event loop turn between writes, of one key or of several", async () => {
  const one = ["a1", "a2", "a3"];
  assert.deepEqual(await writeAll(one), [["a1"], ["a2"], ["a3"]]);
  const three = ["a1", "b1", "c1"];
  assert.deepEqual(await writeAll(three), [["a1"], ["b1"], ["c1"]]);
});

Deno.test("RegistryWrites gives each key a turn before the next one of any, and a key its turns in order", async () => {
  const asked = ["a1", "a2", "a3", "b1", "b2", "c1"];
  const order = (await writeAll(asked)).flat();
  assert.deepEqual(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
});

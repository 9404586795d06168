import assert from "node:assert/strict";
import { type KeyEntry, KeyTable } from "./key_table.ts";

Deno.test("KeyTable gives a key one entry for as long as somebody holds it", () => {
  const table = new KeyTable<KeyEntry>((keyText) => ({
    keyText,
    holderCount: 0,
  }));
  const [first, other] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const entry = table.take(first!);
  assert.equal(table.take(first!.slice()), entry);
  assert.notEqual(table.take(other!), entry);
  assert.equal(table.size, 2);
  table.hold(entry);
  for (let count = 0; count < 2; count++) table.release(entry);
  assert.equal(table.take(first!), entry);
  for (let count = 0; count < 2; count++) table.release(entry);
  assert.equal(table.size, 1);
  assert.notEqual(table.take(first!), entry);
});

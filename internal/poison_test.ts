import assert from "node:assert/strict";

Deno.test("poison() overwrites what is free, once it is turned on", async () => {
  // An instance of its own: turning it on counts for the whole process.
  const { enablePoison, poison } = await import(
    new URL("./poison.ts?own", import.meta.url).href
  );
  const bytes = new Uint8Array([1, 2, 3]);
  poison(bytes);
  assert.deepEqual(bytes, new Uint8Array([1, 2, 3]));
  enablePoison();
  poison(bytes.subarray(1));
  assert.deepEqual(bytes, new Uint8Array([1, 0xdb, 0xdb]));
});

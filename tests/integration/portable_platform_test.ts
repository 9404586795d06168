/**
 * The transport on a platform without WebAssembly and without native
 * cryptography: in a process of its own, for what a platform has is asked once.
 */
import assert from "node:assert/strict";

Deno.test("The transport works without WebAssembly and node:crypto, and with memory that was transferred away", async () => {
  const script = new URL("../support/portable_platform.ts", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-env", "--allow-read", script.href],
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  assert.deepEqual(JSON.parse(text.decode(stdout)), {
    cipher: "portable",
    agreement: "portable",
    isTransferred: true,
    runs: 10,
  });
});

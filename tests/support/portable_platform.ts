/**
 * Runs simulated networks on a platform that has neither WebAssembly nor
 * `node:crypto`, and prints what served: for the test of the portable path. Shared
 * memory can be transferred away there, and is.
 *
 * @module
 */
import process from "node:process";

// Before anything asks for them.
Reflect.deleteProperty(globalThis, "WebAssembly");
Reflect.set(process, "getBuiltinModule", () => undefined);

const { defaultProvider } = await import("../../crypto/mod.ts");
const { copyBytes } = await import("../../internal/byte_pool.ts");
const { simulateTransport } = await import(
  "../simulation/transport_simulation.ts"
);

const SEED_COUNT = 10;

const copy = copyBytes(Uint8Array.of(1));
structuredClone(copy, { transfer: [copy.buffer as ArrayBuffer] });

for (let seed = 1; seed <= SEED_COUNT; seed++) simulateTransport(seed);
process.stdout.write(JSON.stringify({
  cipher: defaultProvider("chacha20-poly1305"),
  agreement: defaultProvider("x25519"),
  isTransferred: copy.length === 0,
  runs: SEED_COUNT,
}));

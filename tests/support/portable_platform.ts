/**
 * Runs simulated networks on a platform that has neither WebAssembly nor
 * `node:crypto`, and prints what served: for the test of the portable path.
 *
 * @module
 */
import process from "node:process";

// Before anything asks for them.
Reflect.deleteProperty(globalThis, "WebAssembly");
Reflect.set(process, "getBuiltinModule", () => undefined);

const { defaultProvider } = await import("../../crypto/mod.ts");
const { simulateTransport } = await import(
  "../simulation/transport_simulation.ts"
);

const SEED_COUNT = 10;

for (let seed = 1; seed <= SEED_COUNT; seed++) simulateTransport(seed);
process.stdout.write(JSON.stringify({
  cipher: defaultProvider("chacha20-poly1305"),
  agreement: defaultProvider("x25519"),
  runs: SEED_COUNT,
}));

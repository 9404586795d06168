/**
 * Loaded before the tests by `deno task test:portable`: a platform that has
 * neither WebAssembly nor `node:crypto`.
 *
 * @module
 */
import process from "node:process";

const getBuiltinModule = process.getBuiltinModule.bind(process);

Reflect.deleteProperty(globalThis, "WebAssembly");
Reflect.set(
  process,
  "getBuiltinModule",
  (name: string) => name === "node:crypto" ? undefined : getBuiltinModule(name),
);

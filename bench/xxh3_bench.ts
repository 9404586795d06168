/**
 * How long does the checksum of a message take, beside the same hash from the
 * `hash-wasm` package and beside a plain copy of the same bytes?
 *
 * @module
 */
import { createXXHash3 } from "hash-wasm";
import { createScalarXxh3 } from "../protocol/xxh3_scalar.ts";
import { createWasmXxh3 } from "../protocol/xxh3_wasm.ts";

const SIZES: readonly number[] = [64, 256, 1_200, 65_536, 1_048_576];

const into = new Uint32Array(2);
const wasm = createWasmXxh3();
const scalar = createScalarXxh3();
const hashWasm = await createXXHash3();

for (const size of SIZES) {
  const bytes = Uint8Array.from({ length: size }, (_, i) => i * 31);
  const copy = new Uint8Array(size);
  const group = `XXH3-64 of ${size.toLocaleString("en")} bytes`;
  if (wasm) {
    Deno.bench(`WebAssembly, ${size} bytes`, { group, baseline: true }, () => {
      wasm.hashInto(bytes, 0, size, into);
    });
  }
  Deno.bench(`TypeScript, ${size} bytes`, { group }, () => {
    scalar.hashInto(bytes, 0, size, into);
  });
  Deno.bench(`hash-wasm, ${size} bytes`, { group }, () => {
    hashWasm.init().update(bytes).digest("binary");
  });
  Deno.bench(`copy only, ${size} bytes`, { group }, () => {
    copy.set(bytes);
  });
}

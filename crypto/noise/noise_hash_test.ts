import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { NOISE_HASHES, noiseHkdf } from "./noise_hash.ts";

const NODE_NAMES = [
  ["SHA256", "sha256", 32],
  ["SHA512", "sha512", 64],
  ["BLAKE2s", "blake2s256", 32],
  ["BLAKE2b", "blake2b512", 64],
] as const;

const a = Uint8Array.of(1, 2, 3), b = Uint8Array.of(4, 5);

for (const [name, nodeName, length] of NODE_NAMES) {
  Deno.test(`NOISE_HASHES agrees with the runtime's ${name}`, () => {
    const hash = NOISE_HASHES.get(name)!;
    assert.equal(hash.length, length);
    assert.deepEqual(
      hash.digest(a, b),
      new Uint8Array(createHash(nodeName).update(a).update(b).digest()),
    );
  });
}

for (const name of ["SHA256", "SHA512"] as const) {
  // Noise §4.3
  Deno.test(`noiseHkdf() chains HMAC as the specification says: ${name}`, () => {
    const hash = NOISE_HASHES.get(name)!;
    const mac = (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array => {
      const hmac = createHmac(name.toLowerCase(), key);
      for (const part of parts) hmac.update(part);
      return new Uint8Array(hmac.digest());
    };
    const salt = new Uint8Array(hash.length).fill(7);
    const temporary = mac(salt, a);
    const first = mac(temporary, Uint8Array.of(1));
    const second = mac(temporary, first, Uint8Array.of(2));
    const third = mac(temporary, second, Uint8Array.of(3));
    assert.deepEqual(noiseHkdf(hash, salt, a, 2), [first, second]);
    assert.deepEqual(noiseHkdf(hash, salt, a, 3), [first, second, third]);
  });
}

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { CryptoError } from "./error.ts";
import {
  confirmationKey,
  deriveTrafficKeys,
  nextTrafficSecret,
} from "./key_schedule.ts";

const secret = Uint8Array.from({ length: 32 }, (_, index) => index);

/** The first block of HKDF-Expand, by another implementation. */
function expand(label: string, length: number): Uint8Array {
  const block = createHmac("sha256", secret).update(label)
    .update(Uint8Array.of(1)).digest();
  return new Uint8Array(block).subarray(0, length);
}

Deno.test("deriveTrafficKeys() expands the documented labels", () => {
  assert.deepEqual(deriveTrafficKeys(secret), {
    key: expand("mxp v1 key", 32),
    iv: expand("mxp v1 iv", 12),
    headerProtectionKey: expand("mxp v1 hp", 32),
  });
});

Deno.test("nextTrafficSecret() and confirmationKey() have labels of their own", () => {
  assert.deepEqual(nextTrafficSecret(secret), expand("mxp v1 ku", 32));
  assert.deepEqual(confirmationKey(secret), expand("mxp v1 confirm", 32));
});

Deno.test("the key schedule refuses a secret that is not 32 bytes", () => {
  for (
    const derive of [deriveTrafficKeys, nextTrafficSecret, confirmationKey]
  ) {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(
        () => derive(new Uint8Array(length)),
        (error) => error instanceof CryptoError && error.code === "INVALID_KEY",
      );
    }
  }
});

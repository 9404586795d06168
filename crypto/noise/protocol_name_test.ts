import assert from "node:assert/strict";
import fc from "fast-check";
import { CryptoError } from "../error.ts";
import { parseProtocolName } from "./protocol_name.ts";

const isUnsupported = (error: unknown): boolean =>
  error instanceof CryptoError && error.code === "UNSUPPORTED_PROTOCOL";

Deno.test("parseProtocolName() reads suite and hash", () => {
  const one = parseProtocolName("Noise_IK_25519_ChaChaPoly_SHA256");
  assert.equal(one.suite, "chacha20-poly1305");
  assert.equal(one.hash.length, 32);
  const other = parseProtocolName("Noise_XXpsk3_25519_AESGCM_BLAKE2b");
  assert.equal(other.suite, "aes-256-gcm");
  assert.equal(other.hash.length, 64);
});

Deno.test("parseProtocolName() reads a KEM, which goes with the modifier hfs and never without", () => {
  const name = "Noise_IKhfs_25519+MLKEM768_ChaChaPoly_SHA256";
  assert.equal(parseProtocolName(name).kem?.name, "MLKEM768");
  const plain = "Noise_IK_25519_ChaChaPoly_SHA256";
  assert.equal(parseProtocolName(plain).kem, undefined);
  for (
    const wrong of [
      "Noise_IK_25519+MLKEM768_ChaChaPoly_SHA256",
      "Noise_IKhfs_25519_ChaChaPoly_SHA256",
      "Noise_IKhfs_MLKEM768_ChaChaPoly_SHA256",
      "Noise_IKhfs_25519+MLKEM512_ChaChaPoly_SHA256",
      "Noise_IKhfs_25519+ML-KEM-768_ChaChaPoly_SHA256",
      "Noise_Nhfs_25519+MLKEM768_ChaChaPoly_SHA256",
    ]
  ) assert.throws(() => parseProtocolName(wrong), isUnsupported, wrong);
});

Deno.test("parseProtocolName() refuses every other name", () => {
  for (
    const name of [
      "",
      "Noise",
      "noise_IK_25519_ChaChaPoly_SHA256",
      "Noise_IK_448_ChaChaPoly_SHA256",
      "Noise_IK_25519_ChaChaPoly_SHA1",
      "Noise_IK_25519_ChaCha_SHA256",
      "Noise_IK_25519_ChaChaPoly",
      "Noise_IK_25519_ChaChaPoly_SHA256_",
      "Noise__25519_ChaChaPoly_SHA256",
      `Noise_IK_25519_ChaChaPoly_SHA256${"x".repeat(300)}`,
    ]
  ) assert.throws(() => parseProtocolName(name), isUnsupported, name);
});

Deno.test("parseProtocolName() throws nothing but its own error", () => {
  fc.assert(fc.property(fc.string(), (name) => {
    assert.throws(() => parseProtocolName(name), isUnsupported);
    assert.throws(
      () => parseProtocolName(`Noise_${name}_25519_AESGCM_SHA512_`),
      isUnsupported,
    );
  }));
});

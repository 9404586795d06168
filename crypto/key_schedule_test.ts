import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { toHex } from "../tests/support/vectors.ts";
import { CryptoError } from "./error.ts";
import {
  confirmationKey,
  derivePhaseKeys,
  deriveTrafficKeys,
  nextTrafficSecret,
  resumptionSecret,
  ticketPsk,
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
    nextSecret: nextTrafficSecret(secret),
  });
});

Deno.test("derivePhaseKeys() gives what a key update replaces", () => {
  const { key, iv, nextSecret } = deriveTrafficKeys(secret);
  assert.deepEqual(derivePhaseKeys(secret), { key, iv, nextSecret });
  // What is kept of a phase must not keep its key in memory.
  assert.equal(derivePhaseKeys(secret).iv.buffer.byteLength, 12);
});

Deno.test("nextTrafficSecret() and confirmationKey() have labels of their own", () => {
  assert.deepEqual(nextTrafficSecret(secret), expand("mxp v1 ku", 32));
  assert.deepEqual(confirmationKey(secret), expand("mxp v1 confirm", 32));
});

Deno.test("resumptionSecret() and ticketPsk() bind the handshake, the static keys and the whole ticket", () => {
  const staticSecret = new Uint8Array(32).fill(0xcc);
  assert.deepEqual(
    resumptionSecret(secret, new TextEncoder().encode("hash")),
    expand("mxp v1 resumehash", 32),
  );
  assert.deepEqual(
    ticketPsk(secret, staticSecret, new TextEncoder().encode("ticket")),
    new Uint8Array(
      hkdfSync("sha256", staticSecret, secret, "mxp v1 pskticket", 32),
    ),
  );
  assert.deepEqual(
    [
      resumptionSecret(secret, new Uint8Array(32).fill(0xaa)),
      ticketPsk(secret, staticSecret, new Uint8Array(121).fill(0xbb)),
    ].map(toHex),
    [
      "369a30e90806884ac755954fdf1696f7d907b16416d07efb9650524af859da89",
      "7f3b3875f6bd6a5f80f5562e00b74eeec5c79d84583c39a16dc655f808673e3b",
    ],
  );
});

Deno.test("the key schedule refuses a secret that is not 32 bytes", () => {
  for (
    const derive of [
      deriveTrafficKeys,
      derivePhaseKeys,
      nextTrafficSecret,
      confirmationKey,
      (secret: Uint8Array) => resumptionSecret(secret, new Uint8Array(32)),
      (secret: Uint8Array) =>
        ticketPsk(secret, new Uint8Array(32), new Uint8Array(8)),
      (secret: Uint8Array) =>
        ticketPsk(new Uint8Array(32), secret, new Uint8Array(8)),
    ]
  ) {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(
        () => derive(new Uint8Array(length)),
        (error) => error instanceof CryptoError && error.code === "INVALID_KEY",
      );
    }
  }
});

Deno.test("the key schedule gives the vector of the specification", () => {
  const keys = deriveTrafficKeys(secret);
  assert.deepEqual(
    [
      keys.key,
      keys.iv,
      keys.headerProtectionKey,
      nextTrafficSecret(secret),
      confirmationKey(secret),
    ].map(toHex),
    [
      "96482de95629565023d5b35811a0c9b6acd00f5398ccb5738fd5e43dc331d292",
      "0ac9f5b0d8225227d3faf7d3",
      "636f910ac2cf86b87f87fb774e21f3cd6502ca6f9c5d82512ab43d652d920a78",
      "ebc3347d8a124748792a4cf1c4a0fc7de273d81f2ca3382498602438e79f6175",
      "9a4946f401e90a1ae2834631303485fb696644221ad1f6d3054c8c44544fbb31",
    ],
  );
});

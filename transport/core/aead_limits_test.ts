import assert from "node:assert/strict";
import { aeadLimits } from "./aead_limits.ts";

Deno.test("aeadLimits() are those of RFC 9001 §6.6", () => {
  assert.deepEqual(aeadLimits("aes-256-gcm"), {
    confidentialityPackets: 8_388_608,
    integrityPackets: 4_503_599_627_370_496,
  });
  assert.deepEqual(aeadLimits("chacha20-poly1305"), {
    confidentialityPackets: 4_294_967_296,
    integrityPackets: 68_719_476_736,
  });
});

Deno.test("aeadLimits() can be made stricter, never wider", () => {
  const both = { maxPacketsPerKey: 1_000, maxForgedPackets: 5 };
  assert.deepEqual(aeadLimits("aes-256-gcm", both), {
    confidentialityPackets: 1_000,
    integrityPackets: 5,
  });
  const wide = { maxPacketsPerKey: 2 ** 32, maxForgedPackets: 2 ** 52 };
  assert.deepEqual(
    aeadLimits("aes-256-gcm", wide),
    aeadLimits("aes-256-gcm"),
  );
  assert.equal(
    aeadLimits("chacha20-poly1305", wide).integrityPackets,
    2 ** 36,
  );
});

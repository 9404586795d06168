import assert from "node:assert/strict";
import { encodeKeyLogLine } from "./key_log.ts";

Deno.test("encodeKeyLogLine() writes label, cipher, connection id and secret", () => {
  const secret = Uint8Array.from({ length: 32 }, (_, index) => index);
  const line = encodeKeyLogLine({
    label: "responder-traffic",
    cipher: "aes-256-gcm",
    connectionId: "8f2d5a01c3e97b00",
    secret,
  });
  assert.equal(
    new TextDecoder().decode(line),
    "MXP_RESPONDER_TRAFFIC_SECRET_0 aes-256-gcm 8f2d5a01c3e97b00 " +
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
  );
});

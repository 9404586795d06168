import assert from "node:assert/strict";
import {
  MAX_ONE_RANGE_ACK_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  PATH_FRAME_LENGTH,
} from "../../protocol/mod.ts";
import {
  AmplificationLimit,
  closeAllowanceBytes,
  packetAllowanceBytes,
} from "./amplification_limit.ts";

Deno.test("AmplificationLimit allows nothing before anything was received (RFC 9000 §8.1)", () => {
  const limit = new AmplificationLimit();
  assert.equal(limit.allowedBytes, 0);
  assert.equal(limit.isValidated, false);
});

Deno.test("AmplificationLimit allows three times what was received (RFC 9000 §8.1)", () => {
  const limit = new AmplificationLimit();
  limit.onReceived(1_200);
  assert.equal(limit.allowedBytes, 3_600);
  limit.onSent(1_200);
  limit.onSent(2_000);
  assert.equal(limit.allowedBytes, 400);
  limit.onReceived(100);
  assert.equal(limit.allowedBytes, 700);
});

Deno.test("AmplificationLimit never allows a negative number and remembers what was overdrawn", () => {
  const limit = new AmplificationLimit();
  limit.onReceived(100);
  limit.onSent(400);
  assert.equal(limit.allowedBytes, 0);
  limit.onReceived(100);
  assert.equal(limit.allowedBytes, 200);
});

Deno.test("AmplificationLimit has no limit once the address is validated (RFC 9000 §8.1)", () => {
  const limit = new AmplificationLimit();
  limit.onReceived(10);
  limit.onValidated();
  limit.onSent(1e9);
  assert.equal(limit.allowedBytes, Infinity);
  assert.equal(limit.isValidated, true);
  limit.onReceived(10);
  assert.equal(limit.allowedBytes, Infinity);
});

Deno.test("AmplificationLimit refuses negative sizes", () => {
  const limit = new AmplificationLimit();
  assert.throws(() => limit.onReceived(-1), { name: "AssertionError" });
  assert.throws(() => limit.onSent(-1), { name: "AssertionError" });
});

for (const prefixBytes of [0, 120]) {
  const leastBytes = PACKET_OVERHEAD_LENGTH + PATH_FRAME_LENGTH +
    MAX_ONE_RANGE_ACK_LENGTH + prefixBytes;

  Deno.test(`packetAllowanceBytes() keeps room for a close, and gives nothing where a challenge would not fit; ${prefixBytes} bytes before it`, () => {
    let smallest = 0;
    while (packetAllowanceBytes(smallest, prefixBytes, true) === 0) smallest++;
    const bytes = packetAllowanceBytes(smallest, prefixBytes, true);
    assert.equal(bytes, leastBytes);
    assert.notEqual(closeAllowanceBytes(smallest - bytes, prefixBytes), 0);
    assert.equal(closeAllowanceBytes(smallest - bytes - 1, prefixBytes), 0);
  });

  Deno.test(`packetAllowanceBytes() leaves enough to repeat a challenge twice; ${prefixBytes} bytes before it`, () => {
    let restBytes = 3_600;
    let bytes: number;
    do {
      bytes = packetAllowanceBytes(restBytes, prefixBytes, false);
      restBytes -= bytes;
    } while (bytes > 0);
    for (let repeat = 0; repeat < 2; repeat++) {
      bytes = packetAllowanceBytes(restBytes, prefixBytes, true);
      assert.equal(bytes, leastBytes);
      restBytes -= bytes;
    }
  });
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  decodeRefusal,
  encodeRefusal,
  hasValidMac,
  MAX_SUITES,
  RefusalReason,
} from "./handshake_packet.ts";
import { decodeSuiteRefusal, encodeSuiteRefusal } from "./suite_refusal.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const MAC_KEY = new Uint8Array(32).fill(3);

Deno.test("decodeSuiteRefusal() is the inverse of encodeSuiteRefusal() and reads nothing shorter or longer", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: MAX_SUITES }),
      (suites) => {
        const packet = encodeSuiteRefusal(ID, suites, MAC_KEY);
        assert.deepEqual(packet.subarray(0, 8), ID);
        assert.deepEqual(decodeSuiteRefusal(packet), suites);
        assert.ok(hasValidMac(packet, MAC_KEY));
        for (
          let length = PACKET_HEADER_LENGTH;
          length < packet.length;
          length++
        ) {
          const short = packet.subarray(0, length);
          assert.equal(decodeSuiteRefusal(short), undefined);
        }
        const long = new Uint8Array(packet.length + 1);
        long.set(packet);
        assert.equal(decodeSuiteRefusal(long), undefined);
      },
    ),
  );
});

Deno.test("decodeSuiteRefusal() refuses no suites, too many, and other refusals", () => {
  for (const count of [0, MAX_SUITES + 1]) {
    const packet = encodeSuiteRefusal(ID, new Uint8Array(count), MAC_KEY);
    assert.equal(decodeSuiteRefusal(packet), undefined);
  }
  const other = encodeRefusal(ID, RefusalReason.WRONG_KEY);
  assert.equal(decodeSuiteRefusal(other), undefined);
  const packet = encodeSuiteRefusal(ID, Uint8Array.of(1), MAC_KEY);
  assert.equal(decodeRefusal(packet), undefined);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import {
  encodeRefusal,
  hasValidMac,
  RefusalReason,
} from "./handshake_packet.ts";
import { decodeTicketRefusal, encodeTicketRefusal } from "./ticket_refusal.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const MAC_KEY = new Uint8Array(32).fill(3);

Deno.test("decodeTicketRefusal() is the inverse of encodeTicketRefusal()", () => {
  for (const isUsed of [false, true]) {
    const packet = encodeTicketRefusal(ID, { isUsed }, MAC_KEY);
    assert.equal(packet.length, PACKET_HEADER_LENGTH + 2 + 16);
    assert.deepEqual(decodeTicketRefusal(packet), { isUsed });
    assert.ok(hasValidMac(packet, MAC_KEY));
    for (let length = 32; length < packet.length; length++) {
      assert.equal(decodeTicketRefusal(packet.subarray(0, length)), undefined);
    }
    assert.equal(
      decodeTicketRefusal(Uint8Array.of(...packet, 0)),
      undefined,
      "too long",
    );
  }
});

Deno.test("decodeTicketRefusal() takes no other kind or reason, and never throws", () => {
  const packet = encodeTicketRefusal(ID, { isUsed: false }, MAC_KEY);
  for (let value = 0; value < 256; value++) {
    const kind = packet.slice();
    kind[PACKET_HEADER_LENGTH] = value;
    assert.equal(decodeTicketRefusal(kind) !== undefined, value === 6);
    const reason = packet.slice();
    reason[PACKET_HEADER_LENGTH + 1] = value;
    assert.equal(
      decodeTicketRefusal(reason) !== undefined,
      value === 3 || value === 4,
    );
  }
  const plain = encodeRefusal(ID, RefusalReason.TICKET);
  assert.equal(decodeTicketRefusal(plain), undefined, "without a MAC");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
    decodeTicketRefusal(bytes);
  }));
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { TRANSPORT_VERSION } from "./config.ts";
import {
  encodeRefusal,
  encodeRetry,
  encodeVersionNegotiation,
  RefusalReason,
} from "./handshake_packet.ts";
import { decodeHelloAnswer } from "./hello_answer.ts";
import { encodeSuiteRefusal } from "./suite_refusal.ts";
import { encodeTicketRefusal } from "./ticket_refusal.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const MAC_KEY = new Uint8Array(32).fill(3);
const OTHER = TRANSPORT_VERSION + 1;

const ANSWERS: readonly (readonly [string, Uint8Array])[] = [
  ["version-negotiation", encodeVersionNegotiation(ID, [OTHER, OTHER + 1])],
  ["wrong-key", encodeRefusal(ID, RefusalReason.WRONG_KEY)],
  ["suite-refusal", encodeSuiteRefusal(ID, Uint8Array.of(1, 2), MAC_KEY)],
  ["ticket-refusal", encodeTicketRefusal(ID, { isUsed: false }, MAC_KEY)],
  ["ticket-refusal", encodeTicketRefusal(ID, { isUsed: true }, MAC_KEY)],
  ["retry", encodeRetry(ID, new Uint8Array(30), MAC_KEY)],
];

Deno.test("decodeHelloAnswer() tells what is said to a hello", () => {
  for (const [type, packet] of ANSWERS) {
    assert.equal(decodeHelloAnswer(packet)?.type, type);
  }
  assert.deepEqual(decodeHelloAnswer(ANSWERS[0]![1]), {
    type: "version-negotiation",
    versions: [OTHER, OTHER + 1],
  });
});

Deno.test("decodeHelloAnswer() takes a version negotiation that names our version for none", () => {
  const packet = encodeVersionNegotiation(ID, [OTHER, TRANSPORT_VERSION]);
  assert.equal(decodeHelloAnswer(packet), undefined);
});

Deno.test("decodeHelloAnswer() takes nothing shorter or longer, and no other reason of a refusal", () => {
  for (const [type, packet] of ANSWERS) {
    for (let length = PACKET_HEADER_LENGTH; length < packet.length; length++) {
      const short = decodeHelloAnswer(packet.subarray(0, length));
      assert.equal(short, undefined, `${type} of ${length} bytes`);
    }
    const long = new Uint8Array(packet.length + 1);
    long.set(packet);
    assert.equal(decodeHelloAnswer(long), undefined, type);
  }
  assert.equal(decodeHelloAnswer(encodeRefusal(ID, 255)), undefined);
});

Deno.test("decodeHelloAnswer() returns for any bytes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: PACKET_HEADER_LENGTH, maxLength: 200 }),
      (packet) => {
        decodeHelloAnswer(packet);
      },
    ),
  );
});

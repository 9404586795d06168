import assert from "node:assert/strict";
import fc from "fast-check";
import { PACKET_HEADER_LENGTH } from "../../protocol/mod.ts";
import { MIN_HELLO_DATAGRAM_BYTES } from "./config.ts";
import {
  decodeHelloInvariants,
  encodeInitiatorHello,
  HandshakePatternCode,
  MAX_COOKIE_LENGTH,
  MAX_SUITES,
} from "./handshake_packet.ts";
import {
  AnswerParts,
  decodeAnswerRest,
  decodeHelloRest,
  encodeAnswerRest,
  encodeHelloRest,
  FIRST_PART_LENGTH,
  joinMessage,
  splitMessage,
} from "./split_message.ts";

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0);
const anyMessage = fc.uint8Array({
  minLength: FIRST_PART_LENGTH + 1,
  maxLength: FIRST_PART_LENGTH + 600,
});

Deno.test("joinMessage() is the inverse of splitMessage()", () => {
  fc.assert(fc.property(anyMessage, (message) => {
    const { first, rest } = splitMessage(message);
    assert.equal(first.length, FIRST_PART_LENGTH + 32);
    assert.deepEqual(joinMessage({ first, rest }), message);
  }));
});

Deno.test("joinMessage() refuses a rest that is not the one announced, and parts of other sizes", () => {
  const { first, rest } = splitMessage(new Uint8Array(1_300).fill(7));
  for (let at = 0; at < rest.length; at += 11) {
    const changed = rest.slice();
    changed[at]! ^= 1;
    assert.equal(joinMessage({ first, rest: changed }), undefined);
  }
  for (let at = FIRST_PART_LENGTH; at < first.length; at++) {
    const changed = first.slice();
    changed[at]! ^= 1;
    assert.equal(joinMessage({ first: changed, rest }), undefined);
  }
  for (const length of [0, 32, FIRST_PART_LENGTH, first.length - 1]) {
    const short = { first: first.subarray(0, length), rest };
    assert.equal(joinMessage(short), undefined);
  }
  assert.equal(joinMessage({ first, rest: rest.subarray(1) }), undefined);
  const empty = splitMessage(new Uint8Array(FIRST_PART_LENGTH));
  assert.equal(joinMessage(empty), undefined);
});

Deno.test("A first part leaves room for the longest hello in 1,200 bytes", () => {
  const { first } = splitMessage(new Uint8Array(1_400));
  const hello = encodeInitiatorHello({
    version: 1,
    connectionId: ID,
    pattern: HandshakePatternCode.IK,
    suites: new Uint8Array(MAX_SUITES),
    cookie: new Uint8Array(MAX_COOKIE_LENGTH),
    noise: first,
  }, new Uint8Array(32));
  assert.equal(hello.length, MIN_HELLO_DATAGRAM_BYTES);
});

Deno.test("decodeHelloRest() is the inverse of encodeHelloRest(), whose packet is as long as a hello", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 1_100 }), (rest) => {
      const packet = encodeHelloRest({ connectionId: ID, rest });
      assert.equal(packet.length, MIN_HELLO_DATAGRAM_BYTES);
      assert.deepEqual(decodeHelloRest(packet), { connectionId: ID, rest });
      assert.equal(decodeHelloInvariants(packet), undefined);
      const end = PACKET_HEADER_LENGTH + 15 + rest.length;
      for (let length = PACKET_HEADER_LENGTH; length < end; length += 7) {
        assert.equal(decodeHelloRest(packet.subarray(0, length)), undefined);
      }
      packet[PACKET_HEADER_LENGTH + 1] = 2;
      assert.equal(decodeHelloRest(packet), undefined, "another version");
    }),
  );
});

Deno.test("decodeAnswerRest() is the inverse of encodeAnswerRest() and reads nothing shorter or longer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 600 }), (rest) => {
      const packet = encodeAnswerRest(ID, rest);
      assert.deepEqual(packet.subarray(0, 8), ID);
      assert.deepEqual(decodeAnswerRest(packet), rest);
      for (
        let length = PACKET_HEADER_LENGTH;
        length < packet.length;
        length += 5
      ) {
        assert.equal(decodeAnswerRest(packet.subarray(0, length)), undefined);
      }
      const long = new Uint8Array(packet.length + 1);
      long.set(packet);
      assert.equal(decodeAnswerRest(long), undefined);
    }),
  );
});

Deno.test("AnswerParts joins the parts in any order, and the newest of each", () => {
  const message = new Uint8Array(1_250).fill(3);
  const other = new Uint8Array(1_250).fill(4);
  const { first, rest } = splitMessage(message);
  const forward = new AnswerParts();
  assert.equal(forward.takeFirst(first), undefined);
  assert.deepEqual(forward.takeRest(rest), message);
  const backward = new AnswerParts();
  assert.equal(backward.takeRest(rest), undefined);
  assert.deepEqual(backward.takeFirst(first), message);
  const disturbed = new AnswerParts();
  disturbed.takeFirst(splitMessage(other).first);
  assert.equal(disturbed.takeRest(rest), undefined);
  assert.deepEqual(disturbed.takeFirst(first), message);
});

Deno.test("Decoders of split messages throw at no bytes whatever", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    decodeHelloRest(bytes);
    decodeAnswerRest(bytes);
    joinMessage({ first: bytes, rest: bytes });
  }));
});

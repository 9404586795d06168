import assert from "node:assert/strict";
import { PARTIAL_HELLO_LIFETIME_MS } from "./config.ts";
import { HandshakePatternCode } from "./handshake_packet.ts";
import { type PartialHello, PartialHellos } from "./partial_hellos.ts";
import { splitMessage } from "./split_message.ts";

const MESSAGE = new Uint8Array(1_300).fill(5);
const { first, rest } = splitMessage(MESSAGE);

function partial(noise = first): PartialHello {
  return {
    hello: {
      version: 1,
      connectionId: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0),
      pattern: HandshakePatternCode.IK,
      suites: Uint8Array.of(3),
      cookie: Uint8Array.of(9),
      noise,
    },
    suite: "x25519-mlkem768-chacha20-poly1305",
    byteCount: 1_200,
  };
}

Deno.test("PartialHellos gives a whole hello when the second packet fits, once", () => {
  const partials = new PartialHellos(4);
  assert.equal(partials.complete(0, "a", rest), "unknown");
  assert.equal(partials.add(0, "a", partial()), false);
  assert.ok(partials.has("a", partial().hello));
  assert.equal(partials.complete(1, "b", rest), "unknown");
  assert.equal(partials.complete(1, "a", rest.subarray(1)), "mismatch");
  assert.equal(partials.count, 1);
  assert.deepEqual(partials.complete(1, "a", rest), partial(MESSAGE));
  assert.equal(partials.count, 0);
  assert.equal(partials.complete(1, "a", rest), "unknown");
});

Deno.test("PartialHellos copies what it keeps", () => {
  const partials = new PartialHellos(4);
  const borrowed = partial(first.slice());
  partials.add(0, "a", borrowed);
  borrowed.hello.noise.fill(0);
  borrowed.hello.connectionId.fill(0);
  assert.deepEqual(partials.complete(1, "a", rest), partial(MESSAGE));
});

Deno.test("PartialHellos knows the same hello from another one of the same sender", () => {
  const partials = new PartialHellos(4);
  partials.add(0, "a", partial());
  const other = partial(splitMessage(new Uint8Array(1_300).fill(6)).first);
  assert.equal(partials.has("a", other.hello), false);
  assert.equal(partials.has("b", partial().hello), false);
  partials.add(0, "a", other);
  assert.equal(partials.count, 1);
  assert.equal(partials.complete(1, "a", rest), "mismatch");
});

Deno.test("PartialHellos at its bound forgets the oldest, and says so", () => {
  const partials = new PartialHellos(3);
  for (const key of ["a", "b", "c"]) {
    assert.equal(partials.add(0, key, partial()), false);
  }
  assert.equal(partials.add(1, "d", partial()), true);
  assert.equal(partials.count, 3);
  assert.equal(partials.complete(1, "a", rest), "unknown");
  assert.notEqual(partials.complete(1, "b", rest), "unknown");
});

Deno.test("PartialHellos forgets after a time, without a timer", () => {
  const partials = new PartialHellos(3);
  partials.add(0, "a", partial());
  partials.add(100, "b", partial());
  const end = PARTIAL_HELLO_LIFETIME_MS;
  assert.equal(partials.complete(end, "a", rest), "unknown");
  assert.notEqual(partials.complete(end + 99, "b", rest), "unknown");
  partials.add(0, "a", partial());
  // What has expired makes room, and nobody else has to go.
  partials.add(1, "b", partial());
  partials.add(2, "c", partial());
  assert.equal(partials.add(end + 2, "d", partial()), false);
  assert.equal(partials.count, 1);
});

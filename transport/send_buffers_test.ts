import assert from "node:assert/strict";
import { UDP_MAX_DATAGRAM_BYTES } from "./carrier/carrier.ts";
import {
  MAX_FREE_SEND_BUFFERS,
  releaseSendBuffer,
  takeSendBuffer,
} from "./send_buffers.ts";

Deno.test("Send buffers hold the largest datagram, are used again, and kept up to a bound", () => {
  const taken = Array.from(
    { length: MAX_FREE_SEND_BUFFERS + 3 },
    takeSendBuffer,
  );
  assert.equal(new Set(taken).size, taken.length);
  for (const buffer of taken) {
    assert.equal(buffer.length, UDP_MAX_DATAGRAM_BYTES);
    releaseSendBuffer(buffer);
  }
  const again = Array.from({ length: taken.length }, takeSendBuffer);
  const known = again.filter((buffer) => taken.includes(buffer));
  assert.equal(known.length, MAX_FREE_SEND_BUFFERS);
  for (const buffer of again) releaseSendBuffer(buffer);
});

import assert from "node:assert/strict";
import { encodeCall, encodeCallData, MessageType } from "../protocol/mod.ts";
import { MAX_TIMEOUT_MS } from "./config.ts";
import { IncomingRequest } from "./incoming_request.ts";

function requestOf(timeoutSeconds: number): IncomingRequest {
  const payload = encodeCall({
    target: new Uint8Array(16),
    timeoutSeconds,
    data: encodeCallData({
      contentType: 2,
      method: "method",
      body: new TextEncoder().encode("no JSON"),
    }),
  });
  const message = { type: MessageType.CALL, flags: 0, messageId: 1n };
  return new IncomingRequest({ ...message, traceId: 2n, payload }, payload);
}

Deno.test("IncomingRequest has no time limit that an envelope cannot carry", () => {
  assert.equal(requestOf(0).timeoutMs, undefined);
  assert.equal(requestOf(7).timeoutMs, 7_000);
  assert.equal(requestOf(4_294_967).timeoutMs, 4_294_967_000);
  assert.equal(requestOf(4_294_968).timeoutMs, MAX_TIMEOUT_MS);
  assert.equal(requestOf(0xffff_ffff).timeoutMs, MAX_TIMEOUT_MS);
});

Deno.test("IncomingRequest leaves the value alone until it is unpacked", () => {
  const request = requestOf(1);
  assert.equal(request.packed.body.length, 7);
  assert.throws(() => request.unpack(undefined as never), /not JSON/);
});

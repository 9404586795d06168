import assert from "node:assert/strict";
import { CallError } from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { MessageChannel } from "../../mesh/message_channel.ts";
import { encodeError, MessageType } from "../../protocol/mod.ts";
import { systemRandom, Transport } from "../../transport/mod.ts";
import { withMesh } from "../support/mesh.ts";

/** How a callee ends a request of which it has read nothing. */
type Refusal = (channel: MessageChannel) => void;

/** Makes a large call to a callee that refuses, and gives what becomes of it. */
async function callAndBeRefused(refuse: Refusal): Promise<CallError> {
  const callee = await Transport.bind({
    hostname: "127.0.0.1",
    port: 0,
    keyPair: generateKeyPair(systemRandom),
  });
  callee.onConnection = (connection) => {
    connection.onStream = (stream) => refuse(new MessageChannel(stream));
  };
  let failure: unknown;
  try {
    await withMesh(async ({ connect }) => {
      const caller = await connect();
      const url = `mxp://127.0.0.1:${callee.localAddress.port}`;
      // More than is under way before the callee reads: the rest waits.
      const body = new Uint8Array(8 * 1024 * 1024);
      failure = await caller.call({ url }, "method", body).catch((error) =>
        error
      );
    });
  } finally {
    await callee.close();
  }
  assert.ok(failure instanceof CallError, String(failure));
  return failure;
}

Deno.test("A call that is refused while its value is sent rejects with the callee's answer", async () => {
  const error = await callAndBeRefused((channel) => {
    channel.stopReceiving();
    channel.send({
      type: MessageType.ERROR,
      messageId: 0n,
      traceId: 0n,
      payload: encodeError({
        status: 8,
        retryAfterMs: 1_000,
        messageId: 0n,
        message: "Memory: full",
      }),
    }).then(() => channel.finish());
  });
  assert.equal(error.code, "RESOURCE_EXHAUSTED");
  assert.equal(error.message, "Memory: full");
  assert.equal(error.retryAfterMs, 1_000);
});

Deno.test("A call that is given up by the callee while its value is sent rejects with the callee's code", async () => {
  const error = await callAndBeRefused((channel) => channel.cancel(14));
  assert.equal(error.code, "UNAVAILABLE");
});

Deno.test("A call that is stopped without an answer is lost", async () => {
  const error = await callAndBeRefused((channel) => {
    channel.stopReceiving();
    channel.finish();
  });
  assert.equal(error.code, "DATA_LOSS");
});

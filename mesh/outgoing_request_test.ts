import assert from "node:assert/strict";
import {
  decodeCall,
  decodeCallData,
  decodeEnvelope,
  decodeStreamOpen,
  type Envelope,
  MessageType,
} from "../protocol/mod.ts";
import { createStreamPair } from "../tests/support/byte_stream_pair.ts";
import type { CallScope } from "./call_scope.ts";
import { packContent, readPayload } from "./content.ts";
import { MessageChannel } from "./message_channel.ts";
import { RequestEncoder } from "./outgoing_request.ts";
import { parseTarget } from "./target.ts";

// docs/spec/messages.md#extensions: senders write types in ascending order.
Deno.test("RequestEncoder writes the extensions of calls and streams in ascending order", async () => {
  const agentId = new Uint8Array(16).fill(1);
  const encoder = new RequestEncoder({ name: "caller", agentId });
  const envelope: Envelope = {
    deadlineMs: 1_000,
    idleTimeoutMs: 500,
    parentSpanId: 3n,
    budget: { calls: 4 },
    capability: "add",
    metadata: { a: "b", c: "d" },
    isIdempotent: true,
    traceContext: { traceIdHigh: 5n, flags: 1 },
  };
  const scope = {
    createEnvelope: () => ({ ...envelope }),
    span: { traceId: 1n, spanId: 2n },
  } as unknown as CallScope;
  for (const isStream of [false, true]) {
    for (const compress of [false, true]) {
      const [ours, theirs] = createStreamPair();
      await encoder.push(
        new MessageChannel(ours),
        {
          scope,
          target: parseTarget({ capability: "add" }),
          method: "add",
          content: packContent("text"),
          options: { idempotencyKey: "key", compress },
          isStream,
        },
        { agentId },
        0,
      );
      const message = await new MessageChannel(theirs).receive();
      const payload = readPayload(message!);
      const data = message!.type === MessageType.CALL
        ? decodeCall(payload).data
        : decodeStreamOpen(payload).data!;
      const { extensions } = decodeCallData(data);
      const types = extensions.map(({ type }) => type);
      assert.deepEqual(types, [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11]);
      assert.deepEqual(decodeEnvelope(extensions), {
        ...envelope,
        idempotencyKey: "key",
        caller: "caller",
        callerId: agentId,
      });
    }
  }
});

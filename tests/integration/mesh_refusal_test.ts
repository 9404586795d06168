import assert from "node:assert/strict";
import { Agent, CallError } from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { MessageChannel } from "../../mesh/message_channel.ts";
import { encodeReplyFacts } from "../../mesh/reply_extension.ts";
import { StatusCode } from "../../mesh/status_code.ts";
import {
  createNilAgentId,
  decodeEnvelopedCall,
  encodeCall,
  encodeCallData,
  encodeError,
  encodeEvent,
  encodeMessage,
  encodeValue,
  MessageType,
} from "../../protocol/mod.ts";
import {
  systemRandom,
  Transport,
  type TransportConnection,
} from "../../transport/mod.ts";
import { withMesh } from "../support/mesh.ts";
import { bindTransport } from "../support/transport_pair.ts";

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

Deno.test("The newest of the calls that wait for a stream comes first once one was refused as too late", async () => {
  const asked: number[] = [];
  const refuse = async (channel: MessageChannel): Promise<void> => {
    const request = await channel.receive();
    asked.push(decodeEnvelopedCall(request!.payload).data.body[0]!);
    await channel.send({
      type: MessageType.ERROR,
      messageId: request!.messageId,
      traceId: request!.traceId,
      payload: encodeError({
        status: StatusCode.DEADLINE_EXCEEDED,
        retryAfterMs: 0,
        messageId: request!.messageId,
        message: "Test: too late",
        extensions: encodeReplyFacts({ isNotStarted: true }),
      }),
    });
    channel.finish();
  };
  const { transport: callee } = await bindTransport({
    config: { maxBidiStreams: 1 },
  });
  callee.onConnection = (connection) => {
    connection.onStream = (stream) => refuse(new MessageChannel(stream));
  };
  try {
    await withMesh(async ({ connect }) => {
      const caller = await connect();
      const url = `mxp://127.0.0.1:${callee.localAddress.port}`;
      const calls = [0, 1, 2, 3].map((value) =>
        caller.call({ url }, "method", new Uint8Array([value]))
      );
      await Promise.all(
        calls.map((call) =>
          assert.rejects(call, { code: "DEADLINE_EXCEEDED" })
        ),
      );
    });
  } finally {
    await callee.close();
  }
  assert.deepEqual(asked, [0, 3, 2, 1]);
});

/** Sends a message one way, and waits until that is stopped. */
async function sendOneWay(
  connection: TransportConnection,
  type: number,
  payload: Uint8Array,
): Promise<number> {
  const message = { type, flags: 0, messageId: 1n, traceId: 1n, payload };
  const stream = await connection.openStream({ isUnidirectional: true });
  const stopped = new Promise<number>((resolve) => {
    stream.onStopped = resolve;
  });
  await stream.write(encodeMessage(message));
  return await stopped;
}

// docs/spec/messages.md#exchanges
Deno.test("Node and Agent stop streams that run one way, and do nothing of what they say", () =>
  withMesh(async ({ node, connect }) => {
    const calls: string[] = [];
    const events: string[] = [];
    const agent = await connect({ name: "worker" });
    agent.onCall("work", (request) => void calls.push(request.text()));
    const subscription = await agent.subscribe("news");
    const { transport } = await bindTransport();
    try {
      const toNode = await transport.connect({
        hostname: "127.0.0.1",
        port: node.localAddress.port,
      });
      const toAgent = await transport.connect({
        hostname: "127.0.0.1",
        port: agent.localAddress.port,
      });
      const event = encodeEvent({
        ...encodeValue("one way"),
        topic: "news",
        sequence: 0,
      });
      const call = encodeCall({
        target: createNilAgentId(),
        timeoutSeconds: 0,
        data: encodeCallData({
          ...encodeValue("one way"),
          method: "work",
          extensions: [],
        }),
      });
      assert.equal(await sendOneWay(toNode, MessageType.EVENT, event), 12);
      assert.equal(await sendOneWay(toAgent, MessageType.CALL, call), 12);
      await agent.publish("news", "both ways");
      for await (const { value } of subscription) {
        events.push(String(value));
        break;
      }
      assert.deepEqual(events, ["both ways"]);
      assert.deepEqual(calls, []);
    } finally {
      await transport.close();
    }
  }));

Deno.test("Agent stops streams of its node that run one way", async () => {
  const code = Promise.withResolvers<number>();
  const { transport: node } = await bindTransport({
    onConnection: (connection) => {
      sendOneWay(connection, MessageType.EVENT, new Uint8Array(16))
        .then(code.resolve, code.reject);
    },
  });
  try {
    const url = `mxp://127.0.0.1:${node.localAddress.port}`;
    const agent = await Agent.connect(url);
    try {
      assert.equal(await code.promise, 12);
    } finally {
      await agent.close({ drainMs: 0 });
    }
  } finally {
    await node.close();
  }
});

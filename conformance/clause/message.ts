/**
 * Messages on streams: what is answered, and what is reset.
 *
 * @module
 */
import {
  createAgentId,
  decodeError,
  decodeResponse,
  encodeEvent,
  encodeMessage,
  type Message,
  MessageType,
} from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { check, type Clause, fail } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import type { RawConnection } from "../peer/raw_connection.ts";
import {
  callMessage,
  exchange,
  randomId,
  request,
  requireNode,
  statusOf,
} from "../peer/requests.ts";

/** Statuses that the clauses name. */
const Status = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
} as const;

const REQUESTS = "registry.md#requests";
const CHECKS = "messages.md#checks";
const text = new TextEncoder();

/** A connection to a node. */
async function connectToNode(context: ClauseContext): Promise<RawConnection> {
  const connection = await context.connect();
  await requireNode(connection);
  return connection;
}

/** Insists that bytes that are no message reset their stream, and no more. */
async function expectReset(
  context: ClauseContext,
  cases: Readonly<Record<string, (message: Uint8Array) => void>>,
): Promise<void> {
  const connection = await connectToNode(context);
  for (const [what, damage] of Object.entries(cases)) {
    const bytes = encodeMessage(callMessage("mxp.ping"));
    damage(bytes);
    const reply = await exchange(connection, bytes);
    if (reply.type === "message") {
      fail(
        `${what} was answered with a message of type 0x${
          reply.message.type.toString(16)
        }`,
      );
    }
    check(
      reply.code === Status.INTERNAL,
      `${what} reset the stream with code ${reply.code}, not ${Status.INTERNAL}`,
    );
  }
  const answer = await request(connection, callMessage("mxp.ping"));
  check(statusOf(answer) === 0, "the connection is not usable afterwards");
}

/** Insists on an Error with a status. */
async function expectStatus(
  connection: RawConnection,
  message: Message,
  status: number,
  what: string,
): Promise<void> {
  const answer = await request(connection, message);
  check(
    answer.type === MessageType.ERROR,
    `${what} was answered with a message of type 0x${answer.type.toString(16)}`,
  );
  check(
    answer.messageId === message.messageId,
    `the answer to ${what} has another message id`,
  );
  const found = decodeError(answer.payload).status;
  check(found === status, `${what} got status ${found}, not ${status}`);
}

/** Clauses about messages. */
export const MESSAGE_CLAUSES: readonly Clause[] = [
  {
    id: "message.echo",
    title:
      "mxp.ping returns body and content type, with the ids of the request",
    spec: "registry.md#calls-that-a-node-answers",
    run: async (context) => {
      const connection = await connectToNode(context);
      for (const length of [0, 5, 30_000]) {
        const body = new Uint8Array(length).fill(0x6d);
        const message = callMessage("mxp.ping", body);
        const answer = await request(connection, message);
        check(
          answer.messageId === message.messageId &&
            answer.traceId === message.traceId,
          "the answer has other ids than the request",
        );
        check(statusOf(answer) === 0, `the status is ${statusOf(answer)}`);
        const response = decodeResponse(answer.payload);
        check(
          response.body.length === length &&
            response.body.every((byte) => byte === 0x6d),
          `${length} bytes came back as ${response.body.length}, or changed`,
        );
        check(
          response.contentType === 1,
          `the content type is ${response.contentType}, not 1`,
        );
      }
    },
  },
  {
    id: "message.checksum",
    title: "A message whose checksum is wrong resets its stream with INTERNAL",
    spec: CHECKS,
    run: async (context) => {
      await expectReset(context, {
        "a message with a wrong checksum": (bytes) => {
          bytes[bytes.length - 1]! ^= 0x01;
        },
        "a message with a changed payload": (bytes) => {
          bytes[bytes.length - 9]! ^= 0x01;
        },
      });
    },
  },
  {
    id: "message.header",
    title:
      "A message with a wrong magic, type, flag or reserved field resets its stream",
    spec: CHECKS,
    run: async (context) => {
      await expectReset(context, {
        "a wrong magic": (bytes) => bytes[0]! ^= 0x01,
        "an unknown type": (bytes) => bytes[4] = 0x7f,
        "a reserved flag": (bytes) => bytes[5] = 0x10,
        "a reserved field that is not 0": (bytes) => bytes[6] = 1,
      });
    },
  },
  {
    id: "message.too-large",
    title:
      "A payload above 16 MiB resets its stream as soon as its header is there",
    spec: CHECKS,
    run: async (context) => {
      const connection = await connectToNode(context);
      const header = encodeMessage(callMessage("mxp.ping")).slice(0, 32);
      new DataView(header.buffer).setBigUint64(24, 16_777_217n, true);
      // The stream does not end: the length alone has to be enough.
      const reply = await exchange(connection, header, false);
      check(
        reply.type === "reset",
        "the node answered a message that is no message",
      );
      check(
        reply.code === Status.INTERNAL,
        `the stream was reset with code ${reply.code}, not ${Status.INTERNAL}`,
      );
    },
  },
  {
    id: "message.payload",
    title: "A payload that breaks its layout is answered with an Error",
    spec: "messages.md#extensions",
    run: async (context) => {
      const connection = await connectToNode(context);
      const types: readonly number[] = [
        MessageType.CALL,
        MessageType.AGENT_REGISTER,
        MessageType.AGENT_DISCOVER,
        MessageType.AGENT_HEARTBEAT,
      ];
      for (const type of types) {
        const message = {
          ...callMessage("mxp.ping"),
          type,
          payload: Uint8Array.of(1, 2, 3),
        };
        const answer = await request(connection, message);
        check(
          answer.type === MessageType.ERROR && statusOf(answer) !== 0,
          `a payload of 3 bytes in type 0x${type.toString(16)} got no Error`,
        );
      }
      const answer = await request(connection, callMessage("mxp.ping"));
      check(statusOf(answer) === 0, "the connection is not usable afterwards");
    },
  },
  {
    id: "message.request-size",
    title: "A request above 64 KiB gets INVALID_ARGUMENT",
    spec: "registry.md#bounds",
    run: async (context) => {
      const connection = await connectToNode(context);
      await expectStatus(
        connection,
        callMessage("mxp.ping", new Uint8Array(65 * 1024)),
        Status.INVALID_ARGUMENT,
        "a request of 65 KiB",
      );
    },
  },
  {
    id: "message.unknown-method",
    title: "A method that the node does not have gets UNIMPLEMENTED",
    spec: "registry.md#calls-that-a-node-answers",
    run: async (context) => {
      const connection = await connectToNode(context);
      await expectStatus(
        connection,
        callMessage("mxp.there-is-none"),
        Status.UNIMPLEMENTED,
        "an unknown method",
      );
    },
  },
  {
    id: "message.target",
    title: "A call to another agent than the node gets NOT_FOUND",
    spec: "registry.md#calls-that-a-node-answers",
    run: async (context) => {
      const connection = await connectToNode(context);
      const target = createAgentId(systemRandom);
      await expectStatus(
        connection,
        callMessage("mxp.ping", undefined, { target }),
        Status.NOT_FOUND,
        "a call to somebody else",
      );
    },
  },
  {
    id: "message.flags",
    title: "A compressed or sealed request gets UNIMPLEMENTED",
    spec: REQUESTS,
    run: async (context) => {
      const connection = await connectToNode(context);
      for (const [what, flags] of [["compressed", 1], ["sealed", 2]] as const) {
        await expectStatus(
          connection,
          callMessage("mxp.ping", undefined, { flags }),
          Status.UNIMPLEMENTED,
          `a ${what} request`,
        );
      }
    },
  },
  {
    id: "message.ack",
    title: "An Event that requires it is answered with an Ack",
    spec: "registry.md#events",
    run: async (context) => {
      const connection = await connectToNode(context);
      const event = {
        contentType: 1,
        topic: "conformance",
        sequence: 0,
        extensions: [],
        body: text.encode("hello"),
      };
      const message: Message = {
        type: MessageType.EVENT,
        flags: 4,
        messageId: randomId(),
        traceId: randomId(),
        payload: encodeEvent(event),
      };
      const answer = await request(connection, message);
      check(
        answer.type === MessageType.ACK &&
          answer.messageId === message.messageId,
        `a message of type 0x${answer.type.toString(16)} came`,
      );
      await expectStatus(
        connection,
        {
          ...message,
          messageId: randomId(),
          payload: encodeEvent({ ...event, topic: "mxp.reserved" }),
        },
        Status.PERMISSION_DENIED,
        "an event on a topic of the node's",
      );
    },
  },
];

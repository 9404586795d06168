/**
 * Streams: credit, limits, states, final sizes.
 *
 * @module
 */
import { concat } from "../../internal/concat.ts";
import {
  encodeEvent,
  encodeMessage,
  encodeResetStreamFrame,
  encodeStopSendingFrame,
  encodeStreamMaxDataFrame,
  MessageType,
} from "../../protocol/mod.ts";
import { check, type Clause, skip } from "../clause.ts";
import { DEFAULT_PARAMETERS } from "../peer/handshake.ts";
import { type RawConnection, written } from "../peer/raw_connection.ts";
import {
  callMessage,
  deliverStream,
  receiveReply,
  request,
  requireCredit,
  requireNode,
  resendStream,
  sendStream,
  streamFrame,
} from "../peer/requests.ts";
import { Code, violate } from "../peer/violation.ts";
import { Parameter, type ParameterList } from "../wire/parameter_codec.ts";

const RULES = "frames.md#rules";
const ONE = Uint8Array.of(1);

/** The first stream in both directions that the node could open. */
const NODE_STREAM = 2;

/** The first one-way stream of ours. */
const ONE_WAY_STREAM = 1;

/** Most credit of a stream that the kit uses up, in bytes. */
const MAX_USED_CREDIT_BYTES: number = 4 * 1024 * 1024;

/** Longest body of the events that use it up, in bytes. */
const MAX_EVENT_BYTES = 50_000;

/** Bytes of a stream in our deliberately small credit. */
const SMALL_CREDIT_BYTES = 100;

/** Where the data of the clause about final sizes ends at most. */
const HIGHEST_OFFSET = 10;

function limitOf(connection: RawConnection, id: number): number {
  return connection.agreed.parameters.number(id);
}

/** Our parameters with other values for some. */
function withParameters(
  changes: Readonly<Record<number, number>>,
): ParameterList {
  return DEFAULT_PARAMETERS.map(([id, value]) => [id, changes[id] ?? value]);
}

/** Clauses about streams. */
export const STREAM_CLAUSES: readonly Clause[] = [
  {
    id: "stream.credit",
    title: "Data beyond the credit of a stream closes with FLOW_CONTROL_ERROR",
    spec: RULES,
    run: async (context) => {
      await violate(context, {
        what: "a byte beyond the credit of a stream",
        code: Code.FLOW_CONTROL_ERROR,
        packets: (connection) => [
          streamFrame(connection.openStream(), {
            offset: limitOf(connection, Parameter.MAX_STREAM_DATA),
            data: ONE,
          }),
        ],
      });
    },
  },
  {
    id: "stream.connection-credit",
    title:
      "Data beyond the credit of the connection closes with FLOW_CONTROL_ERROR",
    spec: RULES,
    run: async (context) => {
      await violate(context, {
        what: "a byte beyond the credit of the connection",
        code: Code.FLOW_CONTROL_ERROR,
        packets: (connection) => {
          const streamBytes = limitOf(connection, Parameter.MAX_STREAM_DATA);
          const bytes = limitOf(connection, Parameter.MAX_DATA);
          const count = streamBytes === 0
            ? Infinity
            : Math.floor(bytes / streamBytes) + 1;
          const most = limitOf(connection, Parameter.MAX_BIDI_STREAMS);
          if (count > Math.min(64, most)) {
            skip(`it takes ${count} streams to use the credit up`);
          }
          // Only the highest offset counts: one byte at the end of each.
          return Array.from(
            { length: count },
            () =>
              streamFrame(connection.openStream(), {
                offset: streamBytes - 1,
                data: ONE,
              }),
          );
        },
      });
    },
  },
  {
    id: "stream.credit-kept",
    title: "The node sends no more on a stream than its peer has granted",
    spec: RULES,
    run: async (context) => {
      // It takes a method that returns what it gets.
      await requireNode(await context.connect());
      const connection = await context.connect({
        parameters: withParameters({
          [Parameter.MAX_STREAM_DATA]: SMALL_CREDIT_BYTES,
        }),
      });
      const id = connection.openStream();
      const bytes = encodeMessage(
        callMessage("mxp.ping", new Uint8Array(1_000).fill(0x61)),
      );
      await sendStream(connection, id, bytes);
      const stream = connection.stream(id);
      await connection.waitFor(
        "the node does not use the credit that it has",
        () => stream.highestOffset >= SMALL_CREDIT_BYTES || undefined,
        { repeat: () => resendStream(connection, id, bytes) },
      );
      await connection.listen(context.quietMs);
      check(
        stream.highestOffset === SMALL_CREDIT_BYTES,
        `it sent ${stream.highestOffset} bytes, granted are ${SMALL_CREDIT_BYTES}`,
      );
      const more = written((writer) =>
        encodeStreamMaxDataFrame(writer, { streamId: id, maxData: 10_000 })
      );
      await connection.deliver(more, "StreamMaxData is not acknowledged");
      await receiveReply(connection, id);
    },
  },
  {
    id: "stream.credit-renewed",
    title: "Credit of a stream is renewed as its data is read",
    spec: "frames.md#streammaxdata",
    run: async (context) => {
      const connection = await context.connect();
      await requireNode(connection);
      const credit = limitOf(connection, Parameter.MAX_STREAM_DATA);
      if (credit > MAX_USED_CREDIT_BYTES) skip(`the credit is ${credit} bytes`);
      const id = connection.openStream();
      const event = encodeMessage({
        type: MessageType.EVENT,
        flags: 0,
        messageId: 1n,
        traceId: 1n,
        payload: encodeEvent({
          contentType: 0,
          topic: "conformance",
          sequence: 0,
          body: new Uint8Array(Math.min(MAX_EVENT_BYTES, credit >>> 3)),
        }),
      });
      // A stream carries any number of events; no answer gets in the way.
      const count = Math.ceil(credit / 2 / event.length) + 1;
      const events = new Uint8Array(count * event.length);
      for (let index = 0; index < count; index++) {
        events.set(event, index * event.length);
      }
      const sent = await deliverStream(connection, id, events);
      if (sent <= credit / 2) skip(`the connection takes ${sent} bytes`);
      const maximum = await connection.waitFor(
        "no StreamMaxData came after half of the credit was used",
        () =>
          connection.frames.map(({ frame }) => frame)
            .find((frame) =>
              frame.type === "stream-max-data" && frame.streamId === id
            ),
      );
      check(
        maximum.type === "stream-max-data" && maximum.maxData > credit,
        "the new credit is no more than the old one",
      );
    },
  },
  {
    id: "stream.limit",
    title: "A stream beyond the granted number closes with STREAM_LIMIT_ERROR",
    spec: RULES,
    run: async (context) => {
      for (const oneWay of [0, 1]) {
        await violate(context, {
          what: oneWay === 0
            ? "one stream too many"
            : "one one-way stream too many",
          code: Code.STREAM_LIMIT_ERROR,
          packets: (connection) => {
            const limit = limitOf(
              connection,
              oneWay === 0
                ? Parameter.MAX_BIDI_STREAMS
                : Parameter.MAX_UNI_STREAMS,
            );
            return [streamFrame(4 * limit + oneWay, { data: ONE })];
          },
        });
      }
    },
  },
  {
    id: "stream.limit-raised",
    title: "The limit of streams is raised as streams end",
    spec: "frames.md#maxstreams",
    run: async (context) => {
      const connection = await context.connect();
      const limit = limitOf(connection, Parameter.MAX_BIDI_STREAMS);
      if (limit < 2 || limit > 4_000) skip(`the limit is ${limit} streams`);
      const isRaised = (): boolean =>
        connection.frames.some(({ frame }) =>
          frame.type === "max-streams" && !frame.isUnidirectional &&
          frame.maximum > limit
        );
      for (let count = 0; count < limit && !isRaised(); count++) {
        // An empty stream ends at once, and so does the node's direction.
        connection.send(
          concat(
            streamFrame(connection.openStream(), { isFin: true }),
          ),
        );
        if (count % 8 === 7) await connection.ping();
      }
      await connection.waitFor(
        "no MaxStreams came although half of the streams have ended",
        () => isRaised() || undefined,
      );
    },
  },
  {
    id: "stream.final-size",
    title:
      "A final size that changes or is passed closes with FINAL_SIZE_ERROR",
    spec: RULES,
    run: async (context) => {
      const cases: Record<string, (id: number) => Uint8Array[]> = {
        "data beyond the end": (id) => [
          streamFrame(id, { offset: 5, data: ONE, isFin: true }),
          streamFrame(id, { offset: 9, data: ONE }),
        ],
        "a second end elsewhere": (id) => [
          streamFrame(id, { offset: 5, data: ONE, isFin: true }),
          streamFrame(id, { offset: 4, data: ONE, isFin: true }),
        ],
        "an end before what came": (id) => [
          streamFrame(id, { offset: 9, data: ONE }),
          streamFrame(id, { offset: 3, data: ONE, isFin: true }),
        ],
        "a reset with another final size": (id) => [
          streamFrame(id, { offset: 5, data: ONE, isFin: true }),
          written((writer) =>
            encodeResetStreamFrame(writer, {
              streamId: id,
              code: 0,
              finalSize: 7,
            })
          ),
        ],
      };
      for (const [what, frames] of Object.entries(cases)) {
        await violate(context, {
          what,
          code: Code.FINAL_SIZE_ERROR,
          packets: (connection) => {
            requireCredit(connection, HIGHEST_OFFSET);
            return [concat(...frames(connection.openStream()))];
          },
        });
      }
    },
  },
  {
    id: "stream.state",
    title:
      "A frame for a stream or direction that does not exist closes with STREAM_STATE_ERROR",
    spec: RULES,
    run: async (context) => {
      const cases: Record<string, Uint8Array> = {
        "data on a stream that the node has not opened": streamFrame(
          NODE_STREAM,
          { offset: 1, data: ONE },
        ),
        "opening a stream of the node's": streamFrame(NODE_STREAM, {
          data: ONE,
        }),
        "stopping a direction that does not exist": written((writer) =>
          encodeStopSendingFrame(writer, { streamId: ONE_WAY_STREAM, code: 0 })
        ),
        "credit for a direction that does not exist": written((writer) =>
          encodeStreamMaxDataFrame(writer, {
            streamId: ONE_WAY_STREAM,
            maxData: 10,
          })
        ),
      };
      for (const [what, packet] of Object.entries(cases)) {
        await violate(context, {
          what,
          code: Code.STREAM_STATE_ERROR,
          packets: () => [packet],
        });
      }
    },
  },
  {
    id: "stream.open",
    title: "OPEN is set by the end that opened the stream, at its start alone",
    spec: "frames.md#stream",
    run: async (context) => {
      const connection = await context.connect();
      const message = callMessage("mxp.ping", new Uint8Array(5_000));
      // The connection checks each frame of the answer.
      const answer = await request(connection, message);
      return `type 0x${answer.type.toString(16)}`;
    },
  },
  {
    id: "stream.order",
    title:
      "Data that comes out of order, twice and overlapping is put together",
    spec: RULES,
    run: async (context) => {
      const connection = await context.connect();
      const id = connection.openStream();
      const bytes = encodeMessage(
        callMessage("mxp.ping", new TextEncoder().encode("in order")),
      );
      requireCredit(connection, bytes.length);
      const parts: [start: number, end: number][] = [
        [60, bytes.length],
        [20, 70],
        [20, 70],
        [0, 30],
      ];
      const sendParts = (): void => {
        for (const [start, end] of parts) {
          connection.send(streamFrame(id, {
            offset: start,
            data: bytes.subarray(start, end),
            isFin: end === bytes.length,
          }));
        }
      };
      sendParts();
      const reply = await receiveReply(connection, id, sendParts);
      check(
        reply.type === "message",
        "the node could not read a message whose parts were out of order",
      );
    },
  },
  {
    id: "stream.stop",
    title: "StopSending is answered with ResetStream and the same code",
    spec: "frames.md#stopsending",
    run: async (context) => {
      const connection = await context.connect({
        parameters: withParameters({ [Parameter.MAX_STREAM_DATA]: 0 }),
      });
      const id = connection.openStream();
      const bytes = encodeMessage(callMessage("mxp.ping"));
      // Without credit the answer cannot leave: it is there to be stopped.
      await sendStream(connection, id, bytes);
      await connection.ping();
      await connection.listen(context.quietMs);
      const stop = written((writer) =>
        encodeStopSendingFrame(writer, { streamId: id, code: 77 })
      );
      await connection.deliver(stop, "StopSending is not acknowledged");
      const code = await connection.waitFor(
        "StopSending is not answered with ResetStream",
        () => connection.stream(id).resetCode,
      );
      check(code === 77, `the code of the ResetStream is ${code}, not 77`);
    },
  },
  {
    id: "stream.late",
    title: "A frame for a stream that is over is ignored",
    spec: RULES,
    run: async (context) => {
      const connection = await context.connect();
      const id = connection.openStream();
      const bytes = encodeMessage(callMessage("mxp.ping"));
      await sendStream(connection, id, bytes);
      await receiveReply(
        connection,
        id,
        () => resendStream(connection, id, bytes),
      );
      await connection.listen(context.quietMs);
      resendStream(connection, id, bytes);
      await connection.ping("the connection is gone after a late frame");
    },
  },
];

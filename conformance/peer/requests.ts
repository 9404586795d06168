/**
 * Messages over a raw connection: one request, one stream.
 *
 * @module
 */
import {
  ContentType,
  createNilAgentId,
  decodeError,
  decodeMessage,
  decodeResponse,
  encodeCall,
  encodeCallData,
  encodeEnvelope,
  encodeMessage,
  encodeStreamFrame,
  type Message,
  MessageType,
  peekMessageLength,
} from "../../protocol/mod.ts";
import { systemClock, systemRandom } from "../../transport/mod.ts";
import { check, fail, skip } from "../clause.ts";
import { Parameter } from "../wire/parameter_codec.ts";
import {
  DEFAULT_WAIT_MS,
  type RawConnection,
  written,
} from "./raw_connection.ts";

/** Bytes of a stream in one packet. */
const CHUNK_BYTES = 1_000;

/** Bytes that are sent before an acknowledgement: no receive buffer overflows. */
const BATCH_BYTES: number = 32 * CHUNK_BYTES;

/** How long credit may follow an acknowledgement: this, and the round trip. */
const CREDIT_WAIT_MS = 200;

/** When what is missing of a batch is sent again, in milliseconds. */
const BATCH_REPEAT_MS = 60;

/** Priority of our streams: interactive. */
const INTERACTIVE = 1;

/** Status of a method that nobody has. */
const UNIMPLEMENTED = 12;

const NOTHING = new Uint8Array();

/** What came back on a stream. */
export type Reply =
  | {
    /** A message came. */
    readonly type: "message";
    /** The message. */
    readonly message: Message;
  }
  | {
    /** The node gave its direction up. */
    readonly type: "reset";
    /** With this code. */
    readonly code: number;
  };

/**
 * A call to the node itself.
 *
 * @param method Which method.
 * @param body Text.
 * @param changes Fields of the message that differ.
 * @returns A whole message, not encoded.
 */
export function callMessage(
  method: string,
  body: Uint8Array = NOTHING,
  changes: Partial<Message> & {
    readonly target?: Uint8Array;
    readonly isIdempotent?: boolean;
  } = {},
): Message {
  const { target = createNilAgentId(), isIdempotent, ...fields } = changes;
  return {
    type: MessageType.CALL,
    flags: 0,
    messageId: randomId(),
    traceId: randomId(),
    payload: encodeCall({
      target,
      timeoutSeconds: 5,
      data: encodeCallData({
        contentType: ContentType.TEXT,
        method,
        extensions: encodeEnvelope(
          isIdempotent === undefined ? {} : { isIdempotent },
        ),
        body,
      }),
    }),
    ...fields,
  };
}

/**
 * Puts bytes on a stream of ours, from its start, no faster than the node
 * grants credit for them.
 *
 * @param connection The connection.
 * @param streamId The stream.
 * @param bytes All its bytes.
 * @param isFin Whether they are the last.
 * @returns When all are sent, or when the node has answered before that.
 * @throws {ClauseSkipped} When the credit does not come in time.
 */
export async function sendStream(
  connection: RawConnection,
  streamId: number,
  bytes: Uint8Array,
  isFin = true,
): Promise<void> {
  const stream = connection.stream(streamId);
  const sendMore = (): boolean => {
    const start = stream.sentEnd;
    const end = Math.min(bytes.length, connection.sendLimit(streamId));
    if (end > start || bytes.length === 0) {
      stream.sentEnd = end;
      sendPart(connection, streamId, bytes, { start, end, isFin });
    }
    return stream.sentEnd >= bytes.length || connection.close !== undefined ||
      stream.resetCode !== undefined || stream.stopCode !== undefined ||
      stream.highestOffset > 0;
  };
  const giveUpAt = systemClock() + DEFAULT_WAIT_MS;
  const isDone = await connection.waitFor(
    "the node takes no more data",
    () => sendMore() || (systemClock() >= giveUpAt ? false : undefined),
    {
      repeat: () => resendStream(connection, streamId, bytes, isFin),
    },
  );
  if (!isDone) {
    skip(`the node gave credit for ${stream.sentEnd} of ${bytes.length} bytes`);
  }
}

/**
 * Sends again what of a stream was sent already.
 *
 * @param connection The connection.
 * @param streamId The stream.
 * @param bytes All its bytes.
 * @param isFin Whether they are the last.
 */
export function resendStream(
  connection: RawConnection,
  streamId: number,
  bytes: Uint8Array,
  isFin = true,
): void {
  const end = connection.stream(streamId).sentEnd;
  if (end === 0 && bytes.length > 0) return;
  sendPart(connection, streamId, bytes, { start: 0, end, isFin });
}

function sendPart(
  connection: RawConnection,
  streamId: number,
  bytes: Uint8Array,
  part: {
    readonly start: number;
    readonly end: number;
    readonly isFin: boolean;
  },
): void {
  let offset = part.start;
  do {
    const end = Math.min(offset + CHUNK_BYTES, part.end);
    connection.send(streamFrame(streamId, {
      offset,
      data: bytes.subarray(offset, end),
      isFin: part.isFin && end === bytes.length,
    }));
    offset = end;
  } while (offset < part.end);
}

/**
 * Gives the clause up where a first stream may not carry what it needs.
 *
 * @param connection The connection, on which nothing was sent.
 * @param bytes What the stream has to carry.
 */
export function requireCredit(connection: RawConnection, bytes: number): void {
  const { parameters } = connection.agreed;
  const credit = Math.min(
    parameters.number(Parameter.MAX_DATA),
    parameters.number(Parameter.MAX_STREAM_DATA),
  );
  if (credit < bytes) skip(`the credit is ${credit} bytes`);
}

/**
 * Puts many bytes on a stream of ours: a batch at a time, and what was lost
 * again, until all of them are acknowledged, or all that the credit covers.
 *
 * @param connection The connection.
 * @param streamId The stream.
 * @param bytes All its bytes; it stays open behind them.
 * @returns How many of them were sent.
 */
export async function deliverStream(
  connection: RawConnection,
  streamId: number,
  bytes: Uint8Array,
): Promise<number> {
  const stream = connection.stream(streamId);
  for (;;) {
    const start = stream.sentEnd;
    const giveUpAt = systemClock() + CREDIT_WAIT_MS + connection.rttMs;
    await connection.waitFor(
      "the node takes no more data",
      () =>
        start === bytes.length || connection.sendLimit(streamId) > start ||
        systemClock() >= giveUpAt || undefined,
      { withinMs: CREDIT_WAIT_MS + connection.rttMs },
    );
    const end = Math.min(
      start + BATCH_BYTES,
      bytes.length,
      connection.sendLimit(streamId),
    );
    if (end <= start) return start;
    stream.sentEnd = end;
    const unacked = new Map<number, Uint8Array>();
    const sendFrame = (frame: Uint8Array): void => {
      unacked.set(connection.send(frame), frame);
    };
    for (let offset = start; offset < end; offset += CHUNK_BYTES) {
      const data = bytes.subarray(offset, Math.min(offset + CHUNK_BYTES, end));
      sendFrame(streamFrame(streamId, { offset, data }));
    }
    await connection.waitFor(
      "stream data is not acknowledged",
      () => {
        for (const number of unacked.keys()) {
          if (connection.isAcked(number)) unacked.delete(number);
        }
        return unacked.size === 0 || undefined;
      },
      {
        repeatMs: BATCH_REPEAT_MS,
        repeat: () => {
          const frames = [...unacked.values()];
          unacked.clear();
          for (const frame of frames) sendFrame(frame);
        },
      },
    );
  }
}

/**
 * A stream frame; at offset 0 it opens the stream.
 *
 * @param streamId The stream.
 * @param fields Where the data goes, what it is, and whether it is the last.
 * @returns The frame.
 */
export function streamFrame(
  streamId: number,
  fields: {
    readonly offset?: number;
    readonly data?: Uint8Array;
    readonly isFin?: boolean;
    readonly isOpen?: boolean;
  } = {},
): Uint8Array {
  const { offset = 0, data = NOTHING, isFin = false } = fields;
  const isOpen = fields.isOpen ?? offset === 0;
  return written((writer) =>
    encodeStreamFrame(writer, {
      streamId,
      isOpen,
      priority: isOpen ? INTERACTIVE : undefined,
      offset,
      data,
      isFin,
    })
  );
}

/**
 * Sends bytes on a stream of their own and waits for what comes back.
 *
 * @param connection The connection.
 * @param bytes What to send, then the end.
 * @param isFin Whether the stream ends with them; it does when absent.
 * @returns The first message, or the reset.
 * @throws {ClauseFailure} When nothing comes, or no message.
 */
export async function exchange(
  connection: RawConnection,
  bytes: Uint8Array,
  isFin = true,
): Promise<Reply> {
  const id = connection.openStream();
  await sendStream(connection, id, bytes, isFin);
  return await receiveReply(
    connection,
    id,
    () => resendStream(connection, id, bytes, isFin),
  );
}

/**
 * Waits for the answer on a stream.
 *
 * @param connection The connection.
 * @param id The stream.
 * @param repeat Sends the request again.
 * @returns The first message, or the reset.
 */
export async function receiveReply(
  connection: RawConnection,
  id: number,
  repeat?: () => void,
): Promise<Reply> {
  const stream = connection.stream(id);
  return await connection.waitFor<Reply>(
    "a request got no answer",
    () => {
      if (stream.resetCode !== undefined) {
        return { type: "reset", code: stream.resetCode };
      }
      const { bytes } = stream;
      const length = lengthOf(bytes);
      if (length === undefined || bytes.length < length) return undefined;
      return { type: "message", message: readMessage(bytes) };
    },
    repeat === undefined ? {} : { repeat },
  );
}

/**
 * Sends a message and insists on one in return.
 *
 * @param connection The connection.
 * @param message The request.
 * @returns The answer.
 */
export async function request(
  connection: RawConnection,
  message: Message,
): Promise<Message> {
  const reply = await exchange(connection, encodeMessage(message));
  if (reply.type === "reset") {
    fail(`the node reset the stream of a request with code ${reply.code}`);
  }
  return reply.message;
}

/**
 * The status of an answer: 0 when it is a good one.
 *
 * @param message A Response or an Error.
 */
export function statusOf(message: Message): number {
  if (message.type === MessageType.ERROR) {
    return decodeError(message.payload).status;
  }
  check(
    message.type === MessageType.RESPONSE,
    `the answer is a message of type 0x${message.type.toString(16)}`,
  );
  return decodeResponse(message.payload).status;
}

/**
 * Gives the clause up where nobody answers `mxp.ping`: an agent, not a node.
 *
 * @param connection The connection.
 */
export async function requireNode(connection: RawConnection): Promise<void> {
  const answer = await request(connection, callMessage("mxp.ping"));
  if (statusOf(answer) === UNIMPLEMENTED) {
    skip("this peer has no method mxp.ping: it is no node");
  }
}

/** A random id that is not zero. */
export function randomId(): bigint {
  const bytes = new Uint8Array(8);
  systemRandom.fillPublic(bytes);
  return new DataView(bytes.buffer).getBigUint64(0, true) | 1n;
}

function lengthOf(bytes: Uint8Array): number | undefined {
  try {
    return peekMessageLength(bytes);
  } catch (error) {
    fail(`the node sent bytes that are no message: ${error}`);
  }
}

function readMessage(bytes: Uint8Array): Message {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    fail(`the node sent a message that cannot be decoded: ${error}`);
  }
}

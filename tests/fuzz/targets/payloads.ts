/**
 * The payload of each message, and what is inside them.
 *
 * @module
 */
import {
  type AgentRegisterPayload,
  decodeAck,
  decodeAgentDiscover,
  decodeAgentHeartbeat,
  decodeAgentList,
  decodeAgentRegister,
  decodeCall,
  decodeCallData,
  decodeEnvelope,
  decodeEnvelopedCall,
  decodeError,
  decodeEvent,
  decodeExtensions,
  decodeResponse,
  decodeStreamChunk,
  decodeStreamClose,
  decodeStreamOpen,
  encodeAck,
  encodeAgentDiscover,
  encodeAgentHeartbeat,
  encodeAgentList,
  encodeAgentRegister,
  encodeCall,
  encodeCallData,
  encodeEnvelope,
  encodeEnvelopedCallInto,
  encodeError,
  encodeEvent,
  encodeExtensions,
  encodeResponse,
  encodeStreamChunk,
  encodeStreamClose,
  encodeStreamOpen,
  type EnvelopedCall,
  type Extension,
  maxEnvelopedCallLength,
  ProtocolError,
} from "../../../protocol/mod.ts";
import { decoderTarget, type FuzzTarget } from "../target.ts";

/** Long enough for every count and length field of 16 bits to be full. */
const MAX_LENGTH = 70_000;

const ID = Uint8Array.from({ length: 16 }, (_, index) => index);
const BODY = new TextEncoder().encode('{"a":1}');
const EXTENSIONS: readonly Extension[] = [
  { type: 0x7000, value: Uint8Array.of(1, 2, 3) },
  { type: 0xffff, value: new Uint8Array(0) },
];

const ENVELOPE: readonly Extension[] = encodeEnvelope({
  deadlineMs: 30_000,
  idleTimeoutMs: 5_000,
  parentSpanId: 0x0123_4567_89ab_cdefn,
  idempotencyKey: "key-1",
  budget: { calls: 3, tokens: 2 ** 40, costMicros: 0 },
  capability: "summarize",
  caller: "planner",
  callerId: ID,
  metadata: { tenant: "a", __proto__x: "ü" },
  isIdempotent: true,
  traceContext: { traceIdHigh: 0xfedc_ba98_7654_3210n, flags: 1 },
});

const CALL_DATA = encodeCallData({
  contentType: 2,
  method: "summarize",
  extensions: ENVELOPE,
  body: BODY,
});

const REGISTER: AgentRegisterPayload = {
  agentId: ID,
  name: "summarizer",
  capabilities: ["summarize", "translate", ""],
  endpoint: { address: Uint8Array.of(10, 0, 0, 1), port: 9000 },
  staticPublicKey: new Uint8Array(32).fill(7),
  ipv6Endpoint: { address: new Uint8Array(16).fill(1), port: 9001 },
  ttlMs: 30_000,
  tags: ["gpu", "eu"],
  metadata: { region: "eu-north", ["__proto__"]: "x" },
  advertisedAddress: "agent.example:9000",
  unknownExtensions: EXTENSIONS,
};

const PLAIN_REGISTER: AgentRegisterPayload = {
  agentId: ID,
  name: "",
  capabilities: [],
  endpoint: { address: new Uint8Array(4), port: 0 },
};

const CALLS = [
  encodeCall({ target: ID, timeoutSeconds: 30, data: CALL_DATA }),
  encodeCall({ target: ID, timeoutSeconds: 0, data: new Uint8Array(0) }),
];

/** Encodes a call in one step, with no more memory than it says that it needs. */
function encodeEnvelopedCall(call: EnvelopedCall): Uint8Array {
  const into = new Uint8Array(maxEnvelopedCallLength(call));
  return into.subarray(0, encodeEnvelopedCallInto(call, [], into));
}

/** A target of one payload. */
function payloadTarget<T>(
  name: string,
  decode: (input: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  seeds: () => readonly Uint8Array[],
): FuzzTarget {
  return decoderTarget({
    name,
    subject: decode.name,
    maxLength: MAX_LENGTH,
    errorClass: ProtocolError,
    decode,
    encode,
    seeds,
    dictionary: [
      Uint8Array.of(0xed, 0xa0, 0x80),
      Uint8Array.of(0xef, 0xbb, 0xbf),
      ...encodedExtensions(),
    ],
  });
}

/** Each extension of the envelope and of a registration on its own. */
function encodedExtensions(): Uint8Array[] {
  return ENVELOPE.map((extension) => encodeExtensions([extension]));
}

/** One target for each payload, in the order of the message types. */
export const PAYLOAD_TARGETS: readonly FuzzTarget[] = [
  payloadTarget(
    "agent-register",
    decodeAgentRegister,
    encodeAgentRegister,
    () => [encodeAgentRegister(REGISTER), encodeAgentRegister(PLAIN_REGISTER)],
  ),
  payloadTarget(
    "agent-discover",
    decodeAgentDiscover,
    encodeAgentDiscover,
    () => [
      encodeAgentDiscover({
        kind: 1,
        limit: 10,
        term: "summarize",
        extensions: EXTENSIONS,
      }),
      encodeAgentDiscover({ kind: 0, limit: 0, term: "" }),
    ],
  ),
  payloadTarget(
    "agent-heartbeat",
    decodeAgentHeartbeat,
    encodeAgentHeartbeat,
    () => [
      encodeAgentHeartbeat({
        agentId: ID,
        status: 1,
        load: 0.5,
        sequence: 7,
        extensions: EXTENSIONS,
      }),
    ],
  ),
  payloadTarget("call", decodeCall, encodeCall, () => CALLS),
  payloadTarget(
    "enveloped-call",
    decodeEnvelopedCall,
    encodeEnvelopedCall,
    () => CALLS,
  ),
  payloadTarget("response", decodeResponse, encodeResponse, () => [
    encodeResponse({
      status: 0,
      contentType: 2,
      extensions: EXTENSIONS,
      body: BODY,
    }),
  ]),
  payloadTarget("event", decodeEvent, encodeEvent, () => [
    encodeEvent({
      contentType: 1,
      topic: "news",
      sequence: 2 ** 53 - 1,
      extensions: EXTENSIONS,
      body: BODY,
    }),
  ]),
  payloadTarget("stream-open", decodeStreamOpen, encodeStreamOpen, () => [
    encodeStreamOpen({
      streamId: ID,
      target: ID,
      kind: 2,
      timeoutSeconds: 9,
      data: CALL_DATA,
    }),
    encodeStreamOpen({ streamId: ID, target: ID, kind: 1 }),
  ]),
  payloadTarget("stream-chunk", decodeStreamChunk, encodeStreamChunk, () => [
    encodeStreamChunk({ offset: 3, contentType: 1, body: BODY }),
  ]),
  payloadTarget("stream-close", decodeStreamClose, encodeStreamClose, () => [
    encodeStreamClose({
      ending: 3,
      status: 13,
      chunkCount: 4,
      message: "gone",
      extensions: EXTENSIONS,
    }),
  ]),
  payloadTarget("ack", decodeAck, encodeAck, () => [
    encodeAck({ messageId: 7n, status: 0, extensions: EXTENSIONS }),
  ]),
  payloadTarget("error", decodeError, encodeError, () => [
    encodeError({
      status: 14,
      retryAfterMs: 250,
      messageId: 7n,
      message: "busy",
      extensions: EXTENSIONS,
    }),
  ]),
  payloadTarget("agent-list", decodeAgentList, encodeAgentList, () => [
    encodeAgentList([REGISTER, PLAIN_REGISTER]),
    encodeAgentList([]),
  ]),
  payloadTarget("call-data", decodeCallData, encodeCallData, () => [
    CALL_DATA,
    encodeCallData({ contentType: 0, method: "", body: new Uint8Array(0) }),
  ]),
  payloadTarget("extensions", decodeExtensions, encodeExtensions, () => [
    encodeExtensions(EXTENSIONS),
    encodeExtensions(ENVELOPE),
  ]),
  payloadTarget(
    "envelope",
    function decodeEnvelopeExtensions(input) {
      return decodeEnvelope(decodeExtensions(input));
    },
    (envelope) => encodeExtensions(encodeEnvelope(envelope)),
    () => [encodeExtensions(ENVELOPE)],
  ),
];

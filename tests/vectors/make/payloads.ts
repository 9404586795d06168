/**
 * Vectors of payloads, call data, envelopes and addresses.
 *
 * @module
 */
import {
  encodeAck,
  encodeAgentDiscover,
  encodeAgentHeartbeat,
  encodeAgentList,
  encodeAgentRegister,
  encodeCall,
  encodeCallData,
  encodeEnvelope,
  encodeError,
  encodeEvent,
  encodeExtensions,
  encodeResponse,
  encodeStreamChunk,
  encodeStreamClose,
  encodeStreamOpen,
} from "../../../protocol/mod.ts";
import { counting, fromHex, type VectorFile } from "./vector_file.ts";

const text = new TextEncoder();
const ID = counting(16);
const EXTENSION = { type: 9, value: Uint8Array.of(7) };
const MAX_SAFE = 2 ** 53 - 1;

const REGISTER = {
  agentId: ID,
  name: "alpha",
  capabilities: ["a", "bc"],
  endpoint: { address: Uint8Array.of(127, 0, 0, 1), port: 9000 },
};

/** One payload: its kind, a name, its fields and its bytes. */
type Case = readonly [kind: string, name: string, fields: object, Uint8Array];

function valid(): Case[] {
  const all = <Fields extends object>(
    kind: string,
    encode: (fields: Fields) => Uint8Array,
    cases: Readonly<Record<string, Fields>>,
  ): Case[] =>
    Object.entries(cases).map(([name, fields]): Case => [
      kind,
      name,
      fields,
      encode(fields),
    ]);
  return [
    ...all("AgentRegister", encodeAgentRegister, {
      "smallest": {
        agentId: ID,
        name: "",
        capabilities: [],
        endpoint: { address: new Uint8Array(4), port: 0 },
      },
      "without extensions": REGISTER,
      "with every extension": {
        ...REGISTER,
        staticPublicKey: counting(32, 0x40),
        ipv6Endpoint: { address: counting(16, 0x20), port: 9001 },
        ttlMs: 30_000,
        tags: ["fast", "grün"],
        metadata: { region: "eu", empty: "" },
        advertisedAddress: "example.org:9000",
        unknownExtensions: [{ type: 0x1234, value: counting(3) }],
      },
    }),
    ...all("AgentDiscover", encodeAgentDiscover, {
      "all": { kind: 0, limit: 0, term: "", extensions: [] },
      "by capability": {
        kind: 1,
        limit: 10,
        term: "add",
        extensions: [EXTENSION],
      },
      "by name": { kind: 2, limit: 1_000, term: "älpha", extensions: [] },
      "by tag": { kind: 3, limit: 1, term: "fast", extensions: [] },
      "by id": {
        kind: 4,
        limit: 1,
        term: "00010203-0405-0607-0809-0a0b0c0d0e0f",
        extensions: [],
      },
    }),
    ...all("AgentHeartbeat", encodeAgentHeartbeat, {
      "available, idle": {
        agentId: ID,
        status: 1,
        load: 0,
        sequence: 0,
        extensions: [],
      },
      "draining, full": {
        agentId: ID,
        status: 2,
        load: 1,
        sequence: 0x01020304,
        extensions: [],
      },
      "leaving": {
        agentId: ID,
        status: 3,
        load: 0,
        sequence: 0xffffffff,
        extensions: [EXTENSION],
      },
    }),
    ...all("Call", encodeCall, {
      "with data": { target: ID, timeoutSeconds: 30, data: counting(2, 0xaa) },
      "to anybody, without limit and data": {
        target: new Uint8Array(16),
        timeoutSeconds: 0,
        data: new Uint8Array(),
      },
    }),
    ...all("Response", encodeResponse, {
      "good, empty": {
        status: 0,
        contentType: 0,
        extensions: [],
        body: new Uint8Array(),
      },
      "JSON with an extension": {
        status: 0x0102,
        contentType: 2,
        extensions: [EXTENSION],
        body: text.encode("{}"),
      },
    }),
    ...all("Event", encodeEvent, {
      "text": {
        contentType: 1,
        topic: "t/",
        sequence: 0x02030405060708,
        extensions: [EXTENSION],
        body: text.encode("hi"),
      },
      "largest sequence": {
        contentType: 0,
        topic: "",
        sequence: MAX_SAFE,
        extensions: [],
        body: new Uint8Array(),
      },
    }),
    ...all("StreamOpen", encodeStreamOpen, {
      "33 bytes": { streamId: counting(16, 0xa0), target: ID, kind: 1 },
      "with data": {
        streamId: counting(16, 0xa0),
        target: ID,
        kind: 2,
        timeoutSeconds: 5,
        data: Uint8Array.of(1),
      },
    }),
    ...all("StreamChunk", encodeStreamChunk, {
      "text": {
        offset: 0x02030405060708,
        contentType: 1,
        body: text.encode("hi"),
      },
      "first, empty": { offset: 0, contentType: 0, body: new Uint8Array() },
    }),
    ...all("StreamClose", encodeStreamClose, {
      "completed": {
        ending: 1,
        status: 0,
        chunkCount: 3,
        message: "",
        extensions: [],
      },
      "failed": {
        ending: 3,
        status: 13,
        chunkCount: 0x100000002,
        message: "no",
        extensions: [EXTENSION],
      },
    }),
    ...all("Ack", encodeAck, {
      "accepted": { messageId: 1n, status: 0, extensions: [] },
      "refused": {
        messageId: 0xf102030405060708n,
        status: 0x0102,
        extensions: [EXTENSION],
      },
    }),
    ...all("Error", encodeError, {
      "busy": {
        status: 8,
        retryAfterMs: 500,
        messageId: 0xf102030405060708n,
        message: "busy",
        extensions: [EXTENSION],
      },
      "nothing known": {
        status: 13,
        retryAfterMs: 0,
        messageId: 0n,
        message: "",
        extensions: [],
      },
    }),
    ...all("CallData", encodeCallData, {
      "no envelope": {
        contentType: 0,
        method: "m",
        extensions: [],
        body: counting(4),
      },
      "with a deadline": {
        contentType: 2,
        method: "add",
        extensions: encodeEnvelope({ deadlineMs: 1_000 }),
        body: text.encode("{}"),
      },
    }),
    ...all(
      "Envelope",
      (fields: Parameters<typeof encodeEnvelope>[0]) =>
        encodeExtensions(encodeEnvelope(fields)),
      {
        "empty": {},
        "everything": {
          deadlineMs: 60_000,
          idleTimeoutMs: 5_000,
          parentSpanId: 0xf102030405060708n,
          idempotencyKey: "order-7",
          budget: { calls: 3, tokens: 0x100000002, costMicros: MAX_SAFE },
          capability: "summarize",
          caller: "alpha",
          callerId: ID,
          metadata: { a: "1", b: "" },
          isIdempotent: true,
        },
        "a budget of calls alone": { budget: { calls: 0 } },
        "a trace that is not recorded": {
          traceContext: { traceIdHigh: 0xf102030405060708n, flags: 0 },
        },
      },
    ),
    ...all("AgentList", ({ agents }: {
      agents: Parameters<typeof encodeAgentList>[0];
    }) => encodeAgentList(agents), {
      "nobody": { agents: [] },
      "two": { agents: [REGISTER, { ...REGISTER, name: "beta" }] },
    }),
  ];
}

const id = "000102030405060708090a0b0c0d0e0f";
const TRUNCATED = "PAYLOAD_TRUNCATED";
const INVALID = "PAYLOAD_INVALID";

/** Payloads that are refused: kind, why, hexadecimal digits, error. */
const REFUSED: readonly (readonly [string, string, string, string])[] = [
  ["AgentRegister", "empty", "", TRUNCATED],
  ["AgentRegister", "port cut", `${id} 0000 0000 00000000 28`, TRUNCATED],
  ["AgentRegister", "name past the end", `${id} ffff 61`, TRUNCATED],
  [
    "AgentRegister",
    "name is not UTF-8",
    `${id} 0100 ff 0000 00000000 0000`,
    INVALID,
  ],
  [
    "AgentRegister",
    "overlong UTF-8",
    `${id} 0200 c080 0000 00000000 0000`,
    INVALID,
  ],
  [
    "AgentRegister",
    "surrogate in UTF-8",
    `${id} 0300 eda080 0000 00000000 0000`,
    INVALID,
  ],
  [
    "AgentRegister",
    "extension past the end",
    `${id} 0000 0000 00000000 0000 0100 0500 00`,
    TRUNCATED,
  ],
  [
    "AgentRegister",
    "public key of 31 bytes",
    `${id} 0000 0000 00000000 0000 0100 1f00 ${"00".repeat(31)}`,
    TRUNCATED,
  ],
  [
    "AgentRegister",
    "lease twice",
    `${id} 0000 0000 00000000 0000 0300 0400 01000000 0300 0400 01000000`,
    INVALID,
  ],
  ["AgentDiscover", "kind 5", "05 0000 0000 0000", INVALID],
  ["AgentDiscover", "no block", "00 0000 0000", TRUNCATED],
  ["AgentDiscover", "a byte too many", "00 0000 0000 0000 00", INVALID],
  ["AgentHeartbeat", "status 0", `${id} 00 0000 00000000 0000`, INVALID],
  ["AgentHeartbeat", "status 4", `${id} 04 0000 00000000 0000`, INVALID],
  ["AgentHeartbeat", "cut", `${id} 01 0000 0000`, TRUNCATED],
  ["Call", "19 bytes", `${id} 000000`, TRUNCATED],
  ["Response", "reserved byte", "0000 00 01 0000", INVALID],
  ["Response", "3 bytes", "0000 00", TRUNCATED],
  ["Event", "reserved byte", "00 01 0000 0000000000000000 0000", INVALID],
  ["Event", "sequence 2^53", "00 00 0000 0000000000002000 0000", INVALID],
  ["StreamOpen", "kind 0", `${id} ${id} 00`, INVALID],
  ["StreamOpen", "34 bytes", `${id} ${id} 01 00`, TRUNCATED],
  ["StreamChunk", "8 bytes", "0000000000000000", TRUNCATED],
  ["StreamClose", "ending 4", "04 0000 0000000000000000 0000 0000", INVALID],
  ["StreamClose", "no block", "01 0000 0000000000000000 0000", TRUNCATED],
  ["Ack", "9 bytes", "0000000000000000 00", TRUNCATED],
  ["Error", "15 bytes", "0000 00000000 0000000000000000 00", TRUNCATED],
  ["CallData", "version 2", "02 00 0000 0000", INVALID],
  ["CallData", "no block", "01 00 0000", TRUNCATED],
  ["AgentList", "more than there can be", "ffff", TRUNCATED],
  ["AgentList", "a byte too many", "0000 00", INVALID],
];

/**
 * Vectors of payloads.
 *
 * @returns The file.
 */
export function makePayloads(): VectorFile {
  return {
    note:
      "Made by the encoders of this repository from the fields shown; the " +
      "refused ones were written by hand. valid: `bytes` of a payload of `kind` " +
      "decodes to `fields`. invalid: it is refused with `error`. Bytes in fields " +
      "are hexadecimal, 64-bit ids decimal text, a load is a fraction of 65535. " +
      "Kind Envelope is the extensions of call data, without the length of their block, " +
      "AgentList the body of the answer to AgentDiscover.",
    spec: "messages.md#payloads",
    valid: valid().map(([kind, name, fields, bytes]) => ({
      kind,
      name,
      fields,
      bytes,
    })),
    invalid: REFUSED.map(([kind, name, digits, error]) => ({
      kind,
      name,
      bytes: fromHex(digits),
      error,
    })),
  };
}

/**
 * Vectors of addresses.
 *
 * @returns The file.
 */
export function makeUrls(): VectorFile {
  const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
  return {
    note: "valid: `url` has these parts, and their canonical spelling is " +
      "`canonical`; publicKey is hexadecimal. invalid: refused as INVALID_URL.",
    spec: "messages.md#addresses",
    valid: [
      {
        url: "mxp://127.0.0.1",
        hostname: "127.0.0.1",
        port: 9000,
        canonical: "mxp://127.0.0.1:9000",
      },
      {
        url: `MXP://Example.ORG:7?pk=${key}`,
        hostname: "example.org",
        port: 7,
        publicKey: counting(32),
        canonical: `mxp://example.org:7?pk=${key}`,
      },
      {
        url: "mxp://[::1]:9001/alpha%20beta?other=1",
        hostname: "::1",
        port: 9001,
        agentId: "alpha beta",
        canonical: "mxp://[::1]:9001/alpha%20beta",
      },
    ],
    invalid: [
      "",
      "http://127.0.0.1",
      "mxp://",
      "mxp://127.0.0.1:0",
      "mxp://127.0.0.1:65536",
      "mxp://user@127.0.0.1",
      "mxp://127.0.0.1/a/b",
      "mxp://127.0.0.1#fragment",
      "mxp://127.0.0.1 ",
      "mxp://127.0.0.1?pk=short",
      `mxp://127.0.0.1?pk=${key}=`,
      `mxp://127.0.0.1?pk=${key.slice(0, -1)}9`,
      `mxp://127.0.0.1?pk=${key}&pk=${key}`,
    ].map((url) => ({ url })),
  };
}

/**
 * Reads the vectors of messages, payloads, frames and numbers with the public
 * decoders.
 *
 * @module
 */
import assert from "node:assert/strict";
import { xxhash3 } from "hash-wasm";
import {
  ByteReader,
  decodeAck,
  decodeAgentDiscover,
  decodeAgentHeartbeat,
  decodeAgentList,
  decodeAgentRegister,
  decodeCall,
  decodeCallData,
  decodeEnvelope,
  decodeError,
  decodeEvent,
  decodeExtensions,
  decodeFrame,
  decodeMessage,
  decodeResponse,
  decodeStreamChunk,
  decodeStreamClose,
  decodeStreamOpen,
  encodeMessage,
  encodePacketHeader,
  formatMxpUrl,
  isInitiatorStream,
  isUnidirectional,
  parseMxpUrl,
  streamSequence,
} from "../../protocol/mod.ts";
import { counting, fromHex, toHex, toJson } from "./make/vector_file.ts";
import { readVectors, type Refused } from "./read.ts";

/** The code of what a call throws. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

Deno.test("messages.json: messages decode to their fields and are refused with their error", () => {
  const { valid, invalid } = readVectors<{
    valid: Record<string, string | number>[];
    invalid: (Refused & { error: string })[];
  }>("messages.json");
  assert.ok(valid.length > 20 && invalid.length > 15);
  for (const { name, bytes, ...fields } of valid) {
    const message = decodeMessage(fromHex(String(bytes)));
    assert.deepEqual(toJson(message), fields, String(name));
    assert.equal(toHex(encodeMessage(message)), bytes, String(name));
  }
  for (const { name, bytes, error } of invalid) {
    assert.equal(codeOf(() => decodeMessage(fromHex(bytes))), error, name);
  }
});

Deno.test("checksums.json: the published XXH3-64 gives the same", async () => {
  const { cases } = readVectors<{
    cases: { length: number; checksum: string; bytes: string }[];
  }>("checksums.json");
  for (const { length, checksum, bytes } of cases) {
    const digest = await xxhash3(counting(length));
    assert.equal(BigInt(`0x${digest}`), BigInt(checksum), `${length} bytes`);
    assert.equal(toHex(fromHex(digest).reverse()), bytes);
  }
});

/** The public decoder of each kind of payload. */
const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  Ack: decodeAck,
  AgentDiscover: decodeAgentDiscover,
  AgentHeartbeat: decodeAgentHeartbeat,
  AgentList: (bytes) => ({ agents: decodeAgentList(bytes) }),
  AgentRegister: decodeAgentRegister,
  Call: decodeCall,
  CallData: decodeCallData,
  Envelope: (bytes) => decodeEnvelope(decodeExtensions(bytes)),
  Error: decodeError,
  Event: decodeEvent,
  Response: decodeResponse,
  StreamChunk: decodeStreamChunk,
  StreamClose: decodeStreamClose,
  StreamOpen: decodeStreamOpen,
};

Deno.test("payloads.json: payloads decode to their fields and are refused with their error", () => {
  const { valid, invalid } = readVectors<{
    valid: { kind: string; name: string; fields: object; bytes: string }[];
    invalid: (Refused & { kind: string; error: string })[];
  }>("payloads.json");
  const kinds = new Set(valid.map(({ kind }) => kind));
  assert.deepEqual([...kinds].toSorted(), Object.keys(DECODERS));
  for (const { kind, name, fields, bytes } of valid) {
    const decoded = DECODERS[kind]!(fromHex(bytes));
    assert.deepEqual(toJson(decoded), fields, `${kind} ${name}`);
  }
  for (const { kind, name, bytes, error } of invalid) {
    const code = codeOf(() => DECODERS[kind]!(fromHex(bytes)));
    assert.equal(code, error, `${kind} ${name}`);
  }
});

Deno.test("urls.json: addresses have their parts and canonical spelling", () => {
  const { valid, invalid } = readVectors<{
    valid: { url: string; canonical: string }[];
    invalid: { url: string }[];
  }>("urls.json");
  for (const { url, canonical, ...parts } of valid) {
    const parsed = parseMxpUrl(url);
    assert.deepEqual(toJson(parsed), parts);
    assert.equal(formatMxpUrl(parsed), canonical);
  }
  for (const { url } of invalid) {
    assert.equal(codeOf(() => parseMxpUrl(url)), "INVALID_URL", url);
  }
});

Deno.test("numbers.json: integers and stream ids have their parts", () => {
  const file = readVectors<{
    varints: { value: number; bytes: string }[];
    longer: { value: number; bytes: string }[];
    tooLarge: string[];
    streamIds: {
      id: number;
      sequence: number;
      isInitiator: boolean;
      isUnidirectional: boolean;
    }[];
  }>("numbers.json");
  for (const { value, bytes } of [...file.varints, ...file.longer]) {
    const reader = new ByteReader(fromHex(bytes));
    assert.equal(reader.varint(), value);
    assert.deepEqual([reader.remaining, reader.isFailed], [0, false]);
  }
  for (const bytes of file.tooLarge) {
    const reader = new ByteReader(fromHex(bytes));
    reader.varint();
    assert.ok(reader.isFailed, bytes);
  }
  for (const { id, ...parts } of file.streamIds) {
    assert.deepEqual({
      sequence: streamSequence(id),
      isInitiator: isInitiatorStream(id),
      isUnidirectional: isUnidirectional(id),
    }, parts);
  }
});

Deno.test("frames.json: frames decode to their fields, and the others are refused", () => {
  const { valid, invalid } = readVectors<{
    valid: { name: string; frame: { type: string }; bytes: string }[];
    invalid: Refused[];
  }>("frames.json");
  assert.equal(new Set(valid.map(({ frame }) => frame.type)).size, 18);
  for (const { name, frame, bytes } of valid) {
    const reader = new ByteReader(fromHex(bytes));
    assert.deepEqual(toJson(decodeFrame(reader)), frame, name);
    assert.equal(reader.remaining, 0, name);
  }
  for (const { name, bytes } of invalid) {
    const code = codeOf(() => decodeFrame(new ByteReader(fromHex(bytes))));
    assert.equal(code, "FRAME_INVALID", name);
  }
});

Deno.test("packet_headers.json: headers have their fields where the table says", () => {
  const { cases } = readVectors<{
    cases: {
      connectionId: string;
      packetNumber: number;
      flags: number;
      payloadLength: number;
      bytes: string;
    }[];
  }>("packet_headers.json");
  for (const { bytes, connectionId, ...fields } of cases) {
    const header = fromHex(bytes);
    const view = new DataView(header.buffer);
    assert.equal(toHex(header.subarray(0, 8)), connectionId);
    assert.equal(view.getBigUint64(8, true), BigInt(fields.packetNumber));
    assert.equal(view.getUint8(16), fields.flags);
    assert.equal(view.getUint8(17), 0);
    assert.equal(view.getUint16(18, true), fields.payloadLength);
    const encoded = new Uint8Array(32);
    encodePacketHeader(encoded, 0, {
      ...fields,
      connectionId: fromHex(connectionId),
    });
    assert.equal(toHex(encoded), bytes);
  }
});

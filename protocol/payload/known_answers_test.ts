import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { decodeCallData, encodeCallData } from "../call_data.ts";
import { decodeEnvelope, encodeEnvelope } from "../envelope.ts";
import { decodeMessage, encodeMessage } from "../message.ts";
import { decodeAck, encodeAck } from "./ack.ts";
import { decodeAgentDiscover, encodeAgentDiscover } from "./agent_discover.ts";
import {
  decodeAgentHeartbeat,
  encodeAgentHeartbeat,
} from "./agent_heartbeat.ts";
import { decodeAgentRegister, encodeAgentRegister } from "./agent_register.ts";
import { decodeCall, encodeCall } from "./call.ts";
import { decodeError, encodeError } from "./error.ts";
import { decodeEvent, encodeEvent } from "./event.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { decodeStreamChunk, encodeStreamChunk } from "./stream_chunk.ts";
import { decodeStreamClose, encodeStreamClose } from "./stream_close.ts";
import { decodeStreamOpen, encodeStreamOpen } from "./stream_open.ts";

/** Decodes and encodes again, for each name on the page. */
const ROUND_TRIPS: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  AgentRegister: (bytes) => encodeAgentRegister(decodeAgentRegister(bytes)),
  AgentDiscover: (bytes) => encodeAgentDiscover(decodeAgentDiscover(bytes)),
  AgentHeartbeat: (bytes) => encodeAgentHeartbeat(decodeAgentHeartbeat(bytes)),
  Call: (bytes) => encodeCall(decodeCall(bytes)),
  Response: (bytes) => encodeResponse(decodeResponse(bytes)),
  Event: (bytes) => encodeEvent(decodeEvent(bytes)),
  StreamOpen: (bytes) => encodeStreamOpen(decodeStreamOpen(bytes)),
  StreamChunk: (bytes) => encodeStreamChunk(decodeStreamChunk(bytes)),
  StreamClose: (bytes) => encodeStreamClose(decodeStreamClose(bytes)),
  Ack: (bytes) => encodeAck(decodeAck(bytes)),
  Error: (bytes) => encodeError(decodeError(bytes)),
  "Call data": (bytes) => encodeCallData(decodeCallData(bytes)),
  Envelope: (bytes) =>
    encodeEnvelope(decodeEnvelope([{ type: 5, value: bytes }]))[0]!.value,
};

/** The blocks of code in the part "Known answers" of docs/spec/messages.md. */
function readKnownAnswers(): string[] {
  const page = new URL("../../docs/spec/messages.md", import.meta.url);
  const part = readFileSync(page, "utf8").split("\n## Known answers\n")[1]!;
  return Array.from(part.matchAll(/```text\n([^`]*)```/g), ([, code]) => code!);
}

Deno.test("payloads are as the known answers of the specification", () => {
  const lines = readKnownAnswers()[0]!.trimEnd().split("\n");
  const names = lines.filter((line) => !line.startsWith(" "));
  const answers = lines.filter((line) => line.startsWith(" "));
  assert.deepEqual(
    names.map((name) => name.split(/ {2,}| (?!data)/)[0]),
    Object.keys(ROUND_TRIPS),
  );
  for (const [index, roundTrip] of Object.values(ROUND_TRIPS).entries()) {
    const hex = answers[index]!.replaceAll(" ", "");
    assert.equal(roundTrip(Uint8Array.fromHex(hex)).toHex(), hex);
  }
});

Deno.test("messages are as the known answer of the specification", () => {
  const hex = readKnownAnswers()[1]!.replace(/\s/g, "");
  const message = decodeMessage(Uint8Array.fromHex(hex));
  assert.equal(encodeMessage(message).toHex(), hex);
});

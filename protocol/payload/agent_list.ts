/**
 * Agent list: body of the `Response` to an `AgentDiscover`.
 *
 * ```text
 * offset  size  field   encoding
 *      0     2  count   u16, little-endian
 *      2     r  agents  each a u32 length and the payload of an AgentRegister
 * ```
 *
 * Spec: docs/spec/messages.md, "Agent list".
 *
 * @module
 */
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";
import {
  AGENT_REGISTER_MIN_LENGTH,
  type AgentRegisterPayload,
  decodeAgentRegister,
  encodeAgentRegister,
} from "./agent_register.ts";

/** Size of the count, in bytes. */
const HEAD_LENGTH = 2;

/** Size of the length before each agent, in bytes. */
const LENGTH_LENGTH = 4;

/**
 * Encodes a list of agents.
 *
 * @param agents At most 65,535; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for too many, or for an agent that
 * `encodeAgentRegister` refuses.
 */
export function encodeAgentList(
  agents: readonly AgentRegisterPayload[],
): Uint8Array {
  return joinAgentList(agents.map(encodeAgentRegister));
}

/**
 * Encodes a list of agents of which each is encoded already: whoever has to know
 * how long they are encodes them once.
 *
 * @param records What `encodeAgentRegister` gave, at most 65,535; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for too many.
 */
export function joinAgentList(records: readonly Uint8Array[]): Uint8Array {
  let expectedLength = HEAD_LENGTH;
  for (const record of records) expectedLength += LENGTH_LENGTH + record.length;
  const writer = new PayloadWriter("Agent list", expectedLength);
  writer.u16(records.length, "count");
  for (const record of records) {
    writer.u32(record.length, "length");
    writer.bytes(record);
  }
  return writer.finish();
}

/**
 * Decodes a list of agents.
 *
 * @param body The body of the response; borrowed.
 * @returns The agents; their bytes are views of `body`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` when fewer agents follow than
 * announced, `PAYLOAD_INVALID` when something follows the last one, and what
 * `decodeAgentRegister` throws.
 */
export function decodeAgentList(body: Uint8Array): AgentRegisterPayload[] {
  const reader = new PayloadReader("Agent list", body);
  const count = reader.u16();
  // Before any agent is decoded: so many cannot be in what is left.
  if (
    count * (LENGTH_LENGTH + AGENT_REGISTER_MIN_LENGTH) > reader.remaining
  ) {
    reader.fail();
  }
  reader.check();
  const agents: AgentRegisterPayload[] = [];
  for (let index = 0; index < count; index++) {
    const record = reader.bytes(reader.u32());
    reader.check();
    agents.push(decodeAgentRegister(record));
  }
  reader.end();
  return agents;
}

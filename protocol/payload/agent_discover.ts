/**
 * Payload of an `AgentDiscover` message (type `0x02`).
 *
 * ```text
 * offset  size  field       encoding
 *      0     1  kind        0 all, 1 capability, 2 name, 3 tag, 4 agent id
 *      1     2  limit       u16, little-endian; 0: the node's default
 *      3     2  termLength  u16, little-endian
 *      5     t  term        UTF-8; an agent id as the text of a UUID
 *    5+t   2+e  extensions  extension block, to the end of the payload
 * ```
 *
 * The answer is a `Response` whose body is an agent list: see agent_list.ts.
 *
 * Spec: docs/spec/messages.md, "0x02 AgentDiscover".
 *
 * @module
 */
import {
  type Extension,
  extensionBlockLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "../extension.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** What agents are looked for by. */
export const DiscoverKind = {
  /** Every agent; the term does not matter. */
  ALL: 0,
  /** Agents that have the capability. */
  CAPABILITY: 1,
  /** Agents of this name. */
  NAME: 2,
  /** Agents with this tag. */
  TAG: 3,
  /** The agent with this id. */
  AGENT_ID: 4,
} as const;

/** What agents are looked for by. */
export type DiscoverKind = typeof DiscoverKind[keyof typeof DiscoverKind];

/** Size of the fixed fields, in bytes. */
const FIXED_LENGTH = 5;

/** A question for agents. */
export interface AgentDiscoverPayload {
  /** What to look for them by. */
  readonly kind: DiscoverKind;
  /** Most agents in the answer, a u16; 0 for the node's default. */
  readonly limit: number;
  /** What to look for, at most 65,535 bytes of UTF-8. */
  readonly term: string;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
}

/**
 * Encodes the payload of an `AgentDiscover` message.
 *
 * @param discover What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeAgentDiscover(
  discover: AgentDiscoverPayload,
): Uint8Array {
  const { kind, limit, term, extensions } = discover;
  const writer = new PayloadWriter(
    "AgentDiscover",
    FIXED_LENGTH + term.length + extensionBlockLength(extensions),
  );
  if (!isDiscoverKind(kind)) {
    throw writer.invalid(`kind ${kind} is not from 0 to 4`);
  }
  writer.u8(kind, "kind");
  writer.u16(limit, "limit");
  writer.text(term, "term");
  writeExtensionBlock(writer, extensions);
  return writer.finish();
}

/**
 * Decodes the payload of an `AgentDiscover` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The question. Extension values are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for an
 * unknown kind, text that is not UTF-8, too many extensions or bytes after them.
 */
export function decodeAgentDiscover(
  payload: Uint8Array,
): AgentDiscoverPayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("AgentDiscover", payload);
  const kind = reader.u8();
  const limit = reader.u16();
  const term = reader.text();
  const extensions = readExtensionBlock(reader);
  reader.end();
  if (!isDiscoverKind(kind)) {
    throw reader.invalid(`kind ${kind} is not from 0 to 4`);
  }
  return { kind, limit, term, extensions };
}

function isDiscoverKind(kind: number): kind is DiscoverKind {
  return Number.isInteger(kind) && kind >= DiscoverKind.ALL &&
    kind <= DiscoverKind.AGENT_ID;
}

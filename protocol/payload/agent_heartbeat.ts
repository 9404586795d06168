/**
 * Payload of an `AgentHeartbeat` message (type `0x03`).
 *
 * ```text
 * offset  size  field       encoding
 *      0    16  agentId     the bytes of a UUID
 *     16     1  status      1 available, 2 draining, 3 leaving
 *     17     2  load        u16, little-endian: 0 idle to 65535 full
 *     19     4  sequence    u32, little-endian
 *     23   2+e  extensions  extension block, to the end of the payload
 * ```
 *
 * Spec: docs/spec/messages.md, "0x03 AgentHeartbeat".
 *
 * @module
 */
import { AGENT_ID_LENGTH } from "../constants.ts";
import {
  type Extension,
  extensionBlockLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "../extension.ts";
import { PayloadReader } from "../payload_reader.ts";
import { PayloadWriter } from "../payload_writer.ts";

/** What an agent says about itself. */
export const HeartbeatStatus = {
  /** Takes new calls. */
  AVAILABLE: 1,
  /** Finishes the running calls and takes no new ones. */
  DRAINING: 2,
  /** Is about to go: forget it. */
  LEAVING: 3,
} as const;

/** What an agent says about itself. */
export type HeartbeatStatus =
  typeof HeartbeatStatus[keyof typeof HeartbeatStatus];

/** Size of the part before the extensions, in bytes. */
const HEAD_LENGTH = 23;

/** The wire's number for a load of 1. */
const FULL_LOAD = 0xffff;

/** A sign of life. */
export interface AgentHeartbeatPayload {
  /** Who lives, 16 bytes. */
  readonly agentId: Uint8Array;
  /** How. */
  readonly status: HeartbeatStatus;
  /** How busy, from 0 to 1; the wire keeps the nearest of 65,536 steps. */
  readonly load: number;
  /** Number of this heartbeat since the registration, a u32. */
  readonly sequence: number;
  /**
   * None are defined yet. A decoder always gives them, perhaps empty.
   *
   * @default {[]}
   */
  readonly extensions?: readonly Extension[];
}

/**
 * Encodes the payload of an `AgentHeartbeat` message.
 *
 * @param heartbeat What to encode; borrowed.
 * @returns New bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_VALUE` for what a field cannot carry.
 */
export function encodeAgentHeartbeat(
  heartbeat: AgentHeartbeatPayload,
): Uint8Array {
  const { agentId, status, load, sequence, extensions } = heartbeat;
  const writer = new PayloadWriter(
    "AgentHeartbeat",
    HEAD_LENGTH + extensionBlockLength(extensions),
  );
  if (!isHeartbeatStatus(status)) {
    throw writer.invalid(`status ${status} is not from 1 to 3`);
  }
  if (!(load >= 0 && load <= 1)) {
    throw writer.invalid(`load ${load} is not from 0 to 1`);
  }
  writer.fixed(agentId, AGENT_ID_LENGTH, "agentId");
  writer.u8(status, "status");
  writer.u16(Math.round(load * FULL_LOAD), "load");
  writer.u32(sequence, "sequence");
  writeExtensionBlock(writer, extensions);
  return writer.finish();
}

/**
 * Decodes the payload of an `AgentHeartbeat` message.
 *
 * @param payload The bytes after the message header; borrowed.
 * @returns The heartbeat. Agent id and extension values are views of `payload`.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED`, or `PAYLOAD_INVALID` for an
 * unknown status, too many extensions or bytes after them.
 */
export function decodeAgentHeartbeat(
  payload: Uint8Array,
): AgentHeartbeatPayload & { readonly extensions: readonly Extension[] } {
  const reader = new PayloadReader("AgentHeartbeat", payload);
  const agentId = reader.bytes(AGENT_ID_LENGTH);
  const status = reader.u8();
  const load = reader.u16() / FULL_LOAD;
  const sequence = reader.u32();
  const extensions = readExtensionBlock(reader);
  reader.end();
  if (!isHeartbeatStatus(status)) {
    throw reader.invalid(`status ${status} is not from 1 to 3`);
  }
  return { agentId, status, load, sequence, extensions };
}

function isHeartbeatStatus(status: number): status is HeartbeatStatus {
  return status === HeartbeatStatus.AVAILABLE ||
    status === HeartbeatStatus.DRAINING || status === HeartbeatStatus.LEAVING;
}

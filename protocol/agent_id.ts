/**
 * Agent ids: the 16 bytes of a UUID.
 *
 * @module
 */
import type { RandomSource } from "../internal/random_source.ts";
import { AGENT_ID_LENGTH } from "./constants.ts";
import { ProtocolError } from "./error.ts";

const PATTERN =
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const HYPHEN = 0x2d;
const NINE = 0x39;

const HEX: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/**
 * Makes a new agent id: a UUID of version 4.
 *
 * @param random Where its 122 random bits come from. They are seen on the wire.
 * @returns 16 bytes, owned by the caller.
 */
export function createAgentId(random: RandomSource): Uint8Array {
  const id = new Uint8Array(AGENT_ID_LENGTH);
  random.fillPublic(id);
  // RFC 9562 §5.4: version 4, variant 10.
  id[6] = id[6]! & 0x0f | 0x40;
  id[8] = id[8]! & 0x3f | 0x80;
  return id;
}

/**
 * Makes the nil agent id, which means "any agent" where a target is asked for.
 *
 * @returns 16 zero bytes, owned by the caller.
 */
export function createNilAgentId(): Uint8Array {
  return new Uint8Array(AGENT_ID_LENGTH);
}

/**
 * Tells whether an agent id is the nil id.
 *
 * @param id 16 bytes.
 * @returns True when all of them are 0.
 */
export function isNilAgentId(id: Uint8Array): boolean {
  if (id.length !== AGENT_ID_LENGTH) return false;
  // A loop: every call that comes in is looked at.
  for (let index = 0; index < AGENT_ID_LENGTH; index++) {
    if (id[index] !== 0) return false;
  }
  return true;
}

/**
 * Writes an agent id as text.
 *
 * @param id 16 bytes.
 * @returns 36 characters in lower case: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
 * @throws {ProtocolError} `INVALID_AGENT_ID` when it is not 16 bytes long.
 *
 * @example Usage
 * ```ts
 * import { formatAgentId, parseAgentId } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const text = "0f8fad5b-d9cb-469f-a165-70867728950e";
 * assert.equal(formatAgentId(parseAgentId(text)), text);
 * ```
 */
export function formatAgentId(id: Uint8Array): string {
  if (id.length !== AGENT_ID_LENGTH) {
    throw new ProtocolError(
      "INVALID_AGENT_ID",
      `Agent id: needs ${AGENT_ID_LENGTH} bytes, got ${id.length}`,
    );
  }
  let text = "";
  for (let index = 0; index < AGENT_ID_LENGTH; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += "-";
    text += HEX[id[index]!];
  }
  return text;
}

/**
 * Reads an agent id from text. Any version of UUID is one, and the nil id too.
 *
 * @param text 36 characters, in upper or lower case.
 * @returns 16 bytes, owned by the caller.
 * @throws {ProtocolError} `INVALID_AGENT_ID` for any other text.
 */
export function parseAgentId(text: string): Uint8Array {
  if (!PATTERN.test(text)) {
    throw new ProtocolError(
      "INVALID_AGENT_ID",
      "Agent id: is not a UUID of 36 characters",
    );
  }
  const id = new Uint8Array(AGENT_ID_LENGTH);
  let at = 0;
  // Digit by digit: a node does it for each record of each discovery.
  for (let index = 0; index < AGENT_ID_LENGTH; index++) {
    if (text.charCodeAt(at) === HYPHEN) at++;
    id[index] = digitAt(text, at) << 4 | digitAt(text, at + 1);
    at += 2;
  }
  return id;
}

/** The value of a hexadecimal digit: those of letters are 9 above their low bits. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return (code & 0xf) + (code > NINE ? 9 : 0);
}

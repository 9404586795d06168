/**
 * Breaking a rule on purpose, and what the node has to answer.
 *
 * @module
 */
import { check } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import type { HandshakeChoice } from "./handshake.ts";
import type { RawConnection, SendOptions } from "./raw_connection.ts";

/** Close codes that the clauses name. */
export const Code = {
  /** More data than the credit allows. */
  FLOW_CONTROL_ERROR: 0x03,
  /** More streams than granted. */
  STREAM_LIMIT_ERROR: 0x04,
  /** A frame on a stream that cannot take it. */
  STREAM_STATE_ERROR: 0x05,
  /** A final size that changed. */
  FINAL_SIZE_ERROR: 0x06,
  /** A frame that cannot be decoded. */
  FRAME_ENCODING_ERROR: 0x07,
  /** More connection ids than wanted. */
  CONNECTION_ID_LIMIT_ERROR: 0x09,
  /** Any other breach. */
  PROTOCOL_VIOLATION: 0x0a,
} as const;

/** What is sent, and how. */
export interface Violation {
  /** What it is, for the report. */
  readonly what: string;
  /** The code that the node has to close with. */
  readonly code: number;
  /** The packets, made for a connection. */
  readonly packets: (connection: RawConnection) => readonly Uint8Array[];
  /** How they are sent. */
  readonly send?: SendOptions;
  /** How the connection is made. */
  readonly choice?: HandshakeChoice;
}

/**
 * Breaks a rule on a connection of its own and insists on the close.
 *
 * @param context The clause.
 * @param violation What to do.
 * @returns The connection, which is over.
 * @throws {ClauseFailure} When the node closes otherwise, or not at all.
 */
export async function violate(
  context: ClauseContext,
  violation: Violation,
): Promise<RawConnection> {
  const { what, code, send = {} } = violation;
  const connection = await context.connect(violation.choice);
  await connection.ping();
  const packets = violation.packets(connection);
  const sent: number[] = [];
  const sendAll = (): void => {
    for (const packet of packets) sent.push(connection.send(packet, send));
  };
  // What was taken is not sent again: a repetition may break another rule.
  const isTaken = (): boolean => connection.isAcked(sent.at(-1)!);
  sendAll();
  await connection.waitFor(
    `${what} is not answered with a close`,
    () => connection.close !== undefined || isTaken() || undefined,
    { repeat: sendAll },
  );
  if (connection.close === undefined) await connection.listen(context.quietMs);
  const { close } = connection;
  check(close !== undefined, `${what} is taken as if it were allowed`);
  check(
    close.code === code,
    `${what} is answered with close code ${hex(close.code)}, not ${hex(code)}`,
  );
  return connection;
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}

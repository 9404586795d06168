/**
 * Breaking a rule on purpose, and what the node has to answer.
 *
 * @module
 */
import type { CloseFrame } from "../../protocol/mod.ts";
import { systemClock } from "../../transport/mod.ts";
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

/** Connections on which a rule is broken before silence counts. */
const MAX_ATTEMPTS = 2;

/** How long the close may take on the first of them, in milliseconds. */
const CLOSE_WAIT_MS = 900;

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
  const { what, code } = violation;
  for (let attempt = 1;; attempt++) {
    const connection = await context.connect(violation.choice);
    await connection.ping();
    const isLast = attempt === MAX_ATTEMPTS;
    const close = await closeAfter(context, connection, violation, isLast);
    // A close that is lost is not repeated for long: once more from the start.
    if (close === undefined) continue;
    check(
      close.code === code,
      `${what} is answered with close code ${hex(close.code)}, not ${
        hex(code)
      }`,
    );
    return connection;
  }
}

/** Breaks the rule and waits for the close. */
async function closeAfter(
  context: ClauseContext,
  connection: RawConnection,
  violation: Violation,
  isLast: boolean,
): Promise<CloseFrame | undefined> {
  const { what, send = {} } = violation;
  const waiting = violation.packets(connection)
    .map((packet) => ({ packet, numbers: [] as number[] }));
  // What was taken is not sent again: a repetition may break another rule.
  const untaken = (): typeof waiting =>
    waiting.filter(({ numbers }) =>
      !numbers.some((number) => connection.isAcked(number))
    );
  const isTaken = (): boolean => untaken().length === 0;
  const sendAll = (): void => {
    for (const { packet, numbers } of untaken()) {
      numbers.push(connection.send(packet, send));
    }
  };
  const end = systemClock() + CLOSE_WAIT_MS + 4 * context.target.rttMs;
  sendAll();
  await connection.waitFor(
    `${what} is not answered with a close`,
    () =>
      connection.close !== undefined || isTaken() ||
      (!isLast && systemClock() >= end) || undefined,
    { repeat: sendAll },
  );
  if (isTaken()) await connection.listen(context.quietMs);
  check(
    connection.close !== undefined || !isTaken(),
    `${what} is taken as if it were allowed`,
  );
  return connection.close;
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}

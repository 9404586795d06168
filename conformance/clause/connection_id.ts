/**
 * Connection ids for paths to come.
 *
 * @module
 */
import { isEqualConstantTime } from "../../crypto/mod.ts";
import {
  encodeNewConnectionIdFrame,
  encodeRetireConnectionIdFrame,
  type NewConnectionIdFrame,
} from "../../protocol/mod.ts";
import { systemClock, systemRandom } from "../../transport/mod.ts";
import { check, type Clause, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import { DEFAULT_PARAMETERS } from "../peer/handshake.ts";
import { expectPathResponse } from "../peer/path_probe.ts";
import {
  pingFrame,
  type RawConnection,
  written,
} from "../peer/raw_connection.ts";
import { Code, violate } from "../peer/violation.ts";
import { Parameter } from "../wire/parameter_codec.ts";

const SPEC = "transport.md#connection-ids";

/** Ids that the kit takes, that of the handshake included. */
const WANTED_IDS = 3;

/** Packets of the node after which it gives spare ids, and some more. */
const PINGS = 10;

const PARAMETERS = [
  ...DEFAULT_PARAMETERS,
  [Parameter.MAX_CONNECTION_IDS, WANTED_IDS] as const,
];

/** The ids that the node has given so far. */
function issued(connection: RawConnection): NewConnectionIdFrame[] {
  return connection.frames.map(({ frame }) => frame)
    .filter((frame) => frame.type === "new-connection-id");
}

/** How many ids of our end the node takes; without a spare one there is no case. */
function idLimitOf(connection: RawConnection): number {
  const limit = connection.agreed.parameters.number(
    Parameter.MAX_CONNECTION_IDS,
  );
  if (limit < 2) skip(`the node takes ${limit} connection ids`);
  return limit;
}

/** A connection, and a second id of our end that the node was given. */
async function connectWithNewId(
  context: ClauseContext,
  retirePriorTo = 0,
): Promise<{ readonly connection: RawConnection; readonly id: Uint8Array }> {
  const connection = await context.connect({ parameters: PARAMETERS });
  idLimitOf(connection);
  await connection.ping();
  const { id, frame } = newId(1, retirePriorTo);
  await connection.deliver(frame, "NewConnectionId is not acknowledged");
  return { connection, id };
}

/** A connection whose node has given spare ids. */
async function connectWithIds(
  context: ClauseContext,
): Promise<RawConnection> {
  const connection = await context.connect({ parameters: PARAMETERS });
  const limit = idLimitOf(connection);
  for (let count = 0; count < PINGS; count++) await connection.ping();
  const wanted = Math.min(limit, WANTED_IDS) - 1;
  await connection.waitFor(
    `no ${wanted} connection ids came after ${PINGS} packets`,
    () => issued(connection).length >= wanted || undefined,
    { repeat: () => connection.send(pingFrame()) },
  );
  return connection;
}

/** An id of ours, as a frame. */
function newId(sequence: number, retirePriorTo = 0): {
  readonly id: Uint8Array;
  readonly frame: Uint8Array;
} {
  const id = new Uint8Array(8);
  const resetToken = new Uint8Array(16);
  systemRandom.fillPublic(id);
  systemRandom.fillPublic(resetToken);
  id[0]! |= 1;
  const frame = written((writer) =>
    encodeNewConnectionIdFrame(writer, {
      sequence,
      retirePriorTo,
      connectionId: id,
      resetToken,
    })
  );
  return { id, frame };
}

function retirement(sequence: number): Uint8Array {
  return written((writer) => encodeRetireConnectionIdFrame(writer, sequence));
}

/** Clauses about connection ids. */
export const CONNECTION_ID_CLAUSES: readonly Clause[] = [
  {
    id: "ids.issued",
    title: "The node gives spare connection ids, as many as both want",
    spec: SPEC,
    run: async (context) => {
      const connection = await connectWithIds(context);
      await connection.listen(context.quietMs);
      const ids = issued(connection);
      const most = WANTED_IDS - 1;
      const sequences = new Set(ids.map(({ sequence }) => sequence));
      check(
        sequences.size <= most && !sequences.has(0),
        `ids of the sequences ${
          [...sequences].join(", ")
        } came, wanted are ${most}`,
      );
      const names = new Set(
        ids.map(({ connectionId }) => connectionId.join()),
      );
      check(names.size === sequences.size, "one id has two sequences");
      return `${sequences.size} ids`;
    },
  },
  {
    id: "ids.used",
    title: "A packet that carries a spare id reaches the connection",
    spec: SPEC,
    run: async (context) => {
      const connection = await connectWithIds(context);
      for (const { connectionId, sequence } of issued(connection)) {
        await connection.deliver(
          pingFrame(),
          `a packet with the id of sequence ${sequence} is not acknowledged`,
          { connectionId },
        );
      }
    },
  },
  {
    id: "ids.replaced",
    title: "An id that is given up is replaced by another one",
    spec: SPEC,
    run: async (context) => {
      const connection = await connectWithIds(context);
      const before = issued(connection);
      const last = before.reduce((a, b) => a.sequence > b.sequence ? a : b);
      await connection.deliver(
        retirement(before[0]!.sequence),
        "RetireConnectionId is not acknowledged",
      );
      await connection.waitFor(
        "no id came in place of the one that was given up",
        () =>
          issued(connection).some(({ sequence }) => sequence > last.sequence) ||
          undefined,
        { repeat: () => connection.send(pingFrame()) },
      );
    },
  },
  {
    id: "ids.retire-prior-to",
    title: "Retire Prior To makes the node give up old ids and use another one",
    spec: SPEC,
    run: async (context) => {
      const { connection, id } = await connectWithNewId(context, 1);
      await connection.waitFor(
        "no RetireConnectionId of sequence 0 came",
        () =>
          connection.frames.some(({ frame }) =>
            frame.type === "retire-connection-id" && frame.sequence === 0
          ) || undefined,
      );
      await connection.ping();
      const last = connection.frames.at(-1)!.packet;
      check(
        isEqualConstantTime(last.connectionId, id),
        "the node still sends to the id that it had to give up",
      );
    },
  },
  {
    id: "path.new-id",
    title: "On a new path the node uses an id that no path had before",
    spec: SPEC,
    run: async (context) => {
      const { connection, id } = await connectWithNewId(context);
      const moved = await context.openSocket();
      await expectPathResponse(connection, moved, systemClock() + 3_000);
      const linkable = connection.frames.filter(({ socket, packet }) =>
        socket === moved && !isEqualConstantTime(packet.connectionId, id)
      );
      check(
        linkable.length === 0,
        "packets on the new path carry the id of the old one",
      );
    },
  },
  {
    id: "ids.limit",
    title: "More ids than the node takes close with CONNECTION_ID_LIMIT_ERROR",
    spec: SPEC,
    run: async (context) => {
      await violate(context, {
        what: "one connection id too many",
        code: Code.CONNECTION_ID_LIMIT_ERROR,
        packets: (connection) => {
          const limit = connection.agreed.parameters.number(
            Parameter.MAX_CONNECTION_IDS,
          );
          return Array.from(
            { length: limit },
            (_, index) => newId(index + 1).frame,
          );
        },
      });
    },
  },
  {
    id: "ids.rules",
    title: "Ids that contradict each other close with PROTOCOL_VIOLATION",
    spec: SPEC,
    run: async (context) => {
      const first = newId(1).frame;
      const cases: Record<string, readonly Uint8Array[]> = {
        "two ids of one sequence": [first, newId(1).frame],
        "giving up an id that was never given": [retirement(1_000)],
        "giving up the id that carries the packet": [retirement(0)],
      };
      for (const [what, packets] of Object.entries(cases)) {
        await violate(context, {
          what,
          code: Code.PROTOCOL_VIOLATION,
          packets: (connection) => {
            idLimitOf(connection);
            return packets;
          },
        });
      }
    },
  },
];

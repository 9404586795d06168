/**
 * The life of a connection: close, idle timeout, reset, keys, address.
 *
 * @module
 */
import { isEqualConstantTime } from "../../crypto/mod.ts";
import type { Frame } from "../../protocol/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import { check, type Clause, fail, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import { DEFAULT_PARAMETERS } from "../peer/handshake.ts";
import {
  closeFrame,
  pingFrame,
  type RawConnection,
} from "../peer/raw_connection.ts";
import { expectPathResponse } from "../peer/path_probe.ts";
import { Code, violate } from "../peer/violation.ts";
import { PHASE_FLAG } from "../wire/packet_codec.ts";
import { Parameter, type ParameterList } from "../wire/parameter_codec.ts";

/** Idle timeout that the kit announces to see it end, in milliseconds. */
const SHORT_IDLE_MS = 600;

/**
 * Silence after which a connection of that timeout is gone, in milliseconds.
 * The second one leaves room for three probe timeouts without an RTT.
 */
const IDLE_WAITS_MS: readonly number[] = [1_200, 4_500];

/** Idle timeout of a connection that is kept alive, in milliseconds. */
const KEPT_IDLE_MS = 900;

/** Smallest datagram that may be answered with a reset, in bytes. */
const RESETTABLE_BYTES = 49;

/** Packets that a closing node gets. */
const CLOSING_PACKETS = 16;

/** Closes that are sent where one has to arrive. */
const CLOSE_COPIES = 3;

/** How long a closed connection may linger, in milliseconds. */
const LINGER_MS = 3_500;

/** Our parameters with another idle timeout. */
function withIdleTimeout(timeoutMs: number): ParameterList {
  return DEFAULT_PARAMETERS.map(([id, value]) => [
    id,
    id === Parameter.IDLE_TIMEOUT ? timeoutMs : value,
  ]);
}

/** Closes; a close is not acknowledged, so that a lost one goes unnoticed. */
function sendClose(connection: RawConnection): void {
  for (let count = 0; count < CLOSE_COPIES; count++) {
    connection.send(closeFrame(0), { flags: 0 });
  }
}

/** Ends a connection politely and sends to its id until the node has forgotten it. */
async function resetOf(
  context: ClauseContext,
  connection: RawConnection,
): Promise<Uint8Array> {
  const { socket } = connection;
  const { packet } = connection.seal(new Uint8Array(40));
  sendClose(connection);
  const end = systemClock() + LINGER_MS + 6 * context.target.rttMs;
  while (systemClock() < end) {
    socket.send(packet);
    const received = await socket.receive(systemClock() + 100);
    if (received === undefined) continue;
    if (connection.take(received.bytes, received.at, socket) === 0) {
      check(
        received.bytes.length < packet.length,
        `a reset of ${received.bytes.length} bytes answers ${packet.length}`,
      );
      return received.bytes;
    }
  }
  check(false, "a packet of a connection that is over got no reset");
}

/** Clauses about connections. */
export const CONNECTION_CLAUSES: readonly Clause[] = [
  {
    id: "close.draining",
    title:
      "After a close the node answers with one at most, and sends nothing more on the connection",
    spec: "transport.md#states",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      sendClose(connection);
      await connection.listen(5);
      const isClose = ({ frame }: { frame: Frame }): boolean =>
        frame.type === "close";
      const closeCount = connection.frames.filter(isClose).length;
      const before = connection.packetCount - closeCount;
      for (let count = 0; count < 5; count++) connection.send(pingFrame());
      await connection.listen(context.quietMs);
      const closes = connection.frames.filter(isClose);
      check(closes.length <= 1, `${closes.length} closes answered one`);
      const after = connection.packetCount - before - closes.length;
      check(after === 0, `${after} packets came after the close`);
      return closes.length === 0 ? "not answered" : "answered with a close";
    },
  },
  {
    id: "close.answered",
    title: "A closing node answers packets with its close, ever more rarely",
    spec: "transport.md#states",
    run: async (context) => {
      const connection = await violate(context, {
        what: "an unknown frame",
        code: Code.FRAME_ENCODING_ERROR,
        packets: () => [Uint8Array.of(0x7f)],
      });
      const closes = (): number =>
        connection.frames.filter(({ frame }) => frame.type === "close").length;
      await connection.listen(5);
      const before = closes();
      for (let count = 1; count <= CLOSING_PACKETS; count++) {
        connection.send(pingFrame());
        // Not all at once, or one close answers them together.
        if (count % 4 === 0) await connection.listen(10);
      }
      await connection.listen(50);
      const answers = closes() - before;
      check(answers > 0, "packets of a closing connection got no close");
      check(
        answers < CLOSING_PACKETS / 2,
        `${answers} closes came for ${CLOSING_PACKETS} packets`,
      );
      return `${answers} for ${CLOSING_PACKETS} packets`;
    },
  },
  {
    id: "reset.token",
    title:
      "A packet of a connection that is over is answered with its reset token",
    spec: "transport.md#stateless-reset",
    run: async (context) => {
      const connection = await context.connect();
      const token = connection.agreed.parameters.bytes(Parameter.RESET_TOKEN);
      if (token === undefined) skip("the node announces no reset token");
      await connection.ping();
      const reset = await resetOf(context, connection);
      check(
        isEqualConstantTime(reset.subarray(reset.length - 16), token),
        "the reset does not end with the token that the node announced",
      );
      const { packet } = connection.seal(new Uint8Array(), { flags: 0 });
      connection.socket.drain();
      connection.socket.send(packet.subarray(0, RESETTABLE_BYTES - 1));
      const answer = await connection.socket.receive(
        systemClock() + context.quietMs,
      );
      check(answer === undefined, "48 bytes were answered with a reset");
    },
  },
  {
    id: "idle.timeout",
    title: "The smaller of both idle timeouts ends a silent connection",
    spec: "transport.md#transport-parameters",
    run: async (context) => {
      for (const waitMs of IDLE_WAITS_MS) {
        const connection = await context.connect({
          parameters: withIdleTimeout(SHORT_IDLE_MS),
        });
        await connection.ping();
        // Not even an acknowledgement leaves: keep-alives change nothing.
        connection.isAcking = false;
        await connection.listen(waitMs);
        const before = connection.packetCount;
        for (let count = 0; count < 3; count++) connection.send(pingFrame());
        await connection.listen(context.quietMs);
        if (connection.packetCount === before) return;
      }
      fail(
        `the node still answers after ${
          IDLE_WAITS_MS.at(-1)
        } ms of silence, agreed are ${SHORT_IDLE_MS}`,
      );
    },
  },
  {
    id: "idle.kept",
    isTimed: true,
    title:
      "A connection whose packets are acknowledged outlives its idle timeout",
    spec: "transport.md#transport-parameters",
    run: async (context) => {
      const connection = await context.connect({
        parameters: withIdleTimeout(KEPT_IDLE_MS),
      });
      const end = systemClock() + 1.5 * KEPT_IDLE_MS;
      while (systemClock() < end) {
        await connection.ping("the connection ended although packets came");
        await connection.listen(KEPT_IDLE_MS / 6);
      }
    },
  },
  {
    id: "keys.update",
    title: "A key update is followed, in both phases",
    spec: "transport.md#key-update",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      for (const generation of [1, 2, 3]) {
        connection.generation = generation;
        await connection.ping(
          `packets after key update ${generation} are not acknowledged`,
        );
        check(
          connection.peerGeneration === generation,
          `after key update ${generation} the node still sends with the keys of update ${connection.peerGeneration}`,
        );
        const last = connection.frames.at(-1)!.packet;
        check(
          (last.flags & PHASE_FLAG) === (generation % 2) * PHASE_FLAG,
          "the key phase flag of the node does not follow",
        );
      }
    },
  },
  {
    id: "keys.late-packet",
    title: "A packet that was overtaken by a key update still opens",
    spec: "transport.md#key-update",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      const late = connection.seal(pingFrame());
      connection.generation = 1;
      connection.send(pingFrame());
      connection.sendPacket(late.packet);
      await connection.waitFor(
        "a late packet of the previous keys is not acknowledged",
        () => connection.isAcked(late.packetNumber) || undefined,
        {
          withinMs: 1_000 + 2 * context.target.rttMs,
          // The previous keys are not kept for long.
          repeatMs: 40,
          repeat: () => {
            connection.sendPacket(late.packet);
            connection.send(pingFrame());
          },
        },
      );
    },
  },
  {
    id: "keys.forged-phase",
    title: "A forged packet with the other key phase changes nothing",
    spec: "transport.md#key-update",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      const forged = connection.seal(pingFrame(), { generation: 1 });
      forged.packet[forged.packet.length - 1]! ^= 0x01;
      connection.sendPacket(forged.packet);
      await connection.listen(context.quietMs);
      await connection.ping("the connection is gone after a forged key phase");
      check(
        connection.peerGeneration === 0,
        "the node updated its keys because of a forged packet",
      );
    },
  },
  {
    id: "path.challenge",
    title: "A PathChallenge is answered with the same bytes",
    spec: "transport.md#moving",
    run: async (context) => {
      const connection = await context.connect();
      const data = Uint8Array.of(8, 6, 7, 5, 3, 0, 9, 1);
      const challenge = Uint8Array.of(0x50, 0x02, ...data);
      connection.send(challenge);
      const response = await connection.waitFor(
        "a PathChallenge is not answered",
        () =>
          connection.frames.find(({ frame }) => frame.type === "path-response")
            ?.frame,
        { repeat: () => connection.send(challenge) },
      );
      check(
        response.type === "path-response" &&
          isEqualConstantTime(response.data, data),
        "the PathResponse holds other bytes",
      );
    },
  },
  {
    id: "path.migration",
    title:
      "A connection goes on from a new port, which the node asks to prove itself",
    spec: "transport.md#moving",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      const moved = await context.openSocket();
      const until = systemClock() + 3_000;
      await expectPathResponse(connection, moved, until);
      const challenge = connection.frames.find(({ frame, socket }) =>
        frame.type === "path-challenge" && socket === moved
      )?.frame;
      check(
        challenge?.type === "path-challenge",
        "the node does not challenge the new address",
      );
      const response = Uint8Array.of(0x50, 0x03, ...challenge.data);
      const pings: number[] = [];
      while (!pings.some((number) => connection.isAcked(number))) {
        check(systemClock() < until, "nothing comes to the new address");
        connection.send(response, { socket: moved });
        pings.push(connection.send(pingFrame(), { socket: moved }));
        const received = await moved.receive(systemClock() + 200);
        if (received !== undefined) {
          connection.take(received.bytes, received.at, moved);
        }
      }
    },
  },
];

/**
 * The handshake as a whole.
 *
 * @module
 */
import { isEqualConstantTime } from "../../crypto/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import { check, type Clause, fail, skip } from "../clause.ts";
import { pingFrame } from "../peer/raw_connection.ts";
import {
  type HandshakePacket,
  HELLO_BYTES,
  Kind,
} from "../wire/handshake_codec.ts";
import { Parameter } from "../wire/parameter_codec.ts";

const SPEC = "transport.md#handshake";

/** The most that may go to an address that is not proven, per byte received. */
const AMPLIFICATION = 3;

/** How long what an unproven address gets is counted, in milliseconds. */
const LISTEN_MS = 1_000;

/** Largest value of an unbounded transport parameter. */
const MAX_LIMIT = 2 ** 50;

/** Clauses about handshakes. */
export const HANDSHAKE_CLAUSES: readonly Clause[] = [
  {
    id: "handshake.ik",
    title: "Noise IK completes, and packets are acknowledged",
    spec: SPEC,
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      return `round trip ${connection.rttMs.toFixed(2)} ms`;
    },
  },
  {
    id: "handshake.xx",
    title: "Noise XX completes with the same static key",
    spec: SPEC,
    run: async (context) => {
      const connection = await context.connect({ responderKey: undefined });
      await connection.ping();
      check(
        isEqualConstantTime(connection.agreed.peerKey, context.publicKey),
        "the static key that XX proves is not the one that was expected",
      );
    },
  },
  {
    id: "handshake.parameters",
    title: "The node's transport parameters are within their bounds",
    spec: "transport.md#transport-parameters",
    run: async (context) => {
      const { agreed } = await context.connect();
      const bounds: Record<string, [id: number, low: number, high: number]> = {
        "max data": [Parameter.MAX_DATA, 0, MAX_LIMIT],
        "max stream data": [Parameter.MAX_STREAM_DATA, 0, MAX_LIMIT],
        "max bidirectional streams": [Parameter.MAX_BIDI_STREAMS, 0, MAX_LIMIT],
        "max one-way streams": [Parameter.MAX_UNI_STREAMS, 0, MAX_LIMIT],
        "idle timeout": [Parameter.IDLE_TIMEOUT, 10, 2 ** 40],
        "max ack delay": [Parameter.MAX_ACK_DELAY, 0, 16_383],
        "largest datagram": [Parameter.MAX_DATAGRAM, 1_200, 65_535],
      };
      for (const [name, [id, low, high]] of Object.entries(bounds)) {
        const value = agreed.parameters.number(id);
        check(value >= low && value <= high, `${name} is ${value}`);
      }
      const token = agreed.parameters.bytes(Parameter.RESET_TOKEN);
      check(
        token === undefined || token.length === 16,
        `the reset token has ${token?.length} bytes`,
      );
      return `idle timeout ${
        agreed.parameters.number(Parameter.IDLE_TIMEOUT)
      } ms, max ack delay ${
        agreed.parameters.number(Parameter.MAX_ACK_DELAY)
      } ms`;
    },
  },
  {
    id: "handshake.replayed-hello",
    title: "A repeated hello gets the same answer, and no second connection",
    spec: SPEC,
    run: async (context) => {
      const socket = await context.openSocket();
      const handshake = context.handshake();
      if (handshake.rest.length > 0) skip("a hybrid hello is not one datagram");
      const answers: HandshakePacket[] = [];
      let hello = handshake.hello();
      while (answers.length < 2) {
        socket.send(hello);
        const received = await context.receiveHandshake(socket, handshake, {
          repeat: hello,
        });
        if (received === undefined) fail("a repeated hello got no answer");
        const { packet } = received;
        if (packet.kind === Kind.RETRY && answers.length === 0) {
          hello = handshake.hello({ cookie: handshake.readRetry(packet) });
        } else answers.push(packet);
      }
      const [first, second] = answers.map(({ packet }) => packet);
      check(
        isEqualConstantTime(first!, second!),
        "the second answer differs from the first",
      );
      const agreed = handshake.readAnswer(answers[0]!);
      const connection = context.track(socket, agreed, context.target.rttMs);
      await connection.ping("the connection does not come to live");
      socket.drain();
      socket.send(hello);
      const late = await context.receiveHandshake(socket, handshake, {
        withinMs: context.quietMs,
      });
      check(
        late === undefined ||
          isEqualConstantTime(late.packet.packet, first!),
        "a hello repeated after the handshake got an answer of its own",
      );
      await connection.ping("the connection is gone after a repeated hello");
    },
  },
  {
    id: "handshake.confirmation",
    title:
      "A finish with a wrong confirmation is ignored, the right one is taken afterwards",
    spec: SPEC,
    run: async (context) => {
      for (const responderKey of [context.publicKey, undefined]) {
        const socket = await context.openSocket();
        const { agreed, rttMs } = await context.negotiate(
          socket,
          context.handshake({ responderKey }),
        );
        const connection = context.track(socket, agreed, rttMs);
        const { packet } = connection.seal(pingFrame());
        const damaged = agreed.finish.slice();
        damaged[damaged.length - 1]! ^= 0x01;
        socket.send(damaged);
        socket.send(packet);
        await connection.listen(context.quietMs);
        check(
          !connection.isConfirmed,
          "the node took a finish whose confirmation is wrong",
        );
        await connection.ping("the right finish is not taken any more");
      }
    },
  },
  {
    id: "handshake.other-address",
    title: "A finish from another address is ignored",
    spec: "transport.md#moving",
    run: async (context) => {
      const socket = await context.openSocket();
      const { agreed, rttMs } = await context.negotiate(
        socket,
        context.handshake(),
      );
      const connection = context.track(socket, agreed, rttMs);
      const other = await context.openSocket();
      connection.send(pingFrame(), { socket: other });
      await connection.listen(context.quietMs);
      check(
        other.bytesReceived === 0 && !connection.isConfirmed,
        "the node completed the handshake from another address",
      );
      await connection.ping("the finish from the right address is not taken");
    },
  },
  {
    id: "handshake.amplification",
    title:
      "An address that is not proven gets at most three times what came from it",
    spec: SPEC,
    run: async (context) => {
      const socket = await context.openSocket();
      const handshake = context.handshake();
      const hello = handshake.hello();
      let sentBytes = 0;
      const end = systemClock() + LISTEN_MS;
      for (let count = 0; count < 2; count++) {
        socket.send(hello);
        sentBytes += HELLO_BYTES;
      }
      while (systemClock() < end) {
        await socket.receive(end);
        check(
          socket.bytesReceived <= AMPLIFICATION * sentBytes,
          `${socket.bytesReceived} bytes came for ${sentBytes}`,
        );
      }
      check(socket.bytesReceived > 0, "nothing came at all");
      return `${socket.bytesReceived} bytes for ${sentBytes}`;
    },
  },
];

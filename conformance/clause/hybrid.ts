/**
 * The hybrid handshake: ML-KEM-768 beside X25519, in two datagrams a message.
 *
 * @module
 */
import { check, type Clause, fail, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import type { Handshake } from "../peer/handshake.ts";
import type { UdpSocket } from "../peer/udp_socket.ts";
import {
  encodeHelloRest,
  type HandshakePacket,
  Kind,
} from "../wire/handshake_codec.ts";

const SPEC = "transport.md#hybrid-handshake";

/** A hello without a cookie that was repeated is answered once more, and late. */
const exceptKind = Kind.RETRY;

/** X25519 + ML-KEM-768 + ChaCha20-Poly1305. */
const HYBRID_SUITE = 3;

/** Begins a hybrid handshake and gets the cookie that every one needs. */
async function beginHybrid(
  context: ClauseContext,
  socket: UdpSocket,
  responderKey: Uint8Array | undefined,
): Promise<{ handshake: Handshake; hello: Uint8Array }> {
  const handshake = context.handshake({
    suites: [HYBRID_SUITE],
    responderKey,
  });
  const hello = handshake.hello();
  socket.send(hello);
  const received = await context.receiveHandshake(socket, handshake, {
    repeat: hello,
  });
  if (received === undefined) fail("a hello of suite 3 got no answer");
  const { packet } = received;
  if (packet.kind === Kind.REFUSAL) {
    handshake.readSuiteRefusal(packet);
    skip("the node does not take suite 3");
  }
  check(
    packet.kind === Kind.RETRY,
    `a hello of suite 3 without a cookie was answered with a packet of kind ${packet.kind}`,
  );
  const cookie = handshake.readRetry(packet);
  return { handshake, hello: handshake.hello({ cookie }) };
}

/** Sends both datagrams of a hello and waits for both of the answer. */
async function finishHybrid(
  context: ClauseContext,
  socket: UdpSocket,
  { handshake, hello }: { handshake: Handshake; hello: Uint8Array },
): Promise<void> {
  const rest = encodeHelloRest(handshake.connectionId, handshake.rest);
  const parts = new Map<number, HandshakePacket>();
  for (let attempt = 0; attempt < 4 && parts.size < 2; attempt++) {
    socket.send(hello);
    socket.send(rest);
    for (let count = 0; count < 2; count++) {
      const received = await context.receiveHandshake(socket, handshake, {
        withinMs: 400 + 2 * context.target.rttMs,
        exceptKind,
      });
      if (received === undefined) break;
      parts.set(received.packet.kind, received.packet);
    }
  }
  const answer = parts.get(Kind.ANSWER);
  const answerRest = parts.get(Kind.ANSWER_REST);
  if (answer === undefined || answerRest === undefined) {
    fail(`of the answer only packets of kind ${[...parts.keys()]} came`);
  }
  const agreed = handshake.readAnswer(answer, answerRest);
  const connection = context.track(socket, agreed, context.target.rttMs);
  await connection.ping("a hybrid connection does not come to live");
}

/** Clauses about the hybrid handshake. */
export const HYBRID_CLAUSES: readonly Clause[] = [
  {
    id: "hybrid.handshake",
    title: "Hybrid IK and XX complete, with a cookie always",
    spec: SPEC,
    run: async (context) => {
      for (const responderKey of [context.publicKey, undefined]) {
        const socket = await context.openSocket();
        const begun = await beginHybrid(context, socket, responderKey);
        await finishHybrid(context, socket, begun);
      }
    },
  },
  {
    id: "hybrid.rest",
    title:
      "A HelloRest that does not fit is dropped, the right one is taken afterwards",
    spec: SPEC,
    run: async (context) => {
      const socket = await context.openSocket();
      const begun = await beginHybrid(context, socket, context.publicKey);
      const { handshake, hello } = begun;
      const damaged = handshake.rest.slice();
      damaged[0]! ^= 0x01;
      socket.send(encodeHelloRest(handshake.connectionId, handshake.rest));
      socket.send(hello);
      socket.send(encodeHelloRest(handshake.connectionId, damaged));
      const early = await context.receiveHandshake(socket, handshake, {
        withinMs: context.quietMs,
        exceptKind,
      });
      check(
        early === undefined,
        `half a message was answered with a packet of kind ${early?.packet.kind}`,
      );
      await finishHybrid(context, socket, begun);
    },
  },
];

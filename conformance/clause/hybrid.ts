/**
 * The hybrid handshake: ML-KEM-768 beside X25519, in two datagrams a message.
 *
 * @module
 */
import { check, type Clause, fail, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import type { Handshake } from "../peer/handshake.ts";
import type { UdpSocket } from "../peer/udp_socket.ts";
import { encodeHelloRest, Kind } from "../wire/handshake_codec.ts";

const SPEC = "transport.md#hybrid-handshake";

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

/** Completes a hybrid handshake, and uses the connection. */
async function finishHybrid(
  context: ClauseContext,
  socket: UdpSocket,
  { handshake, hello }: { handshake: Handshake; hello: Uint8Array },
): Promise<void> {
  const agreed = await context.negotiateHybrid(socket, handshake, hello);
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
        // A hello without a cookie that was repeated is answered once more.
        exceptKind: Kind.RETRY,
      });
      check(
        early === undefined,
        `half a message was answered with a packet of kind ${early?.packet.kind}`,
      );
      await finishHybrid(context, socket, begun);
    },
  },
];

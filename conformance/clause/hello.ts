/**
 * What a node does with a hello, before any Diffie-Hellman and after.
 *
 * @module
 */
import { generateKeyPair } from "../../crypto/mod.ts";
import { ByteReader } from "../../internal/byte_reader.ts";
import { systemRandom } from "../../transport/mod.ts";
import { check, type Clause, fail } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import {
  DEFAULT_PARAMETERS,
  type Handshake,
  VERSION,
} from "../peer/handshake.ts";
import type { UdpSocket } from "../peer/udp_socket.ts";
import {
  finishHello,
  type HandshakePacket,
  HEADER_BYTES,
  HELLO_BYTES,
  Kind,
} from "../wire/handshake_codec.ts";
import { Parameter } from "../wire/parameter_codec.ts";

/** A version that nobody speaks. */
const UNKNOWN_VERSION = 0x6d787076;

const SPEC = "transport.md#handshake";

/** Sends a datagram until a handshake packet of a kind comes. */
async function expectKind(
  context: ClauseContext,
  handshake: Handshake,
  datagram: Uint8Array,
  kind: number,
  what: string,
): Promise<{ packet: HandshakePacket; body: Uint8Array; socket: UdpSocket }> {
  const socket = await context.openSocket();
  socket.send(datagram);
  const received = await context.receiveHandshake(socket, handshake, {
    repeat: datagram,
    withinMs: 2_000,
  });
  if (received === undefined) fail(`${what} got no answer`);
  check(
    received.packet.kind === kind,
    `${what} was answered with a packet of kind ${received.packet.kind}, not ${kind}`,
  );
  const { packet } = received;
  return { packet, body: packet.body, socket };
}

/** A suite beside the one that the node takes. */
function otherSuite({ target }: ClauseContext): number {
  return target.suite === 1 ? 2 : 1;
}

/** Clauses about hellos. */
export const HELLO_CLAUSES: readonly Clause[] = [
  {
    id: "version.negotiation",
    title: "A hello of an unknown version is answered with the versions spoken",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake();
      const hello = handshake.hello({ version: UNKNOWN_VERSION });
      const { body, socket } = await expectKind(
        context,
        handshake,
        hello,
        Kind.VERSIONS,
        "a hello of an unknown version",
      );
      const reader = new ByteReader(body);
      const versions = Array.from({ length: reader.u8() }, () => reader.u32());
      check(
        !reader.isFailed && reader.remaining === 0 && versions.length > 0,
        "the VersionNegotiation does not fit its layout",
      );
      check(
        versions.includes(VERSION),
        `it lists ${versions.join(", ")}, without version ${VERSION}`,
      );
      check(
        !versions.includes(UNKNOWN_VERSION),
        "it lists the version of the hello",
      );
      check(
        socket.largestBytes < HELLO_BYTES,
        `it has ${socket.largestBytes} bytes: not smaller than the hello`,
      );
      return `versions ${versions.join(", ")}`;
    },
  },
  {
    id: "hello.too-short",
    title: "A hello in a datagram below 1,200 bytes is ignored",
    spec: SPEC,
    run: async (context) => {
      for (const version of [VERSION, UNKNOWN_VERSION]) {
        const handshake = context.handshake();
        await context.expectNoAnswer(
          `a hello of version ${version} and 1,199 bytes`,
          handshake,
          () => handshake.hello({ version, datagramBytes: HELLO_BYTES - 1 }),
        );
      }
    },
  },
  {
    id: "hello.not-alone",
    title: "A hello that does not fill its datagram is ignored",
    spec: "transport.md#packets",
    run: async (context) => {
      const handshake = context.handshake();
      const datagram = new Uint8Array(HELLO_BYTES + 40);
      datagram.set(handshake.hello());
      await context.expectNoAnswer(
        "a hello with bytes behind it",
        handshake,
        () => datagram,
      );
    },
  },
  {
    id: "hello.checksum",
    title: "A hello whose checksum is wrong is ignored",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake();
      const hello = handshake.hello();
      hello[hello.length - 1]! ^= 0x01;
      await context.expectNoAnswer("a damaged hello", handshake, () => hello);
    },
  },
  {
    id: "hello.mac-xx",
    title: "A hello of the pattern XX whose MAC is wrong is ignored",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake({ responderKey: undefined });
      const hello = handshake.hello();
      hello[hello.length - 9]! ^= 0x01;
      finishHello(hello);
      await context.expectNoAnswer(
        "a hello with a wrong MAC",
        handshake,
        () => hello,
      );
    },
  },
  {
    id: "hello.mac-ik",
    title: "A hello whose MAC is wrong is never answered with a ResponderHello",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake();
      const hello = handshake.hello();
      hello[hello.length - 9]! ^= 0x01;
      finishHello(hello);
      await expectKind(
        context,
        handshake,
        hello,
        Kind.REFUSAL,
        "a hello with a wrong MAC and a right checksum",
      );
    },
  },
  {
    id: "hello.wrong-key",
    title: "A hello made for another static key is refused with reason 1",
    spec: SPEC,
    run: async (context) => {
      const other = generateKeyPair(systemRandom).publicKey;
      const handshake = context.handshake({ responderKey: other });
      const { body } = await expectKind(
        context,
        handshake,
        handshake.hello(),
        Kind.REFUSAL,
        "a hello for another key",
      );
      check(body.length === 1 && body[0] === 1, `its reason is ${body[0]}`);
    },
  },
  {
    id: "hello.suite-preference",
    title: "Only a hello that uses the preferred one of its suites is taken",
    spec: SPEC,
    run: async (context) => {
      const kinds: number[] = [];
      const { suite } = context.target;
      const other = otherSuite(context);
      for (const suites of [[suite, other], [other, suite]]) {
        const socket = await context.openSocket();
        const handshake = context.handshake({ suites });
        const hello = handshake.hello();
        socket.send(hello);
        const received = await context.receiveHandshake(socket, handshake, {
          repeat: hello,
        });
        if (received === undefined) {
          fail(`a hello with the suites ${suites} got no answer`);
        }
        const { kind } = received.packet;
        if (kind === Kind.REFUSAL) {
          const named = handshake.readSuiteRefusal(received.packet);
          const next = named.find((suite) => suites.includes(suite));
          check(
            next === suites[1],
            `the refusal of suite ${suites[0]} names the suites ${named}`,
          );
        }
        kinds.push(kind === Kind.RETRY ? Kind.ANSWER : kind);
      }
      check(
        kinds.toSorted().join() === [Kind.ANSWER, Kind.REFUSAL].join(),
        `the suites ${suite}, ${other} and ${other}, ${suite} were answered with packets of kind ${
          kinds.join(" and ")
        }`,
      );
      return `prefers suite ${kinds[0] === Kind.ANSWER ? suite : other}`;
    },
  },
  {
    id: "hello.unknown-suite",
    title:
      "A hello that uses an unknown suite is refused, one that only lists it is not",
    spec: SPEC,
    run: async (context) => {
      const { suite } = context.target;
      const unknown = context.handshake({ suites: [0xf0, suite] });
      const { packet } = await expectKind(
        context,
        unknown,
        unknown.hello(),
        Kind.REFUSAL,
        "a hello that uses suite 0xf0",
      );
      const named = unknown.readSuiteRefusal(packet);
      check(
        named.includes(suite),
        `the refusal names the suites ${named}, not ${suite}`,
      );
      await context.connect({ suites: [suite, 0xf0] });
    },
  },
  {
    id: "hello.downgrade",
    title: "A hello whose suites were changed on the way is not taken",
    spec: SPEC,
    run: async (context) => {
      // The initiator listed two suites; somebody took the second one out and
      // made the MAC anew, as anybody can who knows the node's public key.
      const handshake = context.handshake({
        prologue: { suites: [context.target.suite, otherSuite(context)] },
      });
      await context.expectNoAnswer(
        "a hello whose list of suites differs from the prologue",
        handshake,
        (cookie) => handshake.hello(cookie),
      );
    },
  },
  {
    id: "hello.noise",
    title: "A hello whose Noise message does not authenticate is ignored",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake();
      const noise = handshake.fields.noise.slice();
      noise[noise.length - 1]! ^= 0x01;
      await context.expectNoAnswer(
        "a hello with a damaged Noise message",
        handshake,
        (cookie) => handshake.hello({ ...cookie, noise }),
      );
    },
  },
  {
    id: "hello.small-order-key",
    title: "A hello with an ephemeral key of small order is ignored",
    spec: "crypto.md#primitives",
    run: async (context) => {
      const handshake = context.handshake();
      const noise = handshake.fields.noise.slice();
      noise.fill(0, 0, 32);
      await context.expectNoAnswer(
        "a hello with an all-zero ephemeral key",
        handshake,
        (cookie) => handshake.hello({ ...cookie, noise }),
      );
    },
  },
  {
    id: "hello.parameters",
    title:
      "A hello whose transport parameters are invalid is ignored, unknown ones are skipped",
    spec: "transport.md#transport-parameters",
    run: async (context) => {
      const invalid = {
        "a repeated parameter": [
          ...DEFAULT_PARAMETERS,
          [Parameter.MAX_DATA, 1] as const,
        ],
        "no idle timeout": DEFAULT_PARAMETERS.filter(([id]) =>
          id !== Parameter.IDLE_TIMEOUT
        ),
        "a largest datagram of 1,199 bytes": DEFAULT_PARAMETERS.map((
          [id, value],
        ) => [id, id === Parameter.MAX_DATAGRAM ? 1_199 : value] as const),
      };
      for (const [what, parameters] of Object.entries(invalid)) {
        const handshake = context.handshake({ parameters });
        await context.expectNoAnswer(
          `a hello with ${what}`,
          handshake,
          (cookie) => handshake.hello(cookie),
        );
      }
      await context.connect({
        parameters: [...DEFAULT_PARAMETERS, [0x2fff, new Uint8Array(5)]],
      });
    },
  },
  {
    id: "hello.id",
    title: "A hello whose initiator chose the id of hellos is ignored",
    spec: "transport.md#packets",
    run: async (context) => {
      for (const version of [VERSION, UNKNOWN_VERSION]) {
        const connectionId = new Uint8Array(8);
        const handshake = context.handshake({ connectionId });
        await context.expectNoAnswer(
          `a hello of version ${version} with the initiator's id 0`,
          handshake,
          (cookie) => handshake.hello({ ...cookie, version }),
        );
      }
    },
  },
  {
    id: "hello.kind",
    title: "A packet with connection id 0 that is no hello is ignored",
    spec: SPEC,
    run: async (context) => {
      const handshake = context.handshake();
      for (const kind of [0, Kind.ANSWER, Kind.FINISH, 0xff]) {
        const hello = handshake.hello();
        hello[HEADER_BYTES] = kind;
        finishHello(hello, handshake.fields.macKey);
        await context.expectNoAnswer(
          `a packet of kind ${kind}`,
          handshake,
          () => hello,
        );
      }
    },
  },
];

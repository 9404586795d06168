/**
 * Protected packets: what is dropped without a word, and what is acknowledged.
 *
 * @module
 */
import { ByteWriter } from "../../internal/byte_writer.ts";
import { encodePaddingFrame } from "../../protocol/mod.ts";
import { systemClock } from "../../transport/mod.ts";
import { check, type Clause, skip } from "../clause.ts";
import type { ClauseContext } from "../context.ts";
import {
  pingFrame,
  type RawConnection,
  written,
} from "../peer/raw_connection.ts";
import { callMessage, request } from "../peer/requests.ts";
import { Parameter } from "../wire/parameter_codec.ts";
import { ELICITING_FLAG, PROBE_FLAG } from "../wire/packet_codec.ts";

const PROTECTION = "transport.md#packet-protection";
const ACKS = "transport.md#acknowledgement-and-loss";

/** What an acknowledgement may take beside the announced delay, in milliseconds. */
const ACK_MARGIN_MS = 30;

/** Pings of which the fastest acknowledgement counts: the rest may be the machine's. */
const ACK_SAMPLES = 6;

/** How long an acknowledgement is waited for, in milliseconds. */
const LONGEST_ACK_MS = 700;

/** A packet that every path carries, in bytes. */
const EVERY_PATH_BYTES = 1_200;

/** What a packet adds to its frames, in bytes. */
const OVERHEAD_BYTES = 48;

/**
 * The delay that the node itself reports for lone pings: of the quickest quarter,
 * for a machine that is busy adds to most of them.
 */
async function quickReportedMs(
  connection: RawConnection,
  flags: number,
): Promise<number> {
  const delays: number[] = [];
  for (let count = 0; count < ACK_SAMPLES; count++) {
    const before = connection.frames.length;
    await connection.deliver(pingFrame(), "a ping is not acknowledged", {
      flags,
    });
    for (const { frame } of connection.frames.slice(before)) {
      if (frame.type === "ack") delays.push(frame.delayMicros / 1000);
    }
  }
  return delays.toSorted((a, b) => a - b)[delays.length >>> 2] ?? Infinity;
}

/** How long the node may hold back an acknowledgement, as it announces it. */
function announcedDelayOf(connection: RawConnection): number {
  return connection.agreed.parameters.number(Parameter.MAX_ACK_DELAY);
}

/** A connection whose node may hold acknowledgements back for long enough. */
async function connectWithDelay(context: ClauseContext): Promise<{
  readonly connection: RawConnection;
  readonly announcedMs: number;
}> {
  const connection = await context.connect();
  const announcedMs = announcedDelayOf(connection);
  if (announcedMs < 2) skip("the announced delay is too short to tell");
  return { connection, announcedMs };
}

/** Clauses about packets. */
export const PACKET_CLAUSES: readonly Clause[] = [
  {
    id: "packet.tag",
    title: "A packet whose tag is wrong is dropped, and the connection lives",
    spec: PROTECTION,
    run: async (context) => {
      const connection = await context.connect();
      const { packet, packetNumber } = connection.seal(pingFrame());
      packet[packet.length - 1]! ^= 0x01;
      connection.sendPacket(packet);
      await connection.listen(context.quietMs);
      check(
        connection.close === undefined,
        "the node closed because of a forged packet",
      );
      await connection.ping("the connection is gone after a forged packet");
      check(
        !connection.isAcked(packetNumber),
        "the node acknowledged a packet whose tag is wrong",
      );
    },
  },
  {
    id: "packet.header",
    title: "A packet whose header was changed on the way is dropped",
    spec: PROTECTION,
    run: async (context) => {
      const connection = await context.connect();
      const numbers: number[] = [];
      // Flags, packet number, reserved byte, nonce: all are authenticated.
      for (const at of [8, 16, 17, 20, 31]) {
        const { packet, packetNumber } = connection.seal(pingFrame());
        packet[at]! ^= 0x01;
        connection.sendPacket(packet);
        numbers.push(packetNumber);
      }
      await connection.listen(context.quietMs);
      await connection.ping("the connection is gone after changed headers");
      const taken = numbers.filter((number) => connection.isAcked(number));
      check(taken.length === 0, `the node took ${taken.length} of 5`);
    },
  },
  {
    id: "packet.replay",
    title: "A packet that came before is dropped",
    spec: PROTECTION,
    run: async (context) => {
      const connection = await context.connect();
      const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      const challenge = (): Uint8Array =>
        connection.seal(Uint8Array.of(0x50, 0x02, ...data)).packet;
      const packets = [challenge()];
      const responses = (): number =>
        connection.frames.filter(({ frame }) => frame.type === "path-response")
          .length;
      connection.sendPacket(packets[0]!);
      await connection.waitFor(
        "a PathChallenge is not answered",
        () => responses() > 0 || undefined,
        {
          repeat: () => {
            packets.push(challenge());
            connection.sendPacket(packets.at(-1)!);
          },
        },
      );
      await connection.ping();
      for (let count = 0; count < 3; count++) {
        for (const packet of packets) connection.sendPacket(packet);
      }
      await connection.listen(context.quietMs);
      await connection.ping("the connection is gone after a replay");
      check(
        responses() <= packets.length,
        `${packets.length} packets were processed ${responses()} times`,
      );
    },
  },
  {
    id: "packet.coalesced",
    title: "Several packets in one datagram are all taken",
    spec: "transport.md#packets",
    run: async (context) => {
      const connection = await context.connect();
      const first = connection.seal(pingFrame());
      const second = connection.seal(pingFrame());
      const datagram = new Uint8Array(
        first.packet.length + second.packet.length,
      );
      datagram.set(first.packet);
      datagram.set(second.packet, first.packet.length);
      connection.socket.send(datagram);
      await connection.waitFor(
        "two packets in one datagram are not both acknowledged",
        () =>
          connection.isAcked(first.packetNumber) &&
            connection.isAcked(second.packetNumber) || undefined,
        {
          repeat: () => {
            connection.socket.send(datagram);
            connection.send(pingFrame());
          },
        },
      );
    },
  },
  {
    id: "packet.padding",
    title:
      "Padding means nothing: alone it is not acknowledged, around a ping it is",
    spec: "frames.md#padding",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      const alone = connection.send(new Uint8Array(20), { flags: 0 });
      await connection.listen(context.quietMs);
      check(
        !connection.isAcked(alone),
        "a packet of padding alone was acknowledged by itself",
      );
      const padded = written((writer) => {
        encodePaddingFrame(writer, 5);
        writer.bytes(pingFrame());
        encodePaddingFrame(writer, 500);
      });
      await connection.deliver(padded, "a padded ping is not acknowledged");
    },
  },
  {
    id: "packet.flags",
    title:
      "The node's packets have the flags of their frames, no reserved ones, and 0 as reserved byte",
    spec: "transport.md#packets",
    run: async (context) => {
      const connection = await context.connect();
      // An ack alone, then frames of other kinds: the connection checks each.
      await connection.ping();
      await request(connection, callMessage("mxp.ping"));
      return `${connection.packetCount} packets`;
    },
  },
  {
    id: "packet.size-taken",
    title:
      "Datagrams of 1,200 bytes, and on this machine of the announced size, are taken",
    spec: "transport.md#packet-size",
    run: async (context) => {
      const connection = await context.connect();
      const announced = connection.agreed.parameters.number(
        Parameter.MAX_DATAGRAM,
      );
      const isLocal = /^(127\.|::1$)/.test(context.target.address.hostname);
      const sizes = isLocal
        ? [EVERY_PATH_BYTES, Math.min(announced, 60_000)]
        : [EVERY_PATH_BYTES];
      for (const size of sizes) {
        const writer = new ByteWriter(new Uint8Array(size - OVERHEAD_BYTES));
        writer.bytes(pingFrame());
        encodePaddingFrame(writer, writer.remaining);
        await connection.deliver(
          writer.buffer,
          `a packet of ${size} bytes is not acknowledged`,
        );
      }
      return sizes.map((size) => `${size} bytes`).join(", ");
    },
  },
  {
    id: "packet.size-sent",
    title: "No datagram is larger than what the peer has announced",
    spec: "transport.md#transport-parameters",
    run: async (context) => {
      const connection = await context.connect();
      // Enough packets for a search of larger sizes to begin.
      for (let count = 0; count < 12; count++) await connection.ping();
      await request(
        connection,
        callMessage("mxp.ping", new Uint8Array(20_000)),
      );
      check(
        connection.socket.largestBytes <= EVERY_PATH_BYTES,
        `a datagram of ${connection.socket.largestBytes} bytes came`,
      );
      return `largest ${connection.socket.largestBytes} bytes`;
    },
  },
  {
    id: "ack.delay",
    isTimed: true,
    title: "A lone packet is acknowledged within the announced max ack delay",
    spec: ACKS,
    run: async (context) => {
      const connection = await context.connect();
      const announcedMs = announcedDelayOf(connection);
      await connection.listen(context.quietMs);
      let fastestMs = Infinity;
      for (let count = 0; count <= ACK_SAMPLES; count++) {
        const sentAt = systemClock();
        const number = connection.send(pingFrame());
        const end = sentAt + LONGEST_ACK_MS;
        // Never sent again: two packets are acknowledged at once.
        while (!connection.isAcked(number) && systemClock() < end) {
          await connection.listen(1);
        }
        const delayMs = systemClock() - sentAt;
        // With the first one comes what was waiting already.
        if (count > 0) fastestMs = Math.min(fastestMs, delayMs);
        await connection.listen(20);
      }
      const limitMs = announcedMs + context.target.rttMs + ACK_MARGIN_MS;
      check(
        fastestMs <= limitMs,
        `the fastest of ${ACK_SAMPLES} took ${
          fastestMs.toFixed(1)
        } ms, announced are ${announcedMs} ms`,
      );
      return `${fastestMs.toFixed(1)} ms, announced ${announcedMs} ms`;
    },
  },
  {
    id: "ack.probe",
    title: "A packet with the probe flag is acknowledged at once",
    spec: ACKS,
    run: async (context) => {
      const { connection, announcedMs } = await connectWithDelay(context);
      const delayMs = await quickReportedMs(
        connection,
        ELICITING_FLAG | PROBE_FLAG,
      );
      check(
        delayMs < announcedMs,
        `the node itself reports a delay of ${delayMs} ms`,
      );
    },
  },
  {
    id: "ack.frequency",
    title: "A shorter delay of acknowledgements that the peer asks for is kept",
    spec: ACKS,
    run: async (context) => {
      const { connection, announcedMs } = await connectWithDelay(context);
      // Sequence 0, after 2 packets, after 0 microseconds, after 1 number.
      await connection.deliver(
        Uint8Array.of(0x50, 0x0b, 0, 2, 0, 1),
        "AckFrequency is not acknowledged",
      );
      const delayMs = await quickReportedMs(connection, ELICITING_FLAG);
      check(
        delayMs < announcedMs / 2,
        `the node itself reports a delay of ${delayMs} ms, 0 was asked for`,
      );
    },
  },
  {
    id: "ack.ranges",
    title: "An Ack names exactly the packets that came",
    spec: "frames.md#ack",
    run: async (context) => {
      const connection = await context.connect();
      await connection.ping();
      const base = connection.nextPacketNumber;
      const sent = [0, 1, 4, 7, 8].map((step) => base + step);
      const packets = sent.map((packetNumber) =>
        connection.seal(pingFrame(), { packetNumber }).packet
      );
      const sendAll = (): void => {
        for (const packet of packets) connection.sendPacket(packet);
      };
      sendAll();
      await connection.waitFor(
        "packets after a gap are not all acknowledged",
        () => sent.every((number) => connection.isAcked(number)) || undefined,
        {
          // A copy of what has come is not acknowledged again, a ping is.
          repeat: () => {
            sendAll();
            connection.send(pingFrame());
          },
        },
      );
      const missing = [2, 3, 5, 6].map((step) => base + step)
        .filter((number) => connection.isAcked(number));
      check(
        missing.length === 0,
        `packets that were never sent are acknowledged: ${missing.join(", ")}`,
      );
    },
  },
];

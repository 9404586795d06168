/**
 * Whole transports over the C library, with every mix of ends: run by
 * `ffi_test.ts`, and left out without `--allow-ffi`.
 */
import assert from "node:assert/strict";
import { type Libc, loadLibc } from "../../transport/carrier/linux/libc.ts";
import { LinuxUdpCarrier } from "../../transport/carrier/linux_udp.ts";
import {
  type Carrier,
  createUdpCarrier,
  type EndpointObserver,
  type UdpImplementation,
} from "../../transport/mod.ts";
import {
  echoStreams,
  isEqualBytes,
  patternBytes,
  request,
  withTransports,
} from "../support/transport_pair.ts";

const libc = loadLibc();
const reason = typeof libc === "string" ? ` (${libc})` : "";
/** Many windows, in both directions. */
const BULK_BYTES = 8 * 1024 * 1024;

function bind(implementation: UdpImplementation): Promise<Carrier> {
  return createUdpCarrier({ hostname: "127.0.0.1", port: 0 }, {
    implementation,
  });
}

function test(
  client: UdpImplementation,
  server: UdpImplementation,
  largestBytes: number,
): void {
  Deno.test({
    name: `Transport moves bulk from ${client} to ${server}, in datagrams of ` +
      `${largestBytes} bytes${reason}`,
    ignore: reason !== "",
    fn: async () => {
      let largestSentBytes = 0;
      const observe = (): EndpointObserver => ({
        onDatagramSent: (_now, _to, datagram) => {
          largestSentBytes = Math.max(largestSentBytes, datagram.length);
        },
      });
      await withTransports(async ({ outgoing, incoming }) => {
        echoStreams(incoming);
        const sent = patternBytes(BULK_BYTES);
        assert.ok(isEqualBytes(await request(outgoing, sent), sent));
        assert.equal(largestSentBytes, largestBytes);
        const replies = await Promise.all(
          Array.from(
            { length: 64 },
            (_, index) => request(outgoing, patternBytes(index * 40)),
          ),
        );
        replies.forEach((reply, index) =>
          assert.ok(isEqualBytes(reply, patternBytes(index * 40)))
        );
      }, {
        client: { carrier: await bind(client), observe },
        server: { carrier: await bind(server) },
      });
    },
  });
}

test("linux", "linux", 65_507);
// The buffer that counts is the receiver's.
test("linux", "deno", 28_900);
test("deno", "linux", 65_507);

Deno.test({
  name: `Transport moves bulk in packets held at 1,200 bytes${reason}`,
  ignore: reason !== "",
  fn: async () => {
    const config = { maxDatagramBytes: 1_200 };
    await withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      const sent = patternBytes(BULK_BYTES);
      assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    }, {
      client: { carrier: await bind("linux"), config },
      server: { carrier: await bind("linux"), config },
    });
  },
});

/** Size of an entry of what `sendmmsg` is given, and where its control message is. */
const MESSAGE_BYTES = 64;
const CONTROL_OFFSET = 32;

/** A library that loses what the kernel is to cut, as a device may. */
function loseCut(system: Libc): Libc {
  const isCut = (messages: Uint8Array, index: number): boolean => {
    const at = messages.byteOffset + index * MESSAGE_BYTES + CONTROL_OFFSET;
    return new DataView(messages.buffer).getBigUint64(at, true) !== 0n;
  };
  return {
    ...system,
    sendmmsg: (descriptor, messages, count, flags) => {
      let whole = 0;
      while (whole < count && !isCut(messages, whole)) whole++;
      return whole === 0
        ? 1
        : system.sendmmsg(descriptor, messages, whole, flags);
    },
  };
}

Deno.test({
  name: `Transport moves bulk where all that the system cuts is lost${reason}`,
  ignore: reason !== "",
  fn: async () => {
    const carrier = LinuxUdpCarrier.bind({ hostname: "127.0.0.1", port: 0 }, {
      libc: loseCut(libc as Libc),
    });
    const config = { maxDatagramBytes: 1_200 };
    await withTransports(async ({ outgoing, incoming }) => {
      echoStreams(incoming);
      const sent = patternBytes(BULK_BYTES);
      assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    }, {
      client: { carrier, config },
      server: { carrier: await bind("linux"), config },
    });
  },
});

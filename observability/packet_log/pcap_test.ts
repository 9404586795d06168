import assert from "node:assert/strict";
import fc from "fast-check";
import { readPcap } from "../../tests/support/pcap_reader.ts";
import type { DatagramPath } from "./ip_packet.ts";
import { encodePcapHeader, encodePcapRecord } from "./pcap.ts";

const IPV4: DatagramPath = {
  from: { hostname: "192.0.2.1", port: 4001 },
  to: { hostname: "198.51.100.7", port: 9000 },
};

function fileOf(...records: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from([encodePcapHeader(), ...records].flatMap((part) => [
    ...part,
  ]));
}

function paths(hostnames: readonly [string, string]): string[] {
  const [from, to] = hostnames;
  const path = {
    from: { hostname: from, port: 1 },
    to: { hostname: to, port: 2 },
  };
  const [read] = readPcap(
    fileOf(encodePcapRecord(0, path, Uint8Array.of(1))),
  );
  return [read!.from, read!.to];
}

Deno.test("encodePcapRecord() writes what a reader of the format reads", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  const port = fc.integer({ min: 1, max: 65_535 });
  const end = fc.record({ hostname: address, port });
  fc.assert(fc.property(
    end,
    end,
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 0, max: 4_000_000_000_000 }),
    (from, to, datagram, unixMs) => {
      const read = readPcap(
        fileOf(encodePcapRecord(unixMs, { from, to }, datagram)),
      );
      assert.equal(read.length, 1);
      assert.equal(read[0]!.unixMicros, unixMs * 1000);
      assert.deepEqual(read[0]!.payload, datagram);
      assert.ok(read[0]!.from.endsWith(`:${from.port}`));
      assert.ok(read[0]!.to.endsWith(`:${to.port}`));
    },
  ));
});

Deno.test("encodePcapRecord() keeps addresses, ports, order and microseconds", () => {
  const reverse = { from: IPV4.to, to: IPV4.from };
  const read = readPcap(fileOf(
    encodePcapRecord(1_700_000_000_123.456, IPV4, Uint8Array.of(1, 2, 3)),
    encodePcapRecord(1_700_000_000_124, reverse, new Uint8Array(0)),
  ));
  assert.deepEqual(read.map(({ from, to }) => [from, to]), [
    ["192.0.2.1:4001", "198.51.100.7:9000"],
    ["198.51.100.7:9000", "192.0.2.1:4001"],
  ]);
  assert.equal(read[0]!.unixMicros, 1_700_000_000_123_456);
  assert.deepEqual([...read[0]!.payload], [1, 2, 3]);
});

Deno.test("encodePcapRecord() takes the largest datagram of both families", () => {
  const datagram = new Uint8Array(65_507).fill(0xff);
  const ipv6 = {
    from: { hostname: "2001:db8::1", port: 1 },
    to: { hostname: "2001:db8::2", port: 2 },
  };
  for (const path of [IPV4, ipv6]) {
    const [read] = readPcap(fileOf(encodePcapRecord(0, path, datagram)));
    assert.equal(read!.payload.length, datagram.length);
  }
});

Deno.test("encodePcapRecord() shows a socket that is bound to every address", () => {
  assert.deepEqual(paths(["0.0.0.0", "127.0.0.1"]), [
    "127.0.0.1:1",
    "127.0.0.1:2",
  ]);
  assert.deepEqual(paths(["0.0.0.0", "192.0.2.1"]), [
    "0.0.0.0:1",
    "192.0.2.1:2",
  ]);
  assert.deepEqual(paths(["::", "192.0.2.1"]), ["0.0.0.0:1", "192.0.2.1:2"]);
  assert.deepEqual(paths(["::", "::1"]), [
    "[0:0:0:0:0:0:0:1]:1",
    "[0:0:0:0:0:0:0:1]:2",
  ]);
  assert.deepEqual(paths(["::ffff:192.0.2.9", "192.0.2.1"]), [
    "192.0.2.9:1",
    "192.0.2.1:2",
  ]);
  assert.deepEqual(paths(["memory", "192.0.2.1"]), [
    "0.0.0.0:1",
    "192.0.2.1:2",
  ]);
});

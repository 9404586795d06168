import assert from "node:assert/strict";
import fc from "fast-check";
import { LOOPBACK_DATAGRAM_BYTES } from "./config.ts";
import {
  BLACK_HOLE_LOSSES,
  ETHERNET_IPV4_BYTES,
  ETHERNET_IPV6_BYTES,
  loopbackCeiling,
  MAX_PROBES,
  MtuDiscovery,
  probeCeiling,
} from "./mtu_discovery.ts";
import { kernelBytes, MAX_UNPACED_KERNEL_BYTES } from "./receive_buffer.ts";

/** Runs the search on a path that carries `pathBytes`; how many probes it took. */
function search(discovery: MtuDiscovery, pathBytes: number): number {
  let probes = 0;
  for (;;) {
    const size = discovery.probeBytes;
    if (size === undefined) return probes;
    discovery.onProbeSent();
    assert.equal(discovery.probeBytes, undefined, "one probe at a time");
    probes++;
    if (size <= pathBytes) discovery.onProbeAcked(size);
    else discovery.onProbeLost();
  }
}

Deno.test("MtuDiscovery finds loopback's size with one probe", () => {
  const discovery = new MtuDiscovery(65_507);
  assert.equal(discovery.currentBytes, 1_200);
  assert.equal(search(discovery, 65_535), 1);
  assert.equal(discovery.currentBytes, 65_507);
});

Deno.test("MtuDiscovery settles on the largest candidate that passes, within bounds", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_200, max: 65_507 }),
      fc.integer({ min: 1_200, max: 65_507 }),
      (ceiling, path) => {
        const discovery = new MtuDiscovery(ceiling);
        const probes = search(discovery, path);
        assert.ok(probes <= 8 * MAX_PROBES);
        assert.ok(discovery.currentBytes >= 1_200);
        assert.ok(
          discovery.currentBytes <= Math.max(1_200, Math.min(ceiling, path)),
        );
        if (path >= ceiling && ceiling > 1_200) {
          assert.equal(discovery.currentBytes, ceiling);
        }
      },
    ),
  );
});

Deno.test("MtuDiscovery does not give up a size for one lost probe (RFC 8899 §5.1.2)", () => {
  const discovery = new MtuDiscovery(9_000);
  discovery.onProbeSent();
  discovery.onProbeLost();
  assert.equal(discovery.probeBytes, 9_000);
  discovery.onProbeSent();
  discovery.onProbeAcked(9_000);
  assert.equal(discovery.currentBytes, 9_000);
});

Deno.test("MtuDiscovery falls to the base size in a black hole and finds a smaller one (RFC 8899 §4.3)", () => {
  const discovery = new MtuDiscovery(8_972);
  search(discovery, 8_972);
  const lost = (packetNumber: number): boolean =>
    discovery.onPacketLost({ packetNumber, sizeBytes: 8_000 });
  for (let i = 1; i < BLACK_HOLE_LOSSES; i++) {
    assert.equal(lost(i), false);
    discovery.onPacketAcked({ packetNumber: 100 + i, sizeBytes: 1_100 });
  }
  assert.equal(lost(50), true);
  assert.equal(discovery.currentBytes, 1_200);
  search(discovery, 1_400);
  assert.equal(discovery.currentBytes, 1_360);
});

Deno.test("MtuDiscovery takes a burst of losses before a delivery for congestion", () => {
  const discovery = new MtuDiscovery(8_972);
  search(discovery, 8_972);
  for (let round = 0; round < 100; round++) {
    const first = round * 100;
    discovery.onPacketAcked({ packetNumber: first + 99, sizeBytes: 8_000 });
    for (let i = 0; i < 50; i++) {
      const packetNumber = first + i;
      assert.equal(
        discovery.onPacketLost({ packetNumber, sizeBytes: 8_000 }),
        false,
      );
    }
  }
  assert.equal(discovery.currentBytes, 8_972);
});

Deno.test("probeCeiling() goes past Ethernet on loopback only", () => {
  const at = (hostname: string): number =>
    probeCeiling({ hostname, port: 1 }, 65_507);
  for (
    const hostname of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]
  ) {
    assert.equal(at(hostname), 65_507, hostname);
  }
  assert.equal(at("10.0.0.1"), ETHERNET_IPV4_BYTES);
  assert.equal(at("::ffff:10.0.0.1"), ETHERNET_IPV4_BYTES);
  assert.equal(at("fe80::1"), ETHERNET_IPV6_BYTES);
  assert.equal(at("2001:db8::127"), ETHERNET_IPV6_BYTES);
});

Deno.test("five datagrams of loopback's usual size may be under way, and not one larger by 100 bytes", () => {
  const underWay = (sizeBytes: number) =>
    Math.floor(MAX_UNPACED_KERNEL_BYTES / kernelBytes(sizeBytes));
  assert.equal(underWay(LOOPBACK_DATAGRAM_BYTES), 5);
  assert.equal(underWay(LOOPBACK_DATAGRAM_BYTES + 100), 4);
});

Deno.test("loopbackCeiling() is the largest size of which a receive buffer takes a few", () => {
  assert.equal(loopbackCeiling(), 28_900);
  assert.equal(loopbackCeiling(0), 28_900);
  assert.equal(loopbackCeiling(212_992), 28_900);
  // 4 of 66,339 bytes of kernel memory each are 70 % of 379,081.
  assert.equal(loopbackCeiling(379_000), 28_900);
  assert.equal(loopbackCeiling(379_100), 65_507);
  assert.equal(loopbackCeiling(2_097_152), 65_507);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeSocketAddress,
  encodeSocketAddress,
  familyOf,
  SenderNames,
  SOCKET_ADDRESS_ROOM,
} from "./socket_address.ts";

const SAMPLES = [
  ["127.0.0.1", 9_000, "02002328" + "7f000001" + "00".repeat(8)],
  ["255.254.253.252", 65_535, "0200ffff" + "fffefdfc" + "00".repeat(8)],
  ["::1", 1, "0a000001" + "00".repeat(4) + "00".repeat(15) + "0100000000"],
  [
    "2001:db8::8:800:200c:417a",
    443,
    "0a0001bb" + "00".repeat(4) + "20010db80000000000080800200c417a" +
    "00".repeat(4),
  ],
  [
    "::ffff:192.0.2.1",
    53,
    "0a000035" + "00".repeat(4) + "00".repeat(10) + "ffffc0000201" +
    "00".repeat(4),
  ],
] as const;

Deno.test("encodeSocketAddress() gives the bytes of sockaddr_in and sockaddr_in6, and decodeSocketAddress() takes them", () => {
  for (const [hostname, port, expected] of SAMPLES) {
    const bytes = encodeSocketAddress({ hostname, port });
    assert.ok(bytes);
    assert.equal(bytes.toHex(), expected, hostname);
    const room = new Uint8Array(SOCKET_ADDRESS_ROOM + 4);
    room.set(bytes, 4);
    assert.deepEqual(decodeSocketAddress(room, 4), { hostname, port });
  }
});

Deno.test("encodeSocketAddress() leaves names and zones to the runtime", () => {
  for (const hostname of ["localhost", "", "1.2.3", "fe80::1%eth0", ":"]) {
    assert.equal(encodeSocketAddress({ hostname, port: 1 }), undefined);
  }
});

Deno.test("decodeSocketAddress() writes any IPv6 address so that it is read back", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    (random, mask) => {
      const bytes = new Uint8Array(28);
      bytes[0] = 10;
      // Zeros, so that there is something to abbreviate.
      bytes.set(random.map((byte, at) => mask[at]! & 1 ? byte : 0), 8);
      const address = decodeSocketAddress(bytes, 0);
      assert.ok(address);
      assert.deepEqual(encodeSocketAddress(address), bytes);
    },
  ));
});

Deno.test("decodeSocketAddress() knows no other family", () => {
  assert.equal(decodeSocketAddress(new Uint8Array(32).fill(1), 0), undefined);
});

Deno.test("familyOf() tells an IPv6 address from an IPv4 one", () => {
  assert.equal(familyOf("10.0.0.1"), 2);
  assert.equal(familyOf("::ffff:10.0.0.1"), 10);
});

Deno.test("SenderNames gives each sender its own address, however many there are", () => {
  const room = new Uint8Array(4 * SOCKET_ADDRESS_ROOM);
  const names = new SenderNames(room);
  assert.equal(names.read(0), undefined);
  for (let port = 1; port <= 3_000; port++) {
    const senders = [
      { hostname: "127.0.0.1", port },
      { hostname: `127.0.${port >>> 8}.${port & 0xff}`, port: 7 },
      { hostname: "::1", port },
    ];
    senders.forEach((sender, index) => {
      room.fill(
        0,
        index * SOCKET_ADDRESS_ROOM,
        (index + 1) * SOCKET_ADDRESS_ROOM,
      );
      room.set(encodeSocketAddress(sender)!, index * SOCKET_ADDRESS_ROOM);
    });
    senders.forEach((sender, index) => {
      const first = names.read(index * SOCKET_ADDRESS_ROOM);
      assert.deepEqual(first, sender);
      assert.equal(names.read(index * SOCKET_ADDRESS_ROOM), first);
    });
  }
});

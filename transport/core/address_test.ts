import assert from "node:assert/strict";
import { isLoopback, isSameAddress } from "./address.ts";

function isSame(a: string, b: string): boolean {
  return isSameAddress({ hostname: a, port: 9000 }, {
    hostname: b,
    port: 9000,
  });
}

Deno.test("isSameAddress() compares host and port", () => {
  assert.equal(isSame("192.0.2.1", "192.0.2.1"), true);
  assert.equal(isSame("192.0.2.1", "192.0.2.2"), false);
  const hostname = "fe80::1%eth0";
  assert.equal(
    isSameAddress({ hostname, port: 1 }, { hostname, port: 2 }),
    false,
  );
});

Deno.test("isSameAddress() leaves zones aside, which not every socket reports", () => {
  assert.equal(isSame("fe80::1%eth0", "fe80::1"), true);
  assert.equal(isSame("fe80::1", "fe80::1%eth0"), true);
  assert.equal(isSame("fe80::1%2", "fe80::1%eth0"), true);
  assert.equal(isSame("fe80::1%eth0", "fe80::2"), false);
  assert.equal(isSame("fe80::1%eth0", "fe80::2%eth0"), false);
  assert.equal(isSame("fe80::1%eth0", "fe80::"), false);
});

Deno.test("isLoopback() is true for 127.0.0.0/8 and ::1, also mapped into IPv6", () => {
  for (
    const hostname of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
  ) {
    assert.equal(isLoopback({ hostname, port: 9000 }), true, hostname);
  }
  for (
    const hostname of [
      "10.0.0.1",
      "128.0.0.1",
      "12.7.0.1",
      "::",
      "::12",
      "fe80::1",
      "::ffff:10.0.0.1",
      "127.example.org",
    ]
  ) {
    assert.equal(isLoopback({ hostname, port: 9000 }), false, hostname);
  }
});

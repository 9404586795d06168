import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalHostname,
  formatHostPort,
  formatIp,
  isUnspecified,
  parseHostPort,
  parseIpv4,
  parseIpv6,
} from "./ip_address.ts";

Deno.test("parseIpv4() is the inverse of formatIp() and refuses other text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      assert.deepEqual(parseIpv4(formatIp(bytes)), Uint8Array.from(bytes));
    }),
  );
  const others = [
    "",
    "1.2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    "256.0.0.1",
    "1.2.3.x",
    "1..2.3",
  ];
  for (const text of others) assert.equal(parseIpv4(text), undefined);
});

Deno.test("parseIpv6() is the inverse of formatIp() and refuses other text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      bytes[0]! |= 0x20;
      assert.deepEqual(parseIpv6(formatIp(bytes)), Uint8Array.from(bytes));
    }),
  );
  assert.equal(formatIp(parseIpv6("2001:DB8:0:0::1")!), "2001:db8::1");
  assert.equal(formatIp(parseIpv6("::")!), "::");
  const others = [
    "",
    "1.2.3.4",
    ":::",
    "1:2",
    "g::1",
    "::1]/@[::1",
    "fe80::1%eth0",
  ];
  for (const text of others) assert.equal(parseIpv6(text), undefined);
});

Deno.test("canonicalHostname() writes a mapped IPv4 address as IPv4 and leaves names", () => {
  assert.equal(canonicalHostname("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(canonicalHostname("0:0::1"), "::1");
  assert.equal(canonicalHostname("agents.example.org"), "agents.example.org");
});

Deno.test("isUnspecified() knows both families", () => {
  assert.equal(isUnspecified("0.0.0.0"), true);
  assert.equal(isUnspecified("::"), true);
  assert.equal(isUnspecified("127.0.0.1"), false);
  assert.equal(isUnspecified("localhost"), false);
});

Deno.test("parseHostPort() reads names, IPv4, IPv6 in brackets and a bare port", () => {
  assert.deepEqual(parseHostPort("a.example:1"), {
    hostname: "a.example",
    port: 1,
  });
  assert.deepEqual(parseHostPort("192.0.2.1:65535"), {
    hostname: "192.0.2.1",
    port: 65_535,
  });
  assert.deepEqual(parseHostPort("[::1]:9000"), {
    hostname: "::1",
    port: 9000,
  });
  assert.deepEqual(parseHostPort(":0"), { hostname: "", port: 0 });
  const others = [
    "",
    "a",
    "a:",
    "a:65536",
    "::1:9000",
    "[::1]",
    "[x]:1",
    "a b:1",
    "a:1x",
  ];
  for (const text of others) assert.equal(parseHostPort(text), undefined);
  assert.equal(formatHostPort({ hostname: "::1", port: 9 }), "[::1]:9");
  assert.equal(formatHostPort({ hostname: "a", port: 9 }), "a:9");
});

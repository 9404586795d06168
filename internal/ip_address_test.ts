import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatIpv6,
  IPV6_LENGTH,
  mappedIpv4,
  parseIpv4,
  parseIpv6,
} from "./ip_address.ts";

Deno.test("parseIpv4() and parseIpv6() read addresses and nothing else", () => {
  assert.deepEqual([...parseIpv4("192.0.2.255")!], [192, 0, 2, 255]);
  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.4.",
      "1.2.3.256",
      "1.2.3.04",
      "01.2.3.4",
      "00.0.0.0",
      "::1",
      "a.b.c.d",
    ]
  ) {
    assert.equal(parseIpv4(text), undefined, text);
  }
  assert.equal(parseIpv6("2001:db8::1")![1], 1);
  assert.equal(parseIpv6("2001:db8::1")![15], 1);
  for (const text of ["", "1.2.3.4", ":::", "fe80::1%eth0", "[::1]"]) {
    assert.equal(parseIpv6(text), undefined, text);
  }
});

Deno.test("mappedIpv4() finds the IPv4 address in an IPv6 one", () => {
  assert.deepEqual([...mappedIpv4(parseIpv6("::ffff:192.0.2.1")!)!], [
    192,
    0,
    2,
    1,
  ]);
  assert.equal(mappedIpv4(parseIpv6("::1")!), undefined);
  assert.equal(mappedIpv4(parseIpv4("192.0.2.1")!), undefined);
});

Deno.test("formatIpv6() writes the spelling of sockets, and parseIpv6() reads it (RFC 5952)", () => {
  for (
    const [text, expected] of [
      ["::", "::"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
      ["::ffff:c000:201", "::ffff:192.0.2.1"],
      ["0:0:0:0:0:FFFF:192.0.2.1", "::ffff:192.0.2.1"],
      ["::fffe:c000:201", "::fffe:c000:201"],
    ] as const
  ) assert.equal(formatIpv6(parseIpv6(text)!), expected);
  fc.assert(fc.property(
    fc.uint8Array({ minLength: IPV6_LENGTH, maxLength: IPV6_LENGTH }),
    (bytes) => {
      assert.deepEqual(parseIpv6(formatIpv6(bytes)), Uint8Array.from(bytes));
    },
  ));
});

import assert from "node:assert/strict";
import { mappedIpv4, parseIpv4, parseIpv6 } from "./ip_address.ts";

Deno.test("parseIpv4() and parseIpv6() read addresses and nothing else", () => {
  assert.deepEqual([...parseIpv4("192.0.2.255")!], [192, 0, 2, 255]);
  for (const text of ["", "1.2.3", "1.2.3.4.", "1.2.3.256", "::1", "a.b.c.d"]) {
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

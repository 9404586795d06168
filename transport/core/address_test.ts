import assert from "node:assert/strict";
import { isLoopback } from "./address.ts";

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

import assert from "node:assert/strict";
import type { Address } from "./core/address.ts";
import { TransportError } from "./core/error.ts";
import {
  movableAddress,
  reachableAddress,
  resolveHostname,
} from "./name_resolver.ts";

function reach(candidates: string[], local: string): string {
  return reachableAddress({ hostname: "peer", port: 9000 }, candidates, {
    hostname: local,
    port: 1,
  }).hostname;
}

Deno.test("resolveHostname() passes numeric addresses through, IPv6 in the spelling of sockets", async () => {
  for (const address of ["192.0.2.1", "0.0.0.0", "255.255.255.255"]) {
    assert.deepEqual(await resolveHostname(address), [address]);
  }
  assert.deepEqual(await resolveHostname("2001:DB8:0:0::1"), ["2001:db8::1"]);
  for (
    const mapped of [
      "::ffff:192.0.2.1",
      "::FFFF:192.0.2.1",
      "0:0:0:0:0:ffff:192.0.2.1",
      "::ffff:c000:201",
      "::ffff:C000:0201",
    ]
  ) {
    assert.deepEqual(await resolveHostname(mapped), ["::ffff:192.0.2.1"]);
  }
  assert.deepEqual(await resolveHostname("64:ff9b::1.2.3.4"), [
    "64:ff9b::102:304",
  ]);
  assert.deepEqual(await resolveHostname("FE80:0::1%eth0"), ["fe80::1%eth0"]);
});

Deno.test("resolveHostname() throws CARRIER_FAILED for what is no address", async () => {
  for (
    const hostname of [
      "256.0.0.1",
      // Octal, and there is no such digit.
      "127.0.0.08",
      "1::2::3",
      "::ffff:127.0.0.01",
      "1::2::3%eth0",
      "nowhere.invalid",
      "",
    ]
  ) {
    await assert.rejects(
      resolveHostname(hostname),
      (error) =>
        error instanceof TransportError && error.code === "CARRIER_FAILED",
      hostname,
    );
  }
});

Deno.test("reachableAddress() picks the first address of the socket's family", () => {
  const both = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
  assert.equal(reach(both, "0.0.0.0"), "192.0.2.1");
  assert.equal(reach(both, "::1"), "2001:db8::1");
  assert.equal(reach(both, "::"), "2001:db8::1");
});

Deno.test("reachableAddress() writes IPv4 as IPv6 for a socket bound to ::", () => {
  assert.equal(reach(["192.0.2.1"], "::"), "::ffff:192.0.2.1");
});

Deno.test("reachableAddress() writes a wildcard as the loopback of its family", () => {
  assert.equal(reach(["0.0.0.0"], "0.0.0.0"), "127.0.0.1");
  assert.equal(reach(["0.0.0.0"], "127.0.0.1"), "127.0.0.1");
  assert.equal(reach(["0.0.0.0"], "::"), "::ffff:127.0.0.1");
  assert.equal(reach(["::ffff:0.0.0.0"], "::"), "::ffff:127.0.0.1");
  assert.equal(reach(["::"], "::"), "::1");
});

Deno.test("reachableAddress() says what to bind for a name that has IPv6 addresses only", () => {
  const target = { hostname: "six.example", port: 9_000 };
  const local = { hostname: "0.0.0.0", port: 5 };
  assert.throws(() => reachableAddress(target, ["2001:db8::1"], local), {
    code: "CARRIER_FAILED",
    message: "Connect: six.example:9000 has no IPv4 address, and the socket " +
      "at 0.0.0.0:5 reaches no other; one that is bound to [::]:0 reaches both",
  });
  const wildcard = { hostname: "::", port: 5 };
  assert.deepEqual(reachableAddress(target, ["2001:db8::1"], wildcard), {
    hostname: "2001:db8::1",
    port: 9_000,
  });
});

Deno.test("reachableAddress() throws CARRIER_FAILED when there is none", () => {
  for (
    const [candidates, local] of [
      [["192.0.2.1"], "::1"],
      [["2001:db8::1"], "0.0.0.0"],
      [[], "::"],
    ] as const
  ) {
    assert.throws(
      () => reach([...candidates], local),
      (error) =>
        error instanceof TransportError && error.code === "CARRIER_FAILED",
    );
  }
});

Deno.test("movableAddress() picks the first address of the family before, or throws CARRIER_FAILED", () => {
  const both = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
  const before = (hostname: string): Address => ({ hostname, port: 1 });
  assert.equal(movableAddress("here", both, before("0.0.0.0")), "192.0.2.1");
  assert.equal(movableAddress("here", both, before("::1")), "2001:db8::1");
  for (const hostname of ["::1", "::"]) {
    assert.throws(
      () => movableAddress("here", ["192.0.2.1"], before(hostname)),
      (error) =>
        error instanceof TransportError && error.code === "CARRIER_FAILED" &&
        error.fault === "caller",
    );
  }
});

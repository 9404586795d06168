import type { Address } from "../../transport/core/address.ts";
import { MemoryNetwork } from "../../transport/carrier/memory.ts";
import { hasDenoUdp } from "../../transport/carrier/deno_udp.ts";
import { loadLibc } from "../../transport/carrier/linux/libc.ts";
import {
  createUdpCarrier,
  type UdpImplementation,
} from "../../transport/carrier/udp.ts";
import { testCarrier } from "./carrier_conformance.ts";

async function canBind(hostname: string): Promise<boolean> {
  try {
    const carrier = await createUdpCarrier({ hostname, port: 0 });
    await carrier.close();
    return true;
  } catch {
    return false;
  }
}

const network = new MemoryNetwork();
testCarrier({
  name: "MemoryNetwork",
  hostname: "127.0.0.1",
  create: (address) => network.createCarrier(address),
});

const hasIpv6 = await canBind("::1");
for (const implementation of ["linux", "deno", "node"] as const) {
  for (const hostname of ["127.0.0.1", "::1"]) {
    const skipReason = reasonToSkip(implementation, hostname);
    testCarrier({
      name: `UDP (${implementation}, ${hostname})`,
      hostname,
      ...(skipReason === undefined ? {} : { skipReason }),
      create: (address: Address) =>
        createUdpCarrier(address, { implementation }),
    });
  }
}

function reasonToSkip(
  implementation: UdpImplementation,
  hostname: string,
): string | undefined {
  if (implementation !== "node" && !hasDenoUdp()) return "no --unstable-net";
  if (implementation === "linux") {
    const libc = loadLibc();
    if (typeof libc === "string") return libc;
  }
  return hostname === "::1" && !hasIpv6 ? "no IPv6 here" : undefined;
}

/**
 * From what a user writes to the numeric addresses that sockets take.
 *
 * @module
 */
import { formatIpv6, parseIpv4, parseIpv6 } from "../internal/ip_address.ts";
import { type Address, formatAddress } from "./core/address.ts";
import { TransportError } from "./core/error.ts";

/** The wildcard of IPv6: such a socket usually reaches IPv4 too (RFC 4291 §2.5.5.2). */
const IPV6_WILDCARD = "::";
const MAPPED_PREFIX = "::ffff:";

/** Where a socket that is bound to every address of this machine is reached on it. */
const LOOPBACK_OF_WILDCARD: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::ffff:0.0.0.0", "::ffff:127.0.0.1"],
  [IPV6_WILDCARD, "::1"],
]);

/**
 * Finds the numeric addresses of a host. A numeric one is written as sockets do,
 * however it is spelled; a name is looked up with the system's resolver, which
 * needs the `net` permission for that name in Deno.
 *
 * @param hostname A name, or a numeric address.
 * @returns At least one numeric address, in the resolver's order.
 * @throws {TransportError} `CARRIER_FAILED` when the name cannot be resolved.
 */
export async function resolveHostname(hostname: string): Promise<string[]> {
  const numeric = numericAddress(hostname);
  if (numeric !== undefined) return [numeric];
  let cause: unknown;
  try {
    // Loaded when needed: most programs in a mesh connect to numeric addresses.
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(hostname, { all: true });
    if (found.length > 0) return found.map(({ address }) => address);
  } catch (error) {
    cause = error;
  }
  throw new TransportError(
    "CARRIER_FAILED",
    `Name: ${hostname} cannot be resolved${reasonOf(cause, hostname)}`,
    { cause },
  );
}

/** What the resolver says, where it says something. */
function reasonOf(cause: unknown, hostname: string): string {
  const { code } = (cause ?? {}) as { code?: string };
  if (code === undefined) return "";
  // Deno's way to refuse a lookup: its resolver is called as that of Node.
  return code === "EPERM"
    ? ` (EPERM; Deno needs --allow-net=${hostname})`
    : ` (${code})`;
}

/**
 * Picks the address that a socket can send to.
 *
 * @param target What the user asked for.
 * @param candidates Its numeric addresses.
 * @param local Where the socket is bound.
 * @returns The first candidate of the socket's family. For a socket that is
 * bound to `::` an IPv4 address is written as IPv6. A wildcard, which such a socket
 * reports as its own address, becomes the loopback: answers never come from it.
 * @throws {TransportError} `CARRIER_FAILED` when there is none, which says what to bind.
 */
export function reachableAddress(
  target: Address,
  candidates: readonly string[],
  local: Address,
): Address {
  const hostname = ofFamily(candidates, local) ??
    (local.hostname === IPV6_WILDCARD && candidates.length > 0
      ? MAPPED_PREFIX + candidates[0]
      : undefined);
  if (hostname !== undefined) {
    return {
      hostname: LOOPBACK_OF_WILDCARD.get(hostname) ?? hostname,
      port: target.port,
    };
  }
  throw new TransportError(
    "CARRIER_FAILED",
    `Connect: ${formatAddress(target)} has no ${
      familyOf(local)
    } address, and the socket at ${
      formatAddress(local)
    } reaches no other; one that is bound to [::]:0 reaches both`,
    { fault: "caller" },
  );
}

/**
 * Picks the address to move a socket to, so that it still reaches whom it reached.
 *
 * @param hostname What the user asked for.
 * @param candidates Its numeric addresses.
 * @param local Where the socket is bound.
 * @returns The first candidate of the socket's family.
 * @throws {TransportError} `CARRIER_FAILED` when there is none.
 */
export function movableAddress(
  hostname: string,
  candidates: readonly string[],
  local: Address,
): string {
  const found = ofFamily(candidates, local);
  if (found !== undefined) return found;
  throw new TransportError(
    "CARRIER_FAILED",
    `Rebind: ${hostname} has no ${
      familyOf(local)
    } address, and connections of ${formatAddress(local)} go on with no other`,
    { fault: "caller" },
  );
}

function isIpv6(hostname: string): boolean {
  return hostname.includes(":");
}

function familyOf({ hostname }: Address): string {
  return isIpv6(hostname) ? "IPv6" : "IPv4";
}

function ofFamily(
  candidates: readonly string[],
  local: Address,
): string | undefined {
  const isWanted = isIpv6(local.hostname);
  return candidates.find((candidate) => isIpv6(candidate) === isWanted);
}

/**
 * A numeric address in the one spelling that sockets report, so that the peer's
 * datagrams are recognised by their source.
 *
 * @returns `undefined` for a name, or for what is no address at all.
 */
function numericAddress(hostname: string): string | undefined {
  if (!hostname.includes(":")) {
    return parseIpv4(hostname) === undefined ? undefined : hostname;
  }
  // What a zone may be, the system knows.
  const zoneAt = hostname.indexOf("%");
  const end = zoneAt === -1 ? hostname.length : zoneAt;
  const ipv6 = parseIpv6(hostname.slice(0, end));
  return ipv6 && formatIpv6(ipv6) + hostname.slice(end);
}

/**
 * Picks the UDP carrier of the runtime.
 *
 * @module
 */
import type { Address } from "../core/address.ts";
import type { Carrier } from "./carrier.ts";
import { DenoUdpCarrier, hasDenoUdp } from "./deno_udp.ts";

/** The two ways to a UDP socket. */
export type UdpImplementation = "deno" | "node";

/** Options of {@linkcode createUdpCarrier}. */
export interface UdpCarrierOptions {
  /**
   * Which implementation to use; `Deno.listenDatagram` where it exists,
   * otherwise `node:dgram`, when absent.
   */
  readonly implementation?: UdpImplementation;
  /** Called once when Deno runs without `--unstable-net`, with one line. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Binds a UDP socket.
 *
 * @param address A numeric address, and a port or 0 for any.
 * @param options Which implementation, and who hears warnings.
 * @returns The bound carrier.
 * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`.
 */
export async function createUdpCarrier(
  address: Address,
  options: UdpCarrierOptions = {},
): Promise<Carrier> {
  const implementation = options.implementation ??
    (hasDenoUdp() ? "deno" : "node");
  if (implementation === "deno") return new DenoUdpCarrier(address);
  if (
    options.implementation === undefined && globalThis.Deno !== undefined
  ) {
    options.onWarning?.(
      "UDP: Deno.listenDatagram is missing, using the slower node:dgram; run with --unstable-net",
    );
  }
  // Loaded when needed: `node:dgram` costs start-up time that Deno can spare.
  const { NodeUdpCarrier } = await import("./node_udp.ts");
  return await NodeUdpCarrier.bind(address);
}

/**
 * Picks the UDP carrier of the runtime.
 *
 * @module
 */
import { isFfiGranted } from "../../internal/ffi_permission.ts";
import type { Address } from "../core/address.ts";
import { TransportError } from "../core/error.ts";
import type { Carrier } from "./carrier.ts";
import { DenoUdpCarrier, hasDenoUdp } from "./deno_udp.ts";
import { LinuxUdpCarrier } from "./linux_udp.ts";

/**
 * The ways to a UDP socket: `deno` is `Deno.listenDatagram`, `linux` the same
 * beside the C library of Linux, `node` is `node:dgram`.
 */
export type UdpImplementation = "linux" | "deno" | "node";

/** Whether it was said that the C library cannot be used: once for the process. */
let hasWarnedOfLibrary = false;

/** Whether it was said that `Deno.listenDatagram` is missing: the same. */
let hasWarnedOfNode = false;

/** Options of {@linkcode createUdpCarrier}. */
export interface UdpCarrierOptions {
  /**
   * Which implementation to use. When absent: `linux` on Linux where
   * `--allow-ffi` is granted already, otherwise `deno` where it exists,
   * otherwise `node`. `linux` is `deno` where the C library cannot be used.
   */
  readonly implementation?: UdpImplementation;
  /**
   * Called with one line, once in a process each, when Deno runs without
   * `--unstable-net`, and when `--allow-ffi` is granted and the C library cannot be
   * used.
   */
  readonly onWarning?: (message: string) => void;
}

/**
 * Binds a UDP socket.
 *
 * @param address A numeric address, and a port or 0 for any.
 * @param options Which implementation, and who hears warnings.
 * @returns The bound carrier.
 * @throws {TransportError} `ADDRESS_IN_USE`, `BIND_FAILED`, `INVALID_CONFIG` for a
 * port out of range.
 */
export async function createUdpCarrier(
  address: Address,
  options: UdpCarrierOptions = {},
): Promise<Carrier> {
  checkPort(address);
  const implementation = options.implementation ?? fastestImplementation();
  if (implementation === "linux") {
    return LinuxUdpCarrier.bind(address, {
      onMissing: (reason) => {
        if (hasWarnedOfLibrary || options.onWarning === undefined) return;
        hasWarnedOfLibrary = true;
        options.onWarning(
          `UDP: the C library cannot be used, using Deno.listenDatagram (${reason})`,
        );
      },
    });
  }
  if (implementation === "deno") return new DenoUdpCarrier(address);
  if (
    options.implementation === undefined && globalThis.Deno !== undefined &&
    !hasWarnedOfNode && options.onWarning !== undefined
  ) {
    hasWarnedOfNode = true;
    options.onWarning(
      "UDP: Deno.listenDatagram is missing, using the slower node:dgram; run with --unstable-net",
    );
  }
  // Loaded when needed: `node:dgram` costs start-up time that Deno can spare.
  const { NodeUdpCarrier } = await import("./node_udp.ts");
  return await NodeUdpCarrier.bind(address);
}

/** Not every runtime does: `node:dgram` of Deno takes the lower 16 bits. */
function checkPort({ hostname, port }: Address): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new TransportError(
    "INVALID_CONFIG",
    `Bind: port of ${hostname} must be 0 to 65535, got ${port}`,
  );
}

function fastestImplementation(): UdpImplementation {
  if (!hasDenoUdp()) return "node";
  return Deno.build.os === "linux" && isFfiGranted() ? "linux" : "deno";
}

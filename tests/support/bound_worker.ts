/**
 * A worker that binds a socket with the C library, says where, and keeps it.
 *
 * @module
 */
import { LinuxUdpCarrier } from "../../transport/carrier/linux_udp.ts";

const ANY = { hostname: "127.0.0.1", port: 0 };
const carrier = LinuxUdpCarrier.bind(ANY);
carrier.start(() => {}, () => {});

interface WorkerScope {
  postMessage(message: unknown): void;
}

(globalThis as unknown as WorkerScope).postMessage(carrier.localAddress);

/**
 * Ports of programs that cannot be asked which one they took.
 *
 * @module
 */
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Between two attempts to connect, in milliseconds. */
const POLL_MS = 20;

/** Time that a program has to listen, in milliseconds. */
const LISTEN_TIMEOUT_MS = 5_000;

/**
 * Finds a TCP port on 127.0.0.1.
 *
 * @returns One that nobody listened on just now.
 */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * Waits until somebody listens.
 *
 * @param port On 127.0.0.1.
 * @returns Whether somebody does, in the end.
 */
export async function waitForPort(port: number): Promise<boolean> {
  const until = performance.now() + LISTEN_TIMEOUT_MS;
  while (performance.now() < until) {
    if (await isListening(port)) return true;
    await delay(POLL_MS);
  }
  return false;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

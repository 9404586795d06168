/**
 * Server and client of HTTP in Deno, plain or over TLS.
 *
 * @module
 */
import type { PeerContext, PeerServer } from "./driver.ts";

/**
 * Serves on loopback.
 *
 * @param context Its certificate, if any, is the server's.
 * @param answer What to do with a request.
 * @returns The server; its address is the port.
 */
export function serveHttp(
  { certificate }: PeerContext,
  answer: (request: Request) => Response | Promise<Response>,
): PeerServer {
  const server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      ...(certificate &&
        { cert: certificate.certificate, key: certificate.privateKey }),
    },
    answer,
  );
  return {
    address: String(server.addr.port),
    close: () => server.shutdown(),
  };
}

/**
 * Makes a client, which has connections and TLS sessions of its own.
 *
 * @param context Its certificate, if any, is trusted.
 * @param options Of the client.
 * @returns The client.
 */
export function createHttpClient(
  { certificate }: PeerContext,
  options: Deno.CreateHttpClientOptions = {},
): Deno.HttpClient {
  return Deno.createHttpClient({
    ...options,
    ...(certificate && { caCerts: [certificate.authority] }),
  });
}

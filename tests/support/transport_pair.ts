/**
 * Two transports that know each other, for tests of the driver.
 *
 * @module
 */
import { generateKeyPair } from "../../crypto/mod.ts";
import {
  type Address,
  type MemoryNetwork,
  systemRandom,
  Transport,
  type TransportConnection,
  type TransportOptions,
  type TransportStream,
} from "../../transport/mod.ts";

/** Options of {@linkcode withTransports}. */
export interface TransportPairOptions {
  /** Options of both sides. */
  readonly both?: Partial<TransportOptions>;
  /** Options of the side that connects. */
  readonly client?: Partial<TransportOptions>;
  /** Options of the side that is connected to. */
  readonly server?: Partial<TransportOptions>;
  /** An in-memory network for both; UDP on loopback when absent. */
  readonly network?: MemoryNetwork;
  /** Called once both are bound; returns where the client connects to. */
  readonly route?: (server: Address) => Promise<Address> | Address;
}

/** Two connected transports. */
export interface TransportPair {
  /** The side that connects. */
  readonly client: Transport;
  /** The side that is connected to. */
  readonly server: Transport;
  /** The client's end of the connection. */
  readonly outgoing: TransportConnection;
  /** The server's end of it. */
  readonly incoming: TransportConnection;
}

/**
 * Binds a transport with a fresh key.
 *
 * @param options What differs from 127.0.0.1 and any port.
 * @returns The transport and its public key.
 */
export async function bindTransport(
  options: Partial<TransportOptions> = {},
): Promise<{ transport: Transport; publicKey: Uint8Array }> {
  const keyPair = generateKeyPair(systemRandom);
  const transport = await Transport.bind({
    hostname: "127.0.0.1",
    keyPair,
    ...options,
  });
  return { transport, publicKey: keyPair.publicKey };
}

/**
 * Runs a test with two connected transports and closes them afterwards.
 *
 * @param body The test.
 * @param options How the two differ from plain ones.
 */
export async function withTransports(
  body: (pair: TransportPair) => Promise<void>,
  options: TransportPairOptions = {},
): Promise<void> {
  const carrier = (): Partial<TransportOptions> =>
    options.network === undefined
      ? {}
      : { carrier: options.network.createCarrier() };
  const accepted = Promise.withResolvers<TransportConnection>();
  const { transport: server, publicKey } = await bindTransport({
    ...options.both,
    ...carrier(),
    onConnection: accepted.resolve,
    ...options.server,
  });
  const { transport: client } = await bindTransport({
    ...options.both,
    ...carrier(),
    ...options.client,
  });
  try {
    const target = await options.route?.(server.localAddress) ??
      server.localAddress;
    const outgoing = await client.connect(target, {
      remoteStaticPublicKey: publicKey,
    });
    await body({ client, server, outgoing, incoming: await accepted.promise });
  } finally {
    await client.close();
    await server.close();
  }
}

/**
 * Reads a stream to its end.
 *
 * @param stream The stream.
 * @returns Everything that came.
 */
export async function readAll(stream: TransportStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (
    let chunk = await stream.read();
    chunk !== undefined;
    chunk = await stream.read()
  ) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/**
 * Sends back whatever arrives on each stream of a connection.
 *
 * @param connection The connection.
 */
export function echoStreams(connection: TransportConnection): void {
  connection.onStream = (stream) => {
    echo(stream).catch(() => stream.abort());
  };
}

async function echo(stream: TransportStream): Promise<void> {
  for (
    let chunk = await stream.read();
    chunk !== undefined;
    chunk = await stream.read()
  ) await stream.write(chunk);
  stream.finish();
}

/**
 * Sends bytes on a new stream and waits for the answer.
 *
 * @param connection The connection.
 * @param bytes What to send.
 * @returns Everything that came back.
 */
export async function request(
  connection: TransportConnection,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const stream = await connection.openStream();
  const writing = stream.write(bytes).then(() => stream.finish());
  const [reply] = await Promise.all([readAll(stream), writing]);
  return reply;
}

/**
 * Bytes that differ at every offset that matters.
 *
 * @param length How many.
 * @returns The bytes.
 */
export function patternBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    bytes[index] = (index * 2_654_435_761) >>> 24;
  }
  return bytes;
}

/**
 * Whether two byte strings are equal, faster than `deepEqual` on megabytes.
 *
 * @param left One.
 * @param right The other.
 * @returns Whether they are.
 */
export function isEqualBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length &&
    left.every((byte, index) => byte === right[index]);
}

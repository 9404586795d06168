/**
 * What does a round trip of 256 bytes cost over an encrypted stream of its own,
 * beside a raw UDP echo through the same sockets in the same run?
 *
 * Both ends run in this process, so the figures hold the work of both.
 */
import { generateKeyPair } from "../crypto/mod.ts";
import {
  type Suite,
  systemRandom,
  Transport,
  type TransportConnection,
} from "../transport/mod.ts";

const PAYLOAD = new Uint8Array(256).fill(7);

function rawEchoServer(): Deno.DatagramConn {
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  (async () => {
    const buffer = new Uint8Array(2_048);
    try {
      for (;;) {
        const [datagram, from] = await socket.receive(buffer);
        await socket.send(datagram, from);
      }
    } catch {
      // The socket was closed: the benchmark is over.
    }
  })();
  return socket;
}

const rawServer = rawEchoServer();
const rawClient = Deno.listenDatagram({
  transport: "udp",
  hostname: "127.0.0.1",
  port: 0,
});
const rawBuffer = new Uint8Array(2_048);

/** Taken by both ends, and used only by those that offer nothing else. */
const HYBRID: Suite = "x25519-mlkem768-chacha20-poly1305";

const serverKeys = generateKeyPair(systemRandom);
const server = await Transport.bind({
  hostname: "127.0.0.1",
  keyPair: serverKeys,
  config: { suites: ["chacha20-poly1305", "aes-256-gcm", HYBRID] },
  onConnection: (connection) => {
    connection.onStream = async (stream) => {
      for (;;) {
        const bytes = await stream.read();
        if (bytes === undefined) break;
        await stream.write(bytes);
      }
      stream.finish();
    };
  },
});
const client = await Transport.bind({
  hostname: "127.0.0.1",
  keyPair: generateKeyPair(systemRandom),
  accept: false,
});

const hybridClient = await Transport.bind({
  hostname: "127.0.0.1",
  keyPair: generateKeyPair(systemRandom),
  accept: false,
  config: { suites: [HYBRID] },
});

function connect(from = client): Promise<TransportConnection> {
  return from.connect(server.localAddress, {
    remoteStaticPublicKey: serverKeys.publicKey,
  });
}

const connection = await connect();

async function roundTrip(): Promise<void> {
  const stream = await connection.openStream();
  await stream.write(PAYLOAD);
  stream.finish();
  while (await stream.read() !== undefined);
}

Deno.bench("raw UDP echo, 256 B, one round trip", {
  group: "round trip",
  baseline: true,
}, async () => {
  await rawClient.send(PAYLOAD, rawServer.addr);
  await rawClient.receive(rawBuffer);
});

Deno.bench("MXP stream echo, 256 B, one round trip", {
  group: "round trip",
}, async () => {
  await roundTrip();
});

Deno.bench("MXP stream echo, 256 B, 64 outstanding, one batch of 64", {
  group: "batch",
}, async () => {
  await Promise.all(Array.from({ length: 64 }, roundTrip));
});

Deno.bench("raw UDP echo, 256 B, 64 round trips in a row", {
  group: "batch",
  baseline: true,
}, async () => {
  for (let i = 0; i < 64; i++) {
    await rawClient.send(PAYLOAD, rawServer.addr);
    await rawClient.receive(rawBuffer);
  }
});

Deno.bench("MXP connection: handshake (Noise IK), first answer, close", {
  group: "connection",
}, async () => {
  const fresh = await connect();
  await fresh.ping();
  fresh.close();
});

Deno.bench("MXP connection: the same with X25519 and ML-KEM-768 (IKhfs)", {
  group: "connection",
}, async () => {
  const fresh = await connect(hybridClient);
  await fresh.ping();
  fresh.close();
});

addEventListener("unload", () => {
  rawServer.close();
  rawClient.close();
});

/**
 * What does a call between two agents cost, beside the transport stream below
 * it and a raw UDP echo, in the same run?
 *
 * Both ends of each run in this process, so the figures hold the work of both.
 * An iteration of "64 at a time" is 64 calls, one of "tokens" 1,000 chunks.
 *
 * Run: `deno bench -A --unstable-net bench/mesh_bench.ts`
 *
 * @module
 */
import { Agent, Node } from "../mod.ts";
import { generateKeyPair } from "../crypto/mod.ts";
import { systemRandom, Transport } from "../transport/mod.ts";

const PAYLOAD = new Uint8Array(256).fill(7);
const OUTSTANDING_COUNT = 64;
const TOKEN_COUNT = 1_000;
const LOOPBACK = { hostname: "127.0.0.1", port: 0 } as const;

// ── Raw UDP ─────────────────────────────────────────────────────────────────

const rawServer = Deno.listenDatagram({ transport: "udp", ...LOOPBACK });
const rawClient = Deno.listenDatagram({ transport: "udp", ...LOOPBACK });
const rawBuffer = new Uint8Array(2_048);

async function echoRaw(): Promise<void> {
  const buffer = new Uint8Array(2_048);
  try {
    for (;;) {
      const [datagram, from] = await rawServer.receive(buffer);
      await rawServer.send(datagram, from);
    }
  } catch {
    // The socket was closed: the benchmark is over.
  }
}
echoRaw();

async function rawRoundTrip(): Promise<void> {
  await rawClient.send(PAYLOAD, rawServer.addr);
  await rawClient.receive(rawBuffer);
}

// ── A transport stream ──────────────────────────────────────────────────────

const serverKeys = generateKeyPair(systemRandom);
const server = await Transport.bind({ ...LOOPBACK, keyPair: serverKeys });
server.onConnection = (connection) => {
  connection.onStream = async (stream) => {
    await stream.write(await stream.read() ?? PAYLOAD);
    stream.finish();
    await stream.read();
  };
};
const client = await Transport.bind({
  ...LOOPBACK,
  keyPair: generateKeyPair(systemRandom),
  accept: false,
});
const connection = await client.connect(server.localAddress, {
  remoteStaticPublicKey: serverKeys.publicKey,
});

async function streamRoundTrip(): Promise<void> {
  const stream = await connection.openStream();
  await stream.write(PAYLOAD);
  stream.finish();
  while (await stream.read() !== undefined) { /* To the end. */ }
}

// ── Agents ──────────────────────────────────────────────────────────────────

const node = await Node.start({ bind: "127.0.0.1:0" });
const callee = await Agent.connect(node.url, { name: "callee" });
callee.onCall("echo", (request) => request.value);
callee.onStream("tokens", async function* () {
  for (let index = 0; index < TOKEN_COUNT; index++) yield "token123";
});
const caller = await Agent.connect(node.url);
const target = { name: "callee" } as const;

async function callRoundTrip(): Promise<void> {
  await caller.call(target, "echo", PAYLOAD);
}

async function readTokens(): Promise<void> {
  let count = 0;
  for await (const _ of caller.stream(target, "tokens")) count++;
  if (count !== TOKEN_COUNT) throw new Error(`Lost tokens: ${count} came`);
}

async function manyAtOnce(roundTrip: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: OUTSTANDING_COUNT }, roundTrip));
}

// The first thousands are slower by half: the code is not compiled yet.
for (let index = 0; index < 100; index++) {
  await manyAtOnce(callRoundTrip);
  await manyAtOnce(streamRoundTrip);
}

const GROUPS = { one: "256 bytes, one after the other", many: "256 bytes, 64" };
Deno.bench(
  "raw UDP, both ways",
  { group: GROUPS.one, baseline: true },
  rawRoundTrip,
);
Deno.bench(
  "transport stream, both ways",
  { group: GROUPS.one },
  streamRoundTrip,
);
Deno.bench("agent.call", { group: GROUPS.one }, callRoundTrip);
Deno.bench(
  "transport streams, 64 at a time",
  { group: GROUPS.many, baseline: true },
  async () => await manyAtOnce(streamRoundTrip),
);
Deno.bench(
  "agent.call, 64 at a time",
  { group: GROUPS.many },
  async () => await manyAtOnce(callRoundTrip),
);
Deno.bench("agent.stream, 1,000 tokens", readTokens);

globalThis.addEventListener("unload", () => {
  rawServer.close();
  rawClient.close();
});

/**
 * QUIC with the runtime's own endpoint: all calls on one bidirectional stream,
 * each with its number and length. A stream for each call, which would be the
 * other way, is slower in this runtime: by half for a single call, by a factor
 * of seven for 64 at a time.
 *
 * @module
 */
import type {
  PeerContext,
  PeerDriver,
  PeerServer,
  SetUp,
  SetUpKind,
  StreamRequest,
} from "../driver.ts";
import { Deframer, frame } from "../framing.ts";
import { handleRequest, MessageSession } from "../message_session.ts";
import { runPeer } from "../peer_main.ts";

const PROTOCOL = "mxp-bench";
const TRANSPORT: Deno.QuicTransportOptions = {
  keepAliveInterval: 5_000,
  maxIdleTimeout: 60_000,
};

type Writer = WritableStreamDefaultWriter<Uint8Array>;

async function sendMessages(
  writer: Writer,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const framed = frame(new Uint8Array(bytes).fill(7));
  for (let index = 0; index < count; index++) {
    await writer.ready;
    writer.write(framed).catch(ignore);
  }
}

/** The other side is gone: it will say so, or be missed, elsewhere. */
function ignore(): void {}

async function serveStream(
  { readable, writable }: Deno.QuicBidirectionalStream,
): Promise<void> {
  const writer = writable.getWriter();
  const deframer = new Deframer((message) =>
    handleRequest(message, {
      answer: (same) => void writer.write(frame(same)).catch(ignore),
      stream: (request) => void sendMessages(writer, request).catch(ignore),
    })
  );
  for await (const chunk of readable) deframer.push(chunk);
}

async function serveConnection(connection: Deno.QuicConn): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    serveStream(stream).catch(ignore);
  }
}

function startServer({ certificate }: PeerContext): PeerServer {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: certificate!.certificate,
    key: certificate!.privateKey,
    alpnProtocols: [PROTOCOL],
    ...TRANSPORT,
  });
  (async () => {
    for await (const incoming of listener) {
      // Answers before the handshake is over, as a client with 0-RTT hopes.
      serveConnection(incoming.accept({ zeroRtt: true })).catch(ignore);
    }
  })().catch(ignore);
  return {
    address: String(endpoint.addr.port),
    close: () => endpoint.close(),
  };
}

interface Dial {
  readonly context: PeerContext;
  readonly address: string;
  readonly kind?: SetUpKind;
  readonly endpoint?: Deno.QuicEndpoint;
}

interface Dialled {
  readonly session: MessageSession;
  /** Whether nothing had to be waited for. */
  readonly isEarly: boolean;
}

async function connect(dial: Dial): Promise<Dialled> {
  const { context, address, kind = "fresh", endpoint } = dial;
  const connecting = Deno.connectQuic({
    hostname: "127.0.0.1",
    serverName: "localhost",
    port: Number(address),
    caCerts: [context.certificate!.authority],
    alpnProtocols: [PROTOCOL],
    zeroRtt: kind === "zero-rtt",
    ...(endpoint && { endpoint }),
    ...TRANSPORT,
  });
  const connection = await connecting;
  const stream = await connection.createBidirectionalStream();
  const writer = stream.writable.getWriter();
  const session = new MessageSession({
    send: (message) => void writer.write(frame(message)).catch(ignore),
    close: () => connection.close({ closeCode: 0, reason: "" }),
  });
  const deframer = new Deframer((message) => {
    // An answer outlives the chunk.
    session.handleMessage(message.length <= 512 ? message.slice() : message);
  });
  (async () => {
    for await (const chunk of stream.readable) deframer.push(chunk);
  })().catch(ignore);
  return { session, isEarly: !(connecting instanceof Promise) };
}

/** Keeps the sessions of resumed connections. */
let sharedEndpoint: Deno.QuicEndpoint | undefined;

function setUp(
  context: PeerContext,
  address: string,
  kind: SetUpKind,
): Promise<SetUp> {
  let dialled: Dialled | undefined;
  const endpoint = kind === "fresh"
    ? undefined
    : sharedEndpoint ??= new Deno.QuicEndpoint({ hostname: "127.0.0.1" });
  return Promise.resolve({
    async firstAnswer(payload) {
      dialled = await connect({
        context,
        address,
        kind,
        ...(endpoint && { endpoint }),
      });
      return await dialled.session.call(payload);
    },
    isAsAsked: () => dialled?.isEarly === (kind === "zero-rtt"),
    close: () => dialled?.session.close(),
  });
}

const driver: PeerDriver = {
  setUpKinds: ["fresh", "resumed", "zero-rtt"],
  // Deno's takes six times as long from the seven hundredth on.
  maxWarmUpSetUps: 300,
  startServer,
  connect: async (context, address) =>
    (await connect({ context, address })).session,
  setUp,
};

runPeer(driver);

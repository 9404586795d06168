/**
 * WebSocket with the runtime's own server and client, plain or over TLS.
 *
 * @module
 */
import { createHttpClient, serveHttp } from "../deno_http.ts";
import type {
  PeerContext,
  PeerDriver,
  SetUp,
  StreamRequest,
} from "../driver.ts";
import { handleRequest, MessageSession } from "../message_session.ts";
import { nextTurn } from "../metrics/macrotask.ts";
import { runPeer } from "../peer_main.ts";

/** Bytes that a sender lets pile up: the API has no other backpressure. */
const MAX_BUFFERED_BYTES: number = 1024 * 1024;

async function sendMessages(
  socket: WebSocket,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const message = new Uint8Array(bytes).fill(7);
  for (let index = 0; index < count; index++) {
    while (socket.bufferedAmount > MAX_BUFFERED_BYTES) await nextTurn();
    socket.send(message);
  }
}

function serve(socket: WebSocket): void {
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) =>
    handleRequest(new Uint8Array(data), {
      answer: () => socket.send(data),
      stream: (request) => void sendMessages(socket, request),
    });
}

async function connect(
  { certificate }: PeerContext,
  address: string,
  client: Deno.HttpClient,
): Promise<MessageSession> {
  const scheme = certificate ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://127.0.0.1:${address}/`, { client });
  socket.binaryType = "arraybuffer";
  const session = new MessageSession({
    send: (message) => socket.send(message),
    close: () => socket.close(),
  });
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) =>
    session.handleMessage(new Uint8Array(data));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return session;
}

/** Keeps the TLS sessions that are resumed. */
let sharedClient: Deno.HttpClient | undefined;

const driver: PeerDriver = {
  setUpKinds: ["fresh", "resumed"],
  startServer: (context) =>
    serveHttp(context, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      serve(socket);
      return response;
    }),
  connect: (context, address) =>
    connect(context, address, createHttpClient(context)),
  setUp(context, address, kind): Promise<SetUp | undefined> {
    // Without TLS there is nothing to resume.
    if (kind === "resumed" && !context.certificate) {
      return Promise.resolve(undefined);
    }
    const client = kind === "fresh"
      ? createHttpClient(context)
      : sharedClient ??= createHttpClient(context);
    let session: MessageSession | undefined;
    return Promise.resolve({
      async firstAnswer(payload) {
        session = await connect(context, address, client);
        return await session.call(payload);
      },
      close() {
        session?.close();
        if (kind === "fresh") client.close();
      },
    });
  },
};

runPeer(driver);

/**
 * WebSocket over TLS with the `ws` package in Node.
 *
 * @module
 */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import type {
  PeerContext,
  PeerDriver,
  PeerServer,
  SetUp,
  StreamRequest,
} from "../driver.ts";
import { loadPackage } from "../load_package.ts";
import { handleRequest, MessageSession } from "../message_session.ts";
import { runPeer } from "../peer_main.ts";

/** What is used of the package. */
interface WsSocket {
  readonly bufferedAmount: number;
  on(event: "message", listener: (data: Uint8Array) => void): void;
  on(event: "open", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  send(data: Uint8Array, onSent?: () => void): void;
  close(): void;
}

interface WsModule {
  readonly WebSocket: new (url: string, options: object) => WsSocket;
  readonly WebSocketServer: new (options: { server: Server }) => {
    on(event: "connection", listener: (socket: WsSocket) => void): void;
    close(): void;
  };
}

const { WebSocket, WebSocketServer } = await loadPackage<WsModule>("ws");

const MAX_BUFFERED_BYTES: number = 1024 * 1024;

async function sendMessages(
  socket: WsSocket,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const message = new Uint8Array(bytes).fill(7);
  for (let index = 0; index < count; index++) {
    if (socket.bufferedAmount < MAX_BUFFERED_BYTES) socket.send(message);
    else {await new Promise<void>((resolve) =>
        socket.send(message, () => resolve())
      );}
  }
}

function serve(socket: WsSocket): void {
  socket.on("error", () => {/* Its client is gone. */});
  socket.on("message", (data) => {
    handleRequest(data, {
      answer: (message) => socket.send(message),
      stream: (request) => void sendMessages(socket, request),
    });
  });
}

/** Session of the last connection, for the next one. */
let lastSession: Uint8Array | undefined;

interface Connected {
  readonly messages: MessageSession;
  /** Whether the handshake was the short one. */
  readonly isResumed: boolean;
}

async function connect(
  { certificate }: PeerContext,
  address: string,
  session?: Uint8Array,
): Promise<Connected> {
  let isResumed = false;
  const socket = new WebSocket(`wss://127.0.0.1:${address}/`, {
    ca: certificate!.authority,
    perMessageDeflate: false,
    createConnection: (options: object) => {
      const raw = connectTls({
        ...options,
        path: undefined,
        host: "127.0.0.1",
        port: Number(address),
        ALPNProtocols: ["http/1.1"],
        ...(session && { session: session as never }),
      });
      raw.once("secureConnect", () => {
        isResumed = raw.isSessionReused();
      });
      raw.on("session", (given) => {
        lastSession = given;
      });
      return raw;
    },
  });
  const messages = new MessageSession({
    send: (message) => socket.send(message),
    close: () => socket.close(),
  });
  socket.on("message", (data) => messages.handleMessage(data));
  await new Promise<void>((resolve, reject) => {
    socket.on("open", resolve);
    socket.on("error", reject);
  });
  return { messages, isResumed };
}

const driver: PeerDriver = {
  setUpKinds: ["fresh", "resumed"],
  async startServer({ certificate }): Promise<PeerServer> {
    const server = createServer({
      cert: certificate!.certificate,
      key: certificate!.privateKey,
    });
    const sockets = new WebSocketServer({ server });
    sockets.on("connection", serve);
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    return {
      address: String((server.address() as AddressInfo).port),
      close() {
        sockets.close();
        server.close();
      },
    };
  },
  connect: async (context, address) =>
    (await connect(context, address)).messages,
  setUp(context, address, kind): Promise<SetUp> {
    const session = kind === "resumed" ? lastSession : undefined;
    let connected: Connected | undefined;
    return Promise.resolve({
      async firstAnswer(payload) {
        connected = await connect(context, address, session);
        return await connected.messages.call(payload);
      },
      isAsAsked: () => connected?.isResumed === (kind === "resumed"),
      close: () => connected?.messages.close(),
    });
  },
};

runPeer(driver);

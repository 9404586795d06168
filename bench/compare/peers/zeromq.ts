/**
 * ZeroMQ with the `zeromq` package in Node: a dealer that asks and a router
 * that answers; for messages one way a pair of sockets that push and pull,
 * because a router drops what a slow reader has no room for.
 *
 * @module
 */
import type {
  PeerConnection,
  PeerDriver,
  PeerServer,
  StreamRequest,
} from "../driver.ts";
import { loadPackage } from "../load_package.ts";
import { handleRequest, MessageSession } from "../message_session.ts";
import { runPeer } from "../peer_main.ts";

type Frames = Uint8Array[];

/** What is used of the package. */
interface ZmqSocket extends AsyncIterable<Frames> {
  readonly lastEndpoint: string | null;
  bind(address: string): Promise<void>;
  connect(address: string): void;
  send(frames: Frames | Uint8Array): Promise<void>;
  close(): void;
}

interface ZmqModule {
  readonly Dealer: new () => ZmqSocket;
  readonly Router: new () => ZmqSocket;
  readonly Push: new () => ZmqSocket;
  readonly Pull: new () => ZmqSocket;
  readonly context: { maxSockets: number };
}

/** What the asking side is told. */
interface ZmqAddress {
  readonly router: string;
  readonly push: string;
}

const ANY_PORT = "tcp://127.0.0.1:*";

const zmq = await loadPackage<ZmqModule>("zeromq");
zmq.context.maxSockets = 4_096;

/** A socket takes one message after the other: the next waits for the last. */
class SendQueue {
  readonly #socket: ZmqSocket;
  readonly #waiting: (Frames | Uint8Array)[] = [];
  #isSending = false;

  constructor(socket: ZmqSocket) {
    this.#socket = socket;
  }

  push(frames: Frames | Uint8Array): void {
    this.#waiting.push(frames);
    if (!this.#isSending) this.#drain();
  }

  async #drain(): Promise<void> {
    this.#isSending = true;
    for (let index = 0; index < this.#waiting.length; index++) {
      await this.#socket.send(this.#waiting[index]!);
    }
    this.#waiting.length = 0;
    this.#isSending = false;
  }
}

async function sendMessages(
  push: ZmqSocket,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const message = Buffer.alloc(bytes, 7);
  for (let index = 0; index < count; index++) await push.send(message);
}

async function startServer(): Promise<PeerServer> {
  const router = new zmq.Router();
  const push = new zmq.Push();
  const queue = new SendQueue(router);
  await router.bind(ANY_PORT);
  await push.bind(ANY_PORT);
  (async () => {
    for await (const [who, message] of router) {
      handleRequest(message!, {
        answer: (same) => queue.push([who!, same]),
        stream: (request) => void sendMessages(push, request),
      });
    }
  })();
  const address: ZmqAddress = {
    router: router.lastEndpoint!,
    push: push.lastEndpoint!,
  };
  return {
    address: JSON.stringify(address),
    close() {
      router.close();
      push.close();
    },
  };
}

class ZmqConnection implements PeerConnection {
  readonly #address: ZmqAddress;
  readonly #dealer = new zmq.Dealer();
  readonly #session: MessageSession;
  #pull: ZmqSocket | undefined;

  constructor(address: ZmqAddress) {
    this.#address = address;
    this.#dealer.connect(address.router);
    const queue = new SendQueue(this.#dealer);
    this.#session = new MessageSession({
      send: (message) => queue.push(message),
      close: () => this.#dealer.close(),
    });
    this.#listen(this.#dealer);
  }

  call(payload: Uint8Array): Promise<Uint8Array> {
    return this.#session.call(payload);
  }

  stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    if (this.#pull === undefined) {
      this.#pull = new zmq.Pull();
      this.#pull.connect(this.#address.push);
      this.#listen(this.#pull);
    }
    return this.#session.stream(request, onMessage);
  }

  close(): Promise<void> | void {
    this.#pull?.close();
    return this.#session.close();
  }

  async #listen(socket: ZmqSocket): Promise<void> {
    for await (const [message] of socket) this.#session.handleMessage(message!);
  }
}

const driver: PeerDriver = {
  startServer,
  connect: (_context, address) =>
    Promise.resolve(new ZmqConnection(JSON.parse(address))),
};

runPeer(driver);

/**
 * ZeroMQ with the `zeromq` package in Node: a dealer that asks and a router
 * that answers.
 *
 * @module
 */
import type { PeerDriver, PeerServer, StreamRequest } from "../driver.ts";
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
  readonly Router: new (options: { mandatory: boolean }) => ZmqSocket;
  readonly context: { maxSockets: number };
}

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
  router: ZmqSocket,
  who: Uint8Array,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const message = Buffer.alloc(bytes, 7);
  for (let index = 0; index < count; index++) {
    await router.send([who, message]);
  }
}

const driver: PeerDriver = {
  async startServer(): Promise<PeerServer> {
    // Otherwise it drops what a slow peer has no room for.
    const router = new zmq.Router({ mandatory: true });
    const queue = new SendQueue(router);
    await router.bind("tcp://127.0.0.1:*");
    (async () => {
      for await (const [who, message] of router) {
        handleRequest(message!, {
          answer: (same) => queue.push([who!, same]),
          stream: (request) => void sendMessages(router, who!, request),
        });
      }
    })();
    return { address: router.lastEndpoint!, close: () => router.close() };
  },
  connect(_context, address) {
    const dealer = new zmq.Dealer();
    dealer.connect(address);
    const queue = new SendQueue(dealer);
    const session = new MessageSession({
      send: (message) => queue.push(message),
      close: () => dealer.close(),
    });
    (async () => {
      for await (const [message] of dealer) session.handleMessage(message!);
    })();
    return Promise.resolve(session);
  },
};

runPeer(driver);

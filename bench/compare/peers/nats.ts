/**
 * NATS with `@nats-io/transport-node`: requests, and publications to an inbox
 * for messages one way, held back by what the subscriber says it has taken.
 *
 * @module
 */
import type {
  PeerConnection,
  PeerContext,
  PeerDriver,
  PeerServer,
  StreamRequest,
} from "../driver.ts";
import { Credit, creditIntervalOf } from "../credit.ts";
import { loadPackage } from "../load_package.ts";
import { encodeStreamRequest, handleRequest } from "../message_session.ts";
import { nextTurn } from "../metrics/macrotask.ts";
import { runPeer } from "../peer_main.ts";

/** What is used of the package. */
interface NatsModule {
  connect(options: { port: number }): Promise<NatsConnection>;
  createInbox(): string;
}

interface NatsMessage {
  readonly data: Uint8Array;
  readonly reply?: string;
  respond(data: Uint8Array): boolean;
}

interface NatsSubscription {
  unsubscribe(): void;
}

interface NatsConnection {
  request(
    subject: string,
    data: Uint8Array,
    options: { timeout: number },
  ): Promise<NatsMessage>;
  publish(
    subject: string,
    data: Uint8Array,
    options?: { reply: string },
  ): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  flush(): Promise<void>;
  close(): Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;

/** Messages published before the rest of the process may run. */
const BURST = 256;

const nats = await loadPackage<NatsModule>("@nats-io/transport-node");

function encodeCount(count: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(count).buffer);
}

function decodeCount(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

async function sendMessages(
  connection: NatsConnection,
  inbox: string,
  { count, bytes }: StreamRequest,
): Promise<void> {
  const credit = new Credit(bytes);
  const subscription = connection.subscribe(`${inbox}.taken`, {
    callback: (_error, { data }) => credit.handleTaken(decodeCount(data)),
  });
  const message = new Uint8Array(bytes).fill(7);
  for (let index = 0; index < count; index++) {
    if (!credit.isOpen) await credit.opened();
    credit.spend();
    connection.publish(inbox, message);
    if (index % BURST === BURST - 1) await nextTurn();
  }
  await connection.flush();
  subscription.unsubscribe();
}

async function startServer({ brokerPort }: PeerContext): Promise<PeerServer> {
  const connection = await nats.connect({ port: brokerPort! });
  connection.subscribe("echo", {
    callback: (_error, message) => message.respond(message.data),
  });
  connection.subscribe("messages", {
    callback: (_error, message) =>
      handleRequest(message.data, {
        answer: () => {},
        stream: (request) =>
          void sendMessages(connection, message.reply!, request),
      }),
  });
  await connection.flush();
  return { address: String(brokerPort), close: () => connection.close() };
}

class NatsPeerConnection implements PeerConnection {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  async call(payload: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#connection.request("echo", payload, {
      timeout: CALL_TIMEOUT_MS,
    });
    return answer.data;
  }

  async stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const inbox = nats.createInbox();
    const interval = creditIntervalOf(request.bytes);
    let takenCount = 0;
    await new Promise<void>((resolve) => {
      const subscription = this.#connection.subscribe(inbox, {
        callback: (_error, { data }) => {
          onMessage(data);
          takenCount++;
          if (takenCount % interval === 0) {
            this.#connection.publish(`${inbox}.taken`, encodeCount(takenCount));
          }
          if (takenCount < request.count) return;
          subscription.unsubscribe();
          resolve();
        },
      });
      this.#connection.publish("messages", encodeStreamRequest(request), {
        reply: inbox,
      });
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

const driver: PeerDriver = {
  startServer,
  connect: async (_context, address) =>
    new NatsPeerConnection(await nats.connect({ port: Number(address) })),
};

runPeer(driver);

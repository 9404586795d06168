/**
 * MQTT with the `mqtt` package in Node and, as the broker, Mosquitto, or
 * `aedes` in the answering process. Quality of service 0 over TCP: messages one
 * way are held back by what the subscriber says it has taken, so that the
 * broker drops none.
 *
 * @module
 */
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import type {
  PeerConnection,
  PeerContext,
  PeerDriver,
  PeerServer,
  StreamRequest,
} from "../driver.ts";
import { Credit, creditIntervalOf } from "../credit.ts";
import { loadPackage } from "../load_package.ts";
import { handleRequest, MessageSession } from "../message_session.ts";
import { nextTurn } from "../metrics/macrotask.ts";
import { runPeer } from "../peer_main.ts";

/** What is used of the packages. */
interface MqttModule {
  connectAsync(url: string): Promise<MqttClient>;
}

interface MqttClient {
  on(
    event: "message",
    listener: (topic: string, payload: Uint8Array) => void,
  ): void;
  publish(topic: string, payload: Uint8Array): void;
  subscribeAsync(topic: string): Promise<unknown>;
  endAsync(): Promise<void>;
}

interface AedesModule {
  readonly Aedes: {
    createBroker(): Promise<{
      handle(socket: unknown): void;
      close(done: () => void): void;
    }>;
  };
}

/** Messages published before the rest of the process may run. */
const BURST = 256;

const mqtt = await loadPackage<MqttModule>("mqtt");

function encodeCount(count: number): Uint8Array {
  return Buffer.from(Uint32Array.of(count).buffer);
}

function decodeCount(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function bufferOf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The answering side: `ask/<who>`, `taken/<who>` in, `answer/<who>` out. */
class MqttServer {
  readonly #client: MqttClient;
  readonly #credits = new Map<string, Credit>();

  constructor(client: MqttClient) {
    this.#client = client;
    client.on("message", (topic, payload) => {
      const [kind, who = ""] = topic.split("/");
      if (kind === "taken") {
        this.#credits.get(who)?.handleTaken(decodeCount(payload));
      } else this.#answer(who, payload);
    });
  }

  #answer(who: string, payload: Uint8Array): void {
    handleRequest(payload, {
      answer: (message) => this.#client.publish(`answer/${who}`, message),
      stream: (request) => void this.#sendMessages(who, request),
    });
  }

  async #sendMessages(
    who: string,
    { count, bytes }: StreamRequest,
  ): Promise<void> {
    const credit = new Credit(bytes);
    this.#credits.set(who, credit);
    const message = Buffer.alloc(bytes, 7);
    for (let index = 0; index < count; index++) {
      if (!credit.isOpen) await credit.opened();
      credit.spend();
      this.#client.publish(`answer/${who}`, message);
      if (index % BURST === BURST - 1) await nextTurn();
    }
  }
}

async function startEmbedded(): Promise<{ port: number; close(): void }> {
  const { Aedes } = await loadPackage<AedesModule>("aedes");
  const broker = await Aedes.createBroker();
  const server: Server = createServer((socket) => broker.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      broker.close(() => {});
      server.close();
    },
  };
}

async function startServer({ brokerPort }: PeerContext): Promise<PeerServer> {
  const embedded = brokerPort === undefined ? await startEmbedded() : undefined;
  const port = embedded?.port ?? brokerPort;
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  new MqttServer(client);
  await client.subscribeAsync("ask/+");
  await client.subscribeAsync("taken/+");
  return {
    address: String(port),
    async close() {
      await client.endAsync();
      embedded?.close();
    },
  };
}

class MqttConnection implements PeerConnection {
  readonly #client: MqttClient;
  readonly #who: string;
  readonly #session: MessageSession;

  constructor(client: MqttClient, who: string) {
    this.#client = client;
    this.#who = who;
    this.#session = new MessageSession({
      send: (message) => client.publish(`ask/${who}`, bufferOf(message)),
      close: () => client.endAsync(),
    });
    client.on("message", (_topic, payload) => {
      this.#session.handleMessage(payload);
    });
  }

  call(payload: Uint8Array): Promise<Uint8Array> {
    return this.#session.call(payload);
  }

  stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const interval = creditIntervalOf(request.bytes);
    let takenCount = 0;
    return this.#session.stream(request, (message) => {
      onMessage(message);
      if (++takenCount % interval === 0) {
        this.#client.publish(`taken/${this.#who}`, encodeCount(takenCount));
      }
    });
  }

  close(): Promise<void> | void {
    return this.#session.close();
  }
}

const driver: PeerDriver = {
  startServer,
  async connect(_context, address) {
    const who = crypto.randomUUID();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${address}`);
    const connection = new MqttConnection(client, who);
    await client.subscribeAsync(`answer/${who}`);
    return connection;
  },
};

runPeer(driver);

/**
 * What does it cost to be watched? One mebibyte over a stream between two
 * endpoints without sockets, so that nothing but the transport is measured:
 * with nobody watching, with an observer that does nothing, and with the logs.
 *
 * Both ends run here and both are watched; the disk is left out.
 */
import { generateKeyPair } from "../crypto/mod.ts";
import { LogSink } from "../observability/packet_log/log_sink.ts";
import { encodePcapRecord } from "../observability/packet_log/pcap.ts";
import { QlogTrace } from "../observability/packet_log/qlog_trace.ts";
import {
  type Connection,
  Endpoint,
  type EndpointObserver,
  systemRandom,
} from "../transport/mod.ts";

const CLIENT = { hostname: "127.0.0.1", port: 4_001 };
const SERVER = { hostname: "127.0.0.1", port: 9_000 };
const PAYLOAD: Uint8Array = new Uint8Array(1024 * 1024).fill(7);

/** A virtual round trip, in milliseconds: below it nothing is paced. */
const STEP_MS = 0.1;

/** Takes everything and keeps nothing. */
function nowhere(): LogSink {
  return new LogSink({
    appender: {
      append: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    maxQueuedBytes: Infinity,
    maxFileBytes: Infinity,
    onError: () => {},
    schedule: (task) => task(),
  });
}

/** Two endpoints that hand each other their datagrams. */
class Link {
  readonly #client: Endpoint;
  readonly #server: Endpoint;
  readonly #connection: Connection;
  readonly #incoming: Connection[] = [];
  readonly #buffer = new Uint8Array(65_535);
  #now = 1;

  constructor(observer?: EndpointObserver) {
    const keyPair = generateKeyPair(systemRandom);
    const config = { maxDatagramBytes: 1_472, keyPair };
    this.#client = new Endpoint(config, systemRandom, observer);
    this.#server = new Endpoint(config, systemRandom, observer);
    this.#connection = this.#client.connect(this.#now, SERVER, {
      remoteStaticPublicKey: keyPair.publicKey,
    });
    while (this.#incoming.length === 0) this.#step();
  }

  /** Sends a mebibyte and reads it on the other side. */
  transfer(): void {
    const connection = this.#connection;
    const [peer] = this.#incoming;
    const id = connection.openStream({ priority: 1 })!;
    let unsent = PAYLOAD;
    let received = 0;
    while (received < PAYLOAD.length) {
      unsent = unsent.subarray(connection.writeStream(id, unsent));
      this.#step();
      for (
        let bytes = peer!.readStream(id);
        bytes !== undefined;
        bytes = peer!.readStream(id)
      ) received += bytes.length;
    }
    connection.resetStream(id, 0);
    peer!.resetStream(id, 0);
    this.#step();
  }

  #step(): void {
    this.#now += STEP_MS;
    this.#carry(this.#client, CLIENT, this.#server);
    this.#carry(this.#server, SERVER, this.#client);
  }

  #carry(from: Endpoint, address: typeof CLIENT, to: Endpoint): void {
    const timeout = from.pollTimeout();
    if (timeout !== undefined && timeout <= this.#now) {
      from.handleTimeout(this.#now);
    }
    for (
      let event = from.pollEvent();
      event !== undefined;
      event = from.pollEvent()
    ) {
      if (event.type === "connection-incoming") {
        this.#incoming.push(event.connection);
      }
    }
    for (;;) {
      const transmit = from.pollTransmit(this.#now, this.#buffer);
      if (transmit === undefined) break;
      const datagram = this.#buffer.subarray(0, transmit.length);
      to.handleDatagram(this.#now, address, datagram);
    }
  }
}

const sink = nowhere();

const OBSERVERS: Readonly<Record<string, () => EndpointObserver | undefined>> =
  {
    "nobody watches": () => undefined,
    "an observer that does nothing": () => ({
      onConnection: () => ({ onEvent: () => {} }),
      onDatagramSent: () => {},
      onDatagramReceived: () => {},
    }),
    "qlog": () => ({
      onConnection: (startedAt, { isInitiator }) =>
        new QlogTrace({
          isInitiator,
          startedAt,
          open: () => sink,
          onEnd: () => {},
        }),
    }),
    "pcap": () => ({
      onDatagramSent: (now, to, datagram) =>
        sink.write(encodePcapRecord(now, { from: CLIENT, to }, datagram)),
      onDatagramReceived: (now, from, datagram) =>
        sink.write(encodePcapRecord(now, { from, to: SERVER }, datagram)),
    }),
  };

for (const [name, create] of Object.entries(OBSERVERS)) {
  let link: Link | undefined;
  Deno.bench(`1 MiB in datagrams of 1,472 B, ${name}`, {
    group: "observer",
    baseline: name === "nobody watches",
  }, () => {
    link ??= new Link(create());
    link.transfer();
  });
}

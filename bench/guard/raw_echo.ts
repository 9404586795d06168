/**
 * A raw UDP echo on loopback: what a round trip costs without any protocol.
 *
 * @module
 */
const LOOPBACK = { transport: "udp", hostname: "127.0.0.1", port: 0 } as const;

/** Both ends in this process. */
export class RawEcho {
  readonly #server = Deno.listenDatagram(LOOPBACK);
  readonly #client = Deno.listenDatagram(LOOPBACK);
  readonly #payload: Uint8Array;
  readonly #buffer = new Uint8Array(2_048);

  /** @param byteCount Size of what goes there and back. */
  constructor(byteCount: number) {
    this.#payload = new Uint8Array(byteCount);
    this.#serve();
  }

  /** Sends the payload and waits for its return. */
  async roundTrip(): Promise<void> {
    await this.#client.send(this.#payload, this.#server.addr);
    await this.#client.receive(this.#buffer);
  }

  /** Closes both sockets. */
  close(): void {
    this.#server.close();
    this.#client.close();
  }

  async #serve(): Promise<void> {
    const buffer = new Uint8Array(2_048);
    try {
      for (;;) {
        const [datagram, from] = await this.#server.receive(buffer);
        await this.#server.send(datagram, from);
      }
    } catch {
      // Closed: it is over.
    }
  }
}

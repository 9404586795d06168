import assert from "node:assert/strict";
import type { TransportError } from "../core/error.ts";
import {
  DenoUdpCarrier,
  type DenoUdpOptions,
  hasDenoUdp,
  MAX_RECEIVE_ERRORS,
} from "./deno_udp.ts";

/** A carrier that receives its own datagrams, and whose socket fails when it is told. */
class Rig {
  /** Receives that fail, and how long each of them takes to. */
  failuresLeft = 0;
  msPerFailure = 0;
  readonly errors: TransportError[] = [];
  readonly carrier: DenoUdpCarrier;
  #now = 0;
  #onReceived: () => void = () => {};

  constructor() {
    const options: DenoUdpOptions = {
      listen: (options) => this.#listen(options),
      clock: () => this.#now,
    };
    this.carrier = new DenoUdpCarrier(
      { hostname: "127.0.0.1", port: 0 },
      options,
    );
  }

  /** @returns Fulfilled with the first error. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.carrier.start(() => this.#onReceived(), (error) => {
        this.errors.push(error);
        resolve();
      });
    });
  }

  /** Sends a datagram and receives it, after which so many receives fail. */
  async exchange(failuresAfter: number): Promise<void> {
    const received = new Promise<void>((resolve) => {
      this.#onReceived = () => {
        this.failuresLeft = failuresAfter;
        resolve();
      };
    });
    await this.carrier.send(new Uint8Array(1), this.carrier.localAddress);
    await received;
  }

  #listen(
    options: Deno.UdpListenOptions & { transport: "udp" },
  ): Deno.DatagramConn {
    const socket = Deno.listenDatagram(options);
    const receive = socket.receive.bind(socket);
    socket.receive = (buffer) => {
      if (this.failuresLeft === 0) return receive(buffer);
      this.failuresLeft--;
      this.#now += this.msPerFailure;
      return Promise.reject(new Error("Connection reset"));
    };
    return socket;
  }
}

function test(title: string, body: (rig: Rig) => Promise<void>): void {
  Deno.test({
    name: `DenoUdpCarrier ${title}`,
    ignore: !hasDenoUdp(),
    fn: async () => {
      const rig = new Rig();
      await body(rig);
      await rig.carrier.close();
    },
  });
}

test("goes on receiving however often that has failed, as long as it takes a while", async (rig) => {
  rig.failuresLeft = 4 * MAX_RECEIVE_ERRORS;
  rig.msPerFailure = 2;
  void rig.start();
  await rig.exchange(0);
  assert.deepEqual(rig.errors, []);
  const { receiveErrorCount } = rig.carrier.stats;
  assert.equal(receiveErrorCount, 4 * MAX_RECEIVE_ERRORS);
});

test("goes on receiving after as many failures at once, again and again", async (rig) => {
  void rig.start();
  for (let round = 0; round < 3; round++) {
    await rig.exchange(MAX_RECEIVE_ERRORS);
  }
  await rig.exchange(0);
  assert.deepEqual(rig.errors, []);
});

test("says that its socket is broken when receiving fails as fast as it is tried", async (rig) => {
  rig.failuresLeft = Infinity;
  rig.msPerFailure = 0.1;
  await rig.start();
  assert.deepEqual(rig.errors.map(({ code }) => code), ["CARRIER_FAILED"]);
  assert.ok(rig.carrier.stats.receiveErrorCount < 2 * MAX_RECEIVE_ERRORS);
});

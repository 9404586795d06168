/**
 * What does it cost to move datagrams from one socket to another in this
 * process, one by one and many at once? With `--allow-ffi`, on Linux, the
 * carrier over the C library has rows too.
 *
 * @module
 */
import {
  type Carrier,
  createUdpCarrier,
  type UdpImplementation,
} from "../transport/mod.ts";

const ANY = { hostname: "127.0.0.1", port: 0 };
const SIZES = [1_200, 32_500] as const;
/** As many as the default receive buffer takes in any case. */
const BURSTS: Readonly<Record<(typeof SIZES)[number], number>> = {
  1_200: 32,
  32_500: 4,
};
const { state } = Deno.permissions.querySync({ name: "ffi" });
const IMPLEMENTATIONS: readonly UdpImplementation[] = [
  "deno",
  "node",
  ...(Deno.build.os === "linux" && state === "granted"
    ? ["linux"] as const
    : []),
];

/** Two carriers, and a promise for each burst that arrives. */
class Pair {
  readonly sender: Carrier;
  readonly receiver: Carrier;
  #missingCount = 0;
  #resolve: () => void = () => {};

  constructor(sender: Carrier, receiver: Carrier) {
    this.sender = sender;
    this.receiver = receiver;
    receiver.start(() => {
      if (--this.#missingCount === 0) this.#resolve();
    }, () => {});
  }

  /** Sends a burst as a driver does, and waits until it is there. */
  async exchange(datagrams: readonly Uint8Array[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolve = resolve;
    this.#missingCount = datagrams.length;
    const to = this.receiver.localAddress;
    const { sender } = this;
    if (sender.sendBatch !== undefined) {
      sender.sendBatch(datagrams.map((datagram) => ({ datagram, to })));
    } else {
      for (const datagram of datagrams) void sender.send(datagram, to);
    }
    await promise;
  }
}

for (const implementation of IMPLEMENTATIONS) {
  const pair = new Pair(
    await createUdpCarrier(ANY, { implementation }),
    await createUdpCarrier(ANY, { implementation }),
  );
  for (const size of SIZES) {
    for (const count of [1, BURSTS[size]]) {
      const burst = Array.from({ length: count }, () => new Uint8Array(size));
      Deno.bench(`${implementation}: ${count} of ${size} bytes`, {
        group: `${count} of ${size} bytes`,
      }, () => pair.exchange(burst));
    }
  }
  addEventListener("unload", () => {
    void pair.sender.close();
    void pair.receiver.close();
  });
}

import assert from "node:assert/strict";
import type { Address } from "../core/address.ts";
import { TransportError } from "../core/error.ts";
import type { OutgoingDatagram } from "./carrier.ts";
import { DenoUdpCarrier } from "./deno_udp.ts";
import { type Libc, loadLibc } from "./linux/libc.ts";
import { LinuxUdpCarrier } from "./linux_udp.ts";

const ANY: Address = { hostname: "127.0.0.1", port: 0 };
const DEFAULT_BUFFER_BYTES = 212_992;
/** Level and option of `SO_TYPE`, which fails for a number that is no socket. */
const SOCKET_TYPE = [1, 3] as const;
/** Options of `ip(7)` and `ipv6(7)`: whether datagrams are cut, and "never". */
const MTU_DISCOVERY = [
  { hostname: "0.0.0.0", level: 0, option: 10 },
  { hostname: "::", level: 41, option: 23 },
];
const PROBE = 3;

const loaded = loadLibc();
const system: Libc | undefined = typeof loaded === "string"
  ? undefined
  : loaded;

function test(title: string, body: (system: Libc) => Promise<void>): void {
  Deno.test({
    name: `LinuxUdpCarrier ${title}` + (system ? "" : ` (${loaded})`),
    ignore: system === undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: () => body(system!),
  });
}

function canBind(hostname: string): boolean {
  try {
    Deno.listenDatagram({ transport: "udp", hostname, port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

function bind(libc: Libc): LinuxUdpCarrier {
  const carrier = LinuxUdpCarrier.bind(ANY, { libc });
  assert.ok(carrier instanceof LinuxUdpCarrier);
  return carrier;
}

function readOption(
  libc: Libc,
  descriptor: number,
  level: number,
  option: number,
): number | undefined {
  const value = new Int32Array(1);
  const lengthBytes = new Uint32Array([value.byteLength]);
  return libc.getsockopt(descriptor, level, option, value, lengthBytes) === 0
    ? value[0]
    : undefined;
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof TransportError && error.code === "ADDRESS_IN_USE";
}

/** What arrives at a carrier, in this order. */
class Inbox {
  readonly carrier: LinuxUdpCarrier;
  readonly received: { readonly bytes: Uint8Array; readonly from: Address }[] =
    [];
  #isEnough: () => boolean = () => false;
  #resolve: () => void = () => {};

  constructor(carrier: LinuxUdpCarrier) {
    this.carrier = carrier;
    carrier.start((datagram, from) => {
      this.received.push({ bytes: datagram.slice(), from });
      if (this.#isEnough()) this.#resolve();
    }, (error) => assert.fail(error));
  }

  /** Resolves when so many have arrived. */
  async until(count: number): Promise<void> {
    this.#isEnough = () => this.received.length >= count;
    if (this.#isEnough()) return;
    await new Promise<void>((resolve) => this.#resolve = resolve);
  }
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31 + seed);
}

async function withTwoInboxes(
  libc: Libc,
  body: (sender: LinuxUdpCarrier, inboxes: readonly Inbox[]) => Promise<void>,
): Promise<void> {
  const sender = bind(libc);
  const inboxes = [new Inbox(bind(libc)), new Inbox(bind(libc))];
  try {
    await body(sender, inboxes);
  } finally {
    await sender.close();
    for (const { carrier } of inboxes) await carrier.close();
  }
}

/** Runs of one size, sizes that end them, both addresses, nothing at all. */
const LENGTHS = [
  ...new Array<number>(70).fill(1_200),
  600,
  ...new Array<number>(5).fill(1_200),
  1_201,
  0,
  0,
  1,
  64,
  64,
  65_507,
  32_500,
  32_500,
  32_500,
  20,
];

/** Sends a batch to both, in parts that fit any buffer, and checks what came. */
async function exchange(
  sender: LinuxUdpCarrier,
  inboxes: readonly Inbox[],
): Promise<void> {
  const sent: Uint8Array[][] = [[], []];
  const batch: OutgoingDatagram[] = LENGTHS.map((length, seed) => {
    const receiver = seed % 20 > 14 ? 1 : 0;
    const datagram = pattern(length, seed);
    sent[receiver]!.push(datagram.slice());
    return { datagram, to: inboxes[receiver]!.carrier.localAddress };
  });
  for (const { sending } of sender.sendBatch(batch)) await sending;
  // Nothing is kept of what was given.
  for (const { datagram } of batch) datagram.fill(0);
  for (const [index, inbox] of inboxes.entries()) {
    await inbox.until(sent[index]!.length);
    const { received } = inbox;
    // Not `deepEqual`, which takes minutes to show a difference of this size.
    for (const [at, { bytes, from }] of received.entries()) {
      const expected = sent[index]![at]!;
      assert.equal(bytes.length, expected.length, `datagram ${at}`);
      assert.ok(bytes.every((byte, offset) => byte === expected[offset]));
      assert.deepEqual({ ...from }, { ...sender.localAddress });
    }
    received.length = 0;
  }
  assert.equal(sender.stats.sendErrorCount, 0);
}

test("sends a batch of any sizes to several addresses whole and in order", (libc) =>
  withTwoInboxes(libc, exchange));

test("delivers what is there when asked, before the runtime does, and each datagram once", async (libc) => {
  await withTwoInboxes(libc, async (sender, [inbox]) => {
    const { carrier, received } = inbox!;
    for (let round = 1; round <= 20; round++) {
      // No turn of the event loop between sending and receiving.
      const batch = [0, 1, 2].map((seed) => ({
        datagram: pattern(100, round + seed),
        to: carrier.localAddress,
      }));
      assert.deepEqual(sender.sendBatch(batch), []);
      carrier.receiveNow();
      assert.equal(received.length, 3 * round);
    }
    assert.deepEqual(received.at(-1)!.bytes, pattern(100, 22));
    assert.deepEqual(received.at(-1)!.from, sender.localAddress);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(received.length, 60);
    // The runtime has not stopped waiting.
    for (
      const { sending } of sender.sendBatch([{
        datagram: pattern(5, 0),
        to: carrier.localAddress,
      }])
    ) await sending;
    await inbox!.until(61);
  });
});

test("receives nothing before it is started, nor after it is closed", async (libc) => {
  const carrier = bind(libc);
  carrier.sendBatch([{ datagram: pattern(5, 0), to: carrier.localAddress }]);
  carrier.receiveNow();
  const received: Uint8Array[] = [];
  carrier.start(
    (datagram) => {
      received.push(datagram);
    },
    (error) => assert.fail(error),
  );
  const closing = carrier.close();
  carrier.receiveNow();
  await closing;
  assert.deepEqual(received, []);
});

test("has larger buffers than the default, and says how large", (libc) =>
  withTwoInboxes(libc, (sender) => {
    assert.ok(sender.receiveBufferBytes > DEFAULT_BUFFER_BYTES);
    return Promise.resolve();
  }));

for (const { hostname, level, option } of MTU_DISCOVERY) {
  if (system !== undefined && !canBind(hostname)) continue; // no IPv6 here
  test(`sends no datagram from ${hostname} in fragments`, async (libc) => {
    const numbers: number[] = [];
    const carrier = LinuxUdpCarrier.bind({ hostname, port: 0 }, {
      libc: {
        ...libc,
        setsockopt: (descriptor, ...rest) => {
          numbers.push(descriptor);
          return libc.setsockopt(descriptor, ...rest);
        },
      },
    });
    assert.equal(readOption(libc, numbers[0]!, level, option), PROBE);
    await carrier.close();
  });
}

test("leaves nothing of a worker that is terminated", async (libc) => {
  const worker = new Worker(
    new URL("../../tests/support/bound_worker.ts", import.meta.url),
    { type: "module" },
  );
  const address = await new Promise<Address>((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
  });
  assert.throws(
    () => LinuxUdpCarrier.bind(address, { libc }),
    isAddressInUse,
  );
  worker.terminate();
  // The runtime ends its thread some time later.
  for (let tries = 1;; tries++) {
    try {
      await LinuxUdpCarrier.bind(address, { libc }).close();
      break;
    } catch (error) {
      assert.ok(isAddressInUse(error) && tries < 3_000, `${error}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
});

test("holds more datagrams than the default buffer before they are read", async (libc) => {
  const sender = bind(libc);
  const receiver = bind(libc);
  const to = receiver.localAddress;
  const count = 150; // 92 of 1,200 bytes fill the default
  for (let index = 0; index < count; index++) {
    sender.send(pattern(1_200, index), to);
  }
  const inbox = new Inbox(receiver);
  await inbox.until(count);
  assert.deepEqual(inbox.received.at(-1)!.bytes, pattern(1_200, count - 1));
  await sender.close();
  await receiver.close();
});

test("sends one by one where the kernel does not cut, and soon stops asking it", async (libc) => {
  let refusedCount = 0;
  const uncut: Libc = {
    ...libc,
    sendmmsg: (descriptor, messages, count, flags) => {
      const control = new DataView(messages.buffer).getBigUint64(32, true);
      if (control !== 0n) refusedCount++;
      return control === 0n
        ? libc.sendmmsg(descriptor, messages, count > 1 ? 2 : 1, flags)
        : -1;
    },
  };
  await withTwoInboxes(uncut, async (sender, inboxes) => {
    for (let round = 0; round < 6; round++) await exchange(sender, inboxes);
  });
  assert.ok(refusedCount >= 1 && refusedCount <= 3, String(refusedCount));
});

test("has the kernel cut no datagram that is to be separate", async (libc) => {
  const messageCounts: number[] = [];
  const counting: Libc = {
    ...libc,
    sendmmsg: (descriptor, messages, count, flags) => {
      messageCounts.push(count);
      return libc.sendmmsg(descriptor, messages, count, flags);
    },
  };
  await withTwoInboxes(counting, async (sender, [inbox]) => {
    const to = inbox!.carrier.localAddress;
    const separate = [false, false, true, true, false, false];
    sender.sendBatch(separate.map((isSeparate, seed) => ({
      datagram: pattern(100, seed),
      to,
      isSeparate,
    })));
    await inbox!.until(separate.length);
    for (const [seed, { bytes }] of inbox!.received.entries()) {
      assert.deepEqual(bytes, pattern(100, seed));
    }
  });
  assert.deepEqual(messageCounts, [4]);
});

test("lets the runtime send and receive what the library refuses", async (libc) => {
  const refusing: Libc = { ...libc, sendmmsg: () => -1, recvmmsg: () => -1 };
  await withTwoInboxes(refusing, exchange);
});

test("sends what is around a datagram that is too large", (libc) =>
  withTwoInboxes(libc, async (sender, [inbox]) => {
    const to = inbox!.carrier.localAddress;
    const datagrams = [10, 65_508, 20].map((length) => ({
      datagram: pattern(length, length),
      to,
    }));
    const pending = sender.sendBatch(datagrams);
    const results = await Promise.allSettled(
      pending.map(({ sending }) => sending),
    );
    const reasons = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason] : []
    );
    assert.equal(reasons.length, 1);
    assert.ok(reasons[0] instanceof TransportError);
    assert.equal(reasons[0].code, "DATAGRAM_TOO_LARGE");
    await inbox!.until(2);
    assert.deepEqual(
      inbox!.received.map(({ bytes }) => bytes.length),
      [10, 20],
    );
  }));

test("leaves an address of the other family to the runtime, which refuses it", (libc) =>
  withTwoInboxes(libc, async (sender) => {
    await assert.rejects(
      async () =>
        await sender.send(pattern(4, 4), { hostname: "::1", port: 9 }),
      (error) =>
        error instanceof TransportError && error.code === "CARRIER_FAILED",
    );
  }));

test("asks the runtime about no address where all of the network is granted", async (libc) => {
  const asked: (string | undefined)[] = [];
  const own: Partial<Deno.Permissions> = Deno.permissions;
  own.querySync = (descriptor) => {
    if (descriptor.name === "net") asked.push(descriptor.host);
    // That of the library, which is granted, in the place of any other.
    return Deno.Permissions.prototype.querySync.call(Deno.permissions, {
      name: "ffi",
    });
  };
  const sender = bind(libc);
  sender.start(() => {}, () => {});
  try {
    for (let port = 20_000; port < 20_050; port++) {
      await sender.send(pattern(1, 1), { hostname: "127.0.0.1", port });
    }
  } finally {
    delete own.querySync;
    await sender.close();
  }
  assert.ok(asked.length >= 50);
  assert.deepEqual(asked.filter((host) => host !== undefined), []);
});

/** Not granted by `tests/integration/ffi_test.ts`, nor by `deno task test`. */
const FORBIDDEN: Address = { hostname: "127.0.0.3", port: 9 };
const { state } = Deno.permissions.querySync({
  name: "net",
  host: "127.0.0.3:9",
});

if (state !== "granted") {
  test("sends nowhere that the net permission forbids", (libc) => {
    let callCount = 0;
    const counting: Libc = {
      ...libc,
      sendmmsg: (descriptor, messages, count, flags) => {
        callCount++;
        return libc.sendmmsg(descriptor, messages, count, flags);
      },
    };
    return withTwoInboxes(counting, async (sender, [inbox]) => {
      for (let round = 0; round < 2; round++) {
        await assert.rejects(
          async () => await sender.send(pattern(4, 4), FORBIDDEN),
          (error) =>
            error instanceof TransportError && error.code === "CARRIER_FAILED",
        );
      }
      assert.equal(callCount, 0);
      await sender.send(pattern(5, 5), inbox!.carrier.localAddress);
      await inbox!.until(1);
      assert.equal(callCount, 1);
    });
  });
}

test("gives every number of a socket back when it is closed", async (libc) => {
  const openCount = (): number =>
    Array.from({ length: 512 }, (_, number) => number)
      .filter((number) =>
        readOption(libc, number, ...SOCKET_TYPE) !== undefined
      )
      .length;
  await bind(libc).close();
  const before = openCount();
  for (let round = 0; round < 20; round++) {
    const carriers = [bind(libc), bind(libc)];
    for (const carrier of carriers) carrier.start(() => {}, () => {});
    for (const carrier of carriers) await carrier.close();
    for (const carrier of carriers) await carrier.close();
  }
  assert.equal(openCount(), before);
});

test("finds its socket among others of the same port", async (libc) => {
  const first = bind(libc);
  const { port } = first.localAddress;
  const tcp = Deno.listen({ hostname: "127.0.0.1", port });
  const other = LinuxUdpCarrier.bind({ hostname: "127.0.0.2", port }, { libc });
  assert.ok(other instanceof LinuxUdpCarrier);
  const inboxes = [new Inbox(first), new Inbox(other)];
  other.send(pattern(3, 1), first.localAddress);
  first.send(pattern(3, 2), other.localAddress);
  for (const inbox of inboxes) await inbox.until(1);
  assert.deepEqual(inboxes[0]!.received[0]!.bytes, pattern(3, 1));
  assert.deepEqual(inboxes[1]!.received[0]!.bytes, pattern(3, 2));
  tcp.close();
  for (const { carrier } of inboxes) await carrier.close();
});

Deno.test({
  name:
    "LinuxUdpCarrier.bind() is the runtime's carrier without the library, and says why",
  ignore: typeof Deno.listenDatagram !== "function",
  fn: async () => {
    const reasons: string[] = [];
    const carrier = LinuxUdpCarrier.bind(ANY, {
      libc: "no such file",
      onMissing: (reason) => reasons.push(reason),
    });
    assert.ok(carrier instanceof DenoUdpCarrier);
    assert.deepEqual(reasons, ["no such file"]);
    await carrier.close();
  },
});

test("is the runtime's carrier where the socket cannot be found", async (libc) => {
  for (
    const broken of [
      { ...libc, getsockname: () => -1 },
      { ...libc, socket: () => -1 },
    ]
  ) {
    const reasons: string[] = [];
    const carrier = LinuxUdpCarrier.bind(ANY, {
      libc: broken,
      onMissing: (reason) => reasons.push(reason),
    });
    assert.ok(carrier instanceof DenoUdpCarrier);
    assert.deepEqual(reasons, ["the socket was not found"]);
    await carrier.close();
  }
});

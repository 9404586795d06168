/**
 * What every carrier promises, as one suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Carrier } from "../../transport/carrier/carrier.ts";
import type { Address } from "../../transport/core/address.ts";
import { TransportError } from "../../transport/core/error.ts";

/** One implementation under test. */
export interface CarrierSubject {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** Why the suite cannot run here; absent when it can. */
  readonly skipReason?: string;
  /** The local address that the suite binds to. */
  readonly hostname: string;
  /** Binds a carrier; both of one test see each other. */
  create(address: Address): Promise<Carrier> | Carrier;
}

interface Received {
  readonly bytes: Uint8Array;
  readonly from: Address;
}

/** A bound carrier whose datagrams can be awaited one by one. */
class Probe {
  readonly carrier: Carrier;
  readonly errors: unknown[] = [];
  readonly #received: Received[] = [];
  #waiting: ((received: Received) => void) | undefined;

  constructor(carrier: Carrier, onDatagram?: () => void) {
    this.carrier = carrier;
    carrier.start((datagram, from) => {
      onDatagram?.();
      // Copied: the bytes are borrowed for the call.
      const received = { bytes: datagram.slice(), from };
      if (this.#waiting === undefined) this.#received.push(received);
      else this.#waiting(received);
      this.#waiting = undefined;
    }, (error) => this.errors.push(error));
  }

  next(): Promise<Received> {
    const received = this.#received.shift();
    if (received !== undefined) return Promise.resolve(received);
    return new Promise((resolve) => this.#waiting = resolve);
  }

  async send(bytes: Uint8Array, to: Probe): Promise<void> {
    await this.carrier.send(bytes, to.carrier.localAddress);
  }
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 31 + length);
}

/**
 * Registers the suite for one implementation.
 *
 * @param subject The implementation.
 */
export function testCarrier(subject: CarrierSubject): void {
  const { hostname } = subject;

  function test(title: string, body: () => Promise<void>): void {
    Deno.test({
      name: `${subject.name} ${title}` +
        (subject.skipReason === undefined ? "" : ` (${subject.skipReason})`),
      ignore: subject.skipReason !== undefined,
      sanitizeOps: true,
      sanitizeResources: true,
      fn: body,
    });
  }

  async function withPair(
    body: (left: Probe, right: Probe) => Promise<void>,
  ): Promise<void> {
    const left = new Probe(await subject.create({ hostname, port: 0 }));
    const right = new Probe(await subject.create({ hostname, port: 0 }));
    try {
      await body(left, right);
      assert.deepEqual(left.errors, []);
      assert.deepEqual(right.errors, []);
    } finally {
      await left.carrier.close();
      await right.carrier.close();
    }
  }

  test("gives each carrier a port of its own", () =>
    withPair((left, right) => {
      const a = left.carrier.localAddress;
      const b = right.carrier.localAddress;
      assert.equal(a.hostname, hostname);
      assert.ok(a.port > 0 && b.port > 0);
      assert.notEqual(a.port, b.port);
      return Promise.resolve();
    }));

  test("carries datagrams of every size whole, with their sender", () =>
    withPair(async (left, right) => {
      for (const length of [0, 1, 31, 32, 1_199, 1_200, 1_500, 9_000, 65_000]) {
        const sent = pattern(length);
        await left.send(sent, right);
        const { bytes, from } = await right.next();
        assert.deepEqual(bytes, sent);
        assert.deepEqual({ ...from }, { ...left.carrier.localAddress });
      }
    }));

  test("carries the largest datagram it promises", () =>
    withPair(async (left, right) => {
      const sent = pattern(left.carrier.maxDatagramBytes);
      await left.send(sent, right);
      assert.deepEqual((await right.next()).bytes, sent);
    }));

  test("reports a datagram that is larger than any path carries", () =>
    withPair(async (left, right) => {
      const tooLarge = new Uint8Array(left.carrier.maxDatagramBytes + 1);
      await assert.rejects(
        left.send(tooLarge, right),
        (error) =>
          error instanceof TransportError &&
          error.code === "DATAGRAM_TOO_LARGE",
      );
      assert.equal(left.carrier.stats.sendErrorCount, 1);
      await left.send(pattern(3), right);
      assert.deepEqual((await right.next()).bytes, pattern(3));
    }));

  test("answers to the sender's address", () =>
    withPair(async (left, right) => {
      await left.send(pattern(10), right);
      const { from } = await right.next();
      await right.carrier.send(pattern(20), from);
      assert.deepEqual((await left.next()).bytes, pattern(20));
    }));

  test("lets a burst be sent without waiting between datagrams", () =>
    withPair(async (left, right) => {
      const count = 32;
      const sending: (Promise<void> | void)[] = [];
      for (let index = 0; index < count; index++) {
        sending.push(
          left.carrier.send(pattern(100 + index), right.carrier.localAddress),
        );
      }
      await Promise.all(sending);
      const lengths = new Set<number>();
      for (let index = 0; index < count; index++) {
        const { bytes } = await right.next();
        assert.deepEqual(bytes, pattern(bytes.length));
        lengths.add(bytes.length);
      }
      assert.equal(lengths.size, count);
    }));

  test("does not keep the sender's buffer after the promise", () =>
    withPair(async (left, right) => {
      const buffer = pattern(64);
      await left.send(buffer, right);
      buffer.fill(0);
      assert.deepEqual((await right.next()).bytes, pattern(64));
    }));

  test("takes a datagram for nobody as a lost one", () =>
    withPair(async (left, right) => {
      const gone = await subject.create({ hostname, port: 0 });
      const nowhere = gone.localAddress;
      await gone.close();
      for (let index = 0; index < 3; index++) {
        await left.carrier.send(pattern(8), nowhere);
      }
      await left.send(pattern(9), right);
      assert.deepEqual((await right.next()).bytes, pattern(9));
    }));

  test("reports what its handler threw and goes on", async () => {
    let count = 0;
    const left = new Probe(await subject.create({ hostname, port: 0 }));
    const right = new Probe(
      await subject.create({ hostname, port: 0 }),
      () => {
        if (++count === 1) throw new Error("handler");
      },
    );
    await left.send(pattern(1), right);
    await left.send(pattern(2), right);
    assert.deepEqual((await right.next()).bytes, pattern(2));
    assert.equal(right.errors.length, 1);
    assert.ok(
      right.errors[0] instanceof TransportError &&
        right.errors[0].code === "CARRIER_FAILED",
    );
    await left.carrier.close();
    await right.carrier.close();
  });

  test("refuses an address that is taken", () =>
    withPair(async (left) => {
      await assert.rejects(
        async () => await subject.create(left.carrier.localAddress),
        (error) =>
          error instanceof TransportError && error.code === "ADDRESS_IN_USE",
      );
    }));

  test("gives its address back when it is closed, twice or sending", async () => {
    const first = await subject.create({ hostname, port: 0 });
    const other = await subject.create({ hostname, port: 0 });
    first.start(() => {}, () => {});
    const address = first.localAddress;
    const sending = first.send(pattern(4), other.localAddress);
    await first.close();
    await first.close();
    await sending;
    // A closed carrier loses what it is given.
    await first.send(pattern(4), other.localAddress);
    const again = await subject.create(address);
    assert.deepEqual({ ...again.localAddress }, { ...address });
    await again.close();
    await other.close();
  });
}

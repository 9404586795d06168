import assert from "node:assert/strict";
import type { Carrier } from "./carrier/carrier.ts";
import type { Address } from "./core/address.ts";
import { TransportError } from "./core/error.ts";
import { DatagramSender, MAX_DATAGRAMS_PER_TURN } from "./datagram_sender.ts";

const TO: Address = { hostname: "127.0.0.1", port: 1 };

/** A sender of numbered datagrams, whose sends are settled by hand. */
class Rig {
  readonly lengths: number[] = [];
  readonly sent: Uint8Array[] = [];
  readonly pending: PromiseWithResolvers<void>[] = [];
  readonly turns: (() => void)[] = [];
  readyCount = 0;
  #number: number;
  readonly refusals: unknown[] = [];
  readonly sender: DatagramSender;

  constructor(carrier: Partial<Carrier> = {}, firstNumber = 1) {
    this.#number = firstNumber;
    this.sender = new DatagramSender({
      endpoint: {
        pollTransmit: (_now, into) => {
          const length = this.lengths.shift();
          if (length === undefined) return undefined;
          into.fill(this.#number++, 0, length);
          return { length, to: TO, isSeparate: false };
        },
      },
      carrier: {
        localAddress: TO,
        maxDatagramBytes: 60_000,
        stats: { sendErrorCount: 0, receiveErrorCount: 0 },
        start: () => {},
        send: (datagram) => {
          this.sent.push(datagram);
          const pending = Promise.withResolvers<void>();
          this.pending.push(pending);
          return pending.promise;
        },
        close: () => {},
        ...carrier,
      },
      clock: () => 0,
      scheduleTurn: (task) => this.turns.push(task),
      onReady: () => this.readyCount++,
      onSendFailed: (_to, error) => assert.fail(error),
      onSendRefused: (_to, error) => this.refusals.push(error),
      onError: (error) => assert.fail(String(error)),
    });
  }

  transmit(...lengths: number[]): boolean {
    this.lengths.push(...lengths);
    return this.sender.transmit();
  }

  async settle(): Promise<void> {
    for (const { resolve } of this.pending.splice(0)) resolve();
    await this.sender.waitUntilSettled();
  }
}

for (const length of [1, 2_048, 2_049, 60_000]) {
  Deno.test(`DatagramSender leaves datagrams of ${length} bytes alone until they are sent`, async () => {
    const rig = new Rig();
    for (let round = 0; round < 3; round++) {
      const from = rig.sent.length;
      const first = 8 * round + 1;
      rig.transmit(...Array.from({ length: 8 }, () => length));
      for (const [index, datagram] of rig.sent.slice(from).entries()) {
        assert.equal(datagram.length, length);
        assert.ok(datagram.every((byte) => byte === first + index));
      }
      await rig.settle();
    }
    assert.equal(rig.sent.length, 24);
    assert.equal(rig.sender.takeHasSent(), true);
    assert.equal(rig.sender.takeHasSent(), false);
  });
}

for (const isBatched of [false, true]) {
  Deno.test(`DatagramSender knows when a hello was among what it sent, ${isBatched ? "in a batch" : "one by one"}`, () => {
    // Numbered from 0: the first begins as a hello does, with eight zeros.
    const rig = new Rig(isBatched ? { sendBatch: () => [] } : {}, 0);
    const hasHello = (...lengths: number[]): boolean => {
      rig.transmit(...lengths);
      return rig.sender.takeHasSentHello();
    };
    assert.equal(hasHello(), false);
    assert.equal(hasHello(1_200), true);
    assert.equal(rig.sender.takeHasSentHello(), false, "it was asked");
    assert.equal(hasHello(1_200), false, "another connection id");
    const short = new Rig(isBatched ? { sendBatch: () => [] } : {}, 0);
    short.transmit(1_199);
    assert.equal(short.sender.takeHasSentHello(), false);
  });
}

Deno.test("DatagramSender goes on after a datagram that does not fit the path, and says so", async () => {
  const rig = new Rig();
  rig.transmit(10, 10);
  const tooLarge = new TransportError("DATAGRAM_TOO_LARGE", "Send: too large");
  rig.pending.shift()!.reject(tooLarge);
  await rig.settle();
  assert.deepEqual(rig.refusals, [tooLarge]);
  rig.transmit(10);
  await rig.settle();
  assert.equal(rig.sent.length, 3);
});

Deno.test("DatagramSender says when it is ready after its share of a turn, to who waits for it alone", async () => {
  const rig = new Rig({ send: () => {} });
  const some = Array.from({ length: MAX_DATAGRAMS_PER_TURN }, () => 10);
  assert.equal(rig.transmit(...some, 10), true);
  assert.equal(rig.lengths.length, 1);
  assert.equal(rig.transmit(), true);
  rig.turns.shift()!();
  assert.equal(rig.readyCount, 1);
  assert.equal(rig.transmit(...some), true);
  const ready = rig.sender.waitUntilReady();
  rig.turns.shift()!();
  await ready;
  assert.equal(rig.readyCount, 1);
  assert.equal(rig.transmit(), false);
  await rig.sender.waitUntilSettled();
});

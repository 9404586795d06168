import assert from "node:assert/strict";
import type { Address } from "../core/address.ts";
import { TransportError } from "../core/error.ts";
import { hasDenoUdp } from "./deno_udp.ts";
import { loadLibc } from "./linux/libc.ts";
import { createUdpCarrier, type UdpImplementation } from "./udp.ts";

const ANY = { hostname: "127.0.0.1", port: 0 };
const libc = loadLibc();

Deno.test({
  name: "createUdpCarrier() does without the C library, and says so once",
  ignore: !hasDenoUdp() || typeof libc !== "string",
  fn: async () => {
    const warnings: string[] = [];
    const bind = (onWarning?: (message: string) => void) =>
      createUdpCarrier(ANY, {
        implementation: "linux",
        ...(onWarning && { onWarning }),
      });
    const carriers = [
      // Nobody hears it: that does not count.
      await bind(),
      await bind((message) => warnings.push(message)),
      await bind((message) => warnings.push(message)),
    ];
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]!.includes(String(libc)));
    for (const carrier of carriers) {
      assert.equal(carrier.sendBatch, undefined);
      assert.equal(carrier.receiveBufferBytes, undefined);
      await carrier.close();
    }
  },
});

Deno.test("createUdpCarrier() does without Deno.listenDatagram, and says so once", async () => {
  const listenDatagram = Object.getOwnPropertyDescriptor(
    Deno,
    "listenDatagram",
  );
  // As without --unstable-net.
  Reflect.deleteProperty(Deno, "listenDatagram");
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  try {
    const carriers = [
      // Nobody hears it: that does not count.
      await createUdpCarrier(ANY),
      await createUdpCarrier(ANY, { onWarning }),
      await createUdpCarrier(ANY, { onWarning }),
    ];
    for (const carrier of carriers) await carrier.close();
  } finally {
    if (listenDatagram !== undefined) {
      Object.defineProperty(Deno, "listenDatagram", listenDatagram);
    }
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /--unstable-net/);
});

Deno.test("createUdpCarrier() takes the C library where it may, and warns of nothing", async () => {
  const warnings: string[] = [];
  const carrier = await createUdpCarrier(ANY, {
    onWarning: (message) => warnings.push(message),
  });
  const isExpected = hasDenoUdp() && typeof libc !== "string";
  assert.equal(carrier.sendBatch !== undefined, isExpected);
  if (hasDenoUdp()) assert.deepEqual(warnings, []);
  await carrier.close();
});

const implementations: UdpImplementation[] = hasDenoUdp()
  ? ["linux", "deno", "node"]
  : ["node"];
for (const implementation of implementations) {
  Deno.test(`createUdpCarrier() refuses a port out of range: ${implementation}`, async () => {
    for (const port of [-1, 65_536, 70_000, 1.5, NaN, Infinity]) {
      await assert.rejects(
        createUdpCarrier({ hostname: "127.0.0.1", port }, { implementation }),
        (error) =>
          error instanceof TransportError && error.code === "INVALID_CONFIG" &&
          error.message ===
            `Bind: port of 127.0.0.1 must be 0 to 65535, got ${port}`,
      );
    }
  });

  Deno.test(`A carrier tells why the system has not taken a datagram, and counts it as lost: ${implementation}`, async () => {
    const carrier = await createUdpCarrier(ANY, { implementation });
    const refused: [Address, unknown][] = [];
    carrier.start(
      () => {},
      assert.fail,
      (to, error) => refused.push([to, error]),
    );
    const nobody: Address = { hostname: "127.0.0.1", port: 0 };
    await carrier.send(new Uint8Array(3), nobody);
    await carrier.send(new Uint8Array(3), carrier.localAddress);
    assert.equal(carrier.stats.sendErrorCount, 1);
    assert.equal(refused.length, 1);
    assert.deepEqual(refused[0]![0], nobody);
    assert.ok(refused[0]![1] instanceof Error);
    await carrier.close();
  });
}

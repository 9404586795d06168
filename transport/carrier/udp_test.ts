import assert from "node:assert/strict";
import { hasDenoUdp } from "./deno_udp.ts";
import { loadLibc } from "./linux/libc.ts";
import { createUdpCarrier } from "./udp.ts";

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

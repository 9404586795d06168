import assert from "node:assert/strict";
import { createUdpCarrier } from "../../transport/mod.ts";
import { UdpRelay } from "./udp_relay.ts";

/** Sends datagrams through a relay to nobody and waits until it saw them all. */
async function relayDatagrams(
  datagrams: readonly Uint8Array[],
  marker: Uint8Array,
): Promise<UdpRelay> {
  const target = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
  const sender = await createUdpCarrier({ hostname: "127.0.0.1", port: 0 });
  const relay = await UdpRelay.start({ target: target.localAddress, marker });
  const arrived = Promise.withResolvers<void>();
  let count = 0;
  target.start(() => {
    if (++count === datagrams.length) arrived.resolve();
  }, arrived.reject);
  sender.start(() => {}, arrived.reject);
  for (const datagram of datagrams) await sender.send(datagram, relay.address);
  await arrived.promise;
  await Promise.all([relay.close(), target.close(), sender.close()]);
  return relay;
}

Deno.test("UdpRelay sees a marker that is sent in the clear", async () => {
  const marker = new TextEncoder().encode("marker");
  const clear = new TextEncoder().encode("before marker after");
  const relay = await relayDatagrams([new Uint8Array(100), clear], marker);
  assert.equal(relay.hasSeenMarker, true);
  assert.equal(relay.toTarget.datagrams, 2);
});

Deno.test("UdpRelay sees no marker where there is none", async () => {
  const marker = new TextEncoder().encode("marker");
  const other = new TextEncoder().encode("before marked after");
  const relay = await relayDatagrams([other], marker);
  assert.equal(relay.hasSeenMarker, false);
});

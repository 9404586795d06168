import assert from "node:assert/strict";
import { TransportError } from "../../transport/mod.ts";
import {
  echoStreams,
  isEqualBytes,
  patternBytes,
  request,
  withTransports,
} from "../support/transport_pair.ts";
import {
  type RelayFaults,
  UdpRelay,
  type UdpRelayOptions,
} from "../support/udp_relay.ts";
import type { TransportPair } from "../support/transport_pair.ts";

async function withRelay(
  options: Omit<UdpRelayOptions, "target">,
  body: (pair: TransportPair, relay: UdpRelay) => Promise<void>,
): Promise<void> {
  let relay: UdpRelay | undefined;
  try {
    await withTransports((pair) => body(pair, relay!), {
      route: async (target) => {
        relay = await UdpRelay.start({ ...options, target });
        return relay.address;
      },
    });
  } finally {
    await relay?.close();
  }
}

Deno.test("Transport carries streams through a relay and shows it no plaintext", () => {
  const marker = new TextEncoder().encode("MARKER-of-the-plaintext");
  return withRelay({ marker }, async ({ outgoing, incoming }, relay) => {
    echoStreams(incoming);
    const sent = new Uint8Array(50_000);
    for (let at = 0; at + marker.length < sent.length; at += 100) {
      sent.set(marker, at);
    }
    assert.ok(isEqualBytes(await request(outgoing, sent), sent));
    assert.equal(relay.hasSeenMarker, false);
    assert.ok(relay.toTarget.bytes > sent.length);
    assert.ok(relay.toClient.bytes > sent.length);
  });
});

for (const closer of ["client", "server"] as const) {
  Deno.test(`A close of the ${closer} that gets lost is told again: what waits at its peer fails with it, not with the idle timeout`, () =>
    withRelay({}, async (pair, relay) => {
      const { outgoing, incoming } = pair;
      const [near, far] = closer === "client"
        ? [outgoing, incoming]
        : [incoming, outgoing];
      echoStreams(near);
      const stream = await far.openStream();
      await stream.write(patternBytes(10));
      assert.deepEqual(await stream.read(), patternBytes(10));
      const reading = stream.read();
      // What was to be acknowledged is: the next datagram is the close.
      for (const connection of [far, near]) await connection.ping();
      const direction = closer === "client" ? "toTarget" : "toClient";
      const droppedBefore = relay[direction].dropped;
      relay.dropNext(direction);
      await pair[closer].close(0x123, "leaving");
      await assert.rejects(
        reading,
        (error) =>
          error instanceof TransportError && error.code === "CLOSED_BY_PEER" &&
          error.closeCode === 0x123,
      );
      assert.equal(relay[direction].dropped, droppedBefore + 1);
    }));
}

const FAULTS: Record<string, RelayFaults> = {
  "loss of 5 %": { dropRate: 0.05 },
  "loss of 20 %": { dropRate: 0.2 },
  "reordering of 20 %": { reorderRate: 0.2 },
  "duplication of 20 %": { duplicateRate: 0.2 },
  "a flipped bit in 5 %": { flipRate: 0.05 },
  "all faults at once": {
    dropRate: 0.03,
    duplicateRate: 0.03,
    reorderRate: 0.03,
    flipRate: 0.03,
  },
};

for (const [title, faults] of Object.entries(FAULTS)) {
  Deno.test(`Transport delivers every byte despite ${title}`, () =>
    withRelay({ toTarget: faults, seed: 7 }, async (pair, relay) => {
      const { outgoing, incoming } = pair;
      echoStreams(incoming);
      const sent = patternBytes(200_000);
      const replies = await Promise.all([
        request(outgoing, sent),
        request(outgoing, sent.subarray(0, 1_000)),
        request(outgoing, sent.subarray(0, 10)),
      ]);
      assert.ok(isEqualBytes(replies[0], sent));
      assert.ok(isEqualBytes(replies[1], sent.subarray(0, 1_000)));
      assert.ok(isEqualBytes(replies[2], sent.subarray(0, 10)));
      assert.ok(relay.toTarget.datagrams > 0);
    }));
}

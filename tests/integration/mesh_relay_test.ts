/**
 * Calls through a network that loses, repeats, reorders and damages: a relay on
 * loopback stands between the caller and everything that it talks to.
 */
import assert from "node:assert/strict";
import { Agent, Node } from "../../mod.ts";
import { generateKeyPair } from "../../crypto/mod.ts";
import { formatMxpUrl, parseMxpUrl } from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type RelayFaults, UdpRelay } from "../support/udp_relay.ts";

const CALL_COUNT = 1_000;
const CALLS_AT_ONCE = 8;
const CALL_BYTES = 256;
/** Just under 16 MiB, with room for the head of the response. */
const BIG_ANSWER_BYTES = 16 * 1024 * 1024 - 1_024;
const MARKER = "plaintext-marker-5f2c";

const NETWORKS: readonly [name: string, faults: RelayFaults][] = [
  ["drops 5 %, repeats 2 % and reorders 5 %", {
    dropRate: 0.05,
    duplicateRate: 0.02,
    reorderRate: 0.05,
  }],
  ["flips a bit in every tenth datagram", { flipRate: 0.1 }],
];

/** Bytes that a seed repeats, with the marker in them again and again. */
function markedBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededRandom(seed).fillPublic(bytes);
  const marker = new TextEncoder().encode(MARKER);
  for (let at = 0; at + marker.length <= length; at += 200) {
    bytes.set(marker, at);
  }
  return bytes;
}

for (const [name, faults] of NETWORKS) {
  Deno.test(`Calls and a 16 MiB answer are right through a relay that ${name}`, async () => {
    const marker = new TextEncoder().encode(MARKER);
    const relays: UdpRelay[] = [];
    const through = async (url: string): Promise<string> => {
      const parts = parseMxpUrl(url);
      const relay = await UdpRelay.start({
        target: { hostname: "127.0.0.1", port: parts.port },
        seed: 42,
        toTarget: faults,
        marker,
      });
      relays.push(relay);
      return formatMxpUrl({ ...parts, port: relay.address.port });
    };
    const node = await Node.start({ bind: "127.0.0.1:0" });
    const keyPair = generateKeyPair(systemRandom);
    const callee = await Agent.connect(await through(node.url), {
      name: "callee",
      keyPair,
      connectTimeoutMs: 20_000,
    });
    const big = markedBytes(9, BIG_ANSWER_BYTES);
    callee.onCall("echo", (request) => request.value);
    callee.onCall("big", () => big);
    const caller = await Agent.connect(await through(node.url), {
      connectTimeoutMs: 20_000,
    });
    const target = {
      url: await through(formatMxpUrl({
        hostname: "127.0.0.1",
        port: callee.localAddress.port,
        publicKey: keyPair.publicKey,
      })),
    };
    try {
      let next = 0;
      const call = async (): Promise<void> => {
        for (let i = next++; i < CALL_COUNT; i = next++) {
          const sent = markedBytes(i, CALL_BYTES);
          const received = await caller.call(target, "echo", sent, {
            timeoutMs: 30_000,
          });
          assert.deepEqual(received, sent, `call ${i}`);
        }
      };
      await Promise.all(Array.from({ length: CALLS_AT_ONCE }, call));
      const received = await caller.call(target, "big", null, {
        timeoutMs: 60_000,
      });
      assert.ok(received instanceof Uint8Array);
      assert.equal(received.length, big.length);
      assert.ok(received.every((byte, index) => byte === big[index]));
      for (const relay of relays) {
        assert.ok(relay.toTarget.datagrams > 0);
        assert.equal(relay.hasSeenMarker, false);
      }
    } finally {
      await caller.close({ drainMs: 0 });
      await callee.close({ drainMs: 0 });
      await node.close();
      await Promise.all(relays.map((relay) => relay.close()));
    }
  });
}

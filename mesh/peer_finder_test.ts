import assert from "node:assert/strict";
import { type TransportConnection, TransportError } from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { AbortRace } from "./abort.ts";
import type { Directory } from "./directory.ts";
import { type Peer, PeerConnections } from "./peer_connections.ts";
import { PeerFinder } from "./peer_finder.ts";
import { parseTarget } from "./target.ts";

function peer(digit: number): Peer {
  return {
    agentId: new Uint8Array(16).fill(digit),
    name: `peer ${digit}`,
    hostname: "127.0.0.1",
    port: 1_000 + digit,
    publicKey: undefined,
  };
}

Deno.test("PeerFinder.lease() forgets an agent that cannot be reached, also where the connection was waited for", async () => {
  const connection = {
    isOpen: true,
    closed: new Promise(() => {}),
    close: () => {},
  } as unknown as TransportConnection;
  const peers = new PeerConnections({
    clock: new TimerClock(),
    maxConnections: 1,
    dial: ({ name }) =>
      name === "peer 1"
        ? Promise.resolve(connection)
        : Promise.reject(new TransportError("HANDSHAKE_FAILED", "Test: gone")),
    onClosedByPeer: () => {},
  });
  const forgotten: string[] = [];
  const finder = new PeerFinder({
    find: () => Promise.resolve([peer(2)]),
    forget: (_target: unknown, { name }: Peer) => forgotten.push(name),
  } as unknown as Directory);
  const target = parseTarget({ name: "peer 2" });
  const lease = () => finder.lease(target, peers, new AbortRace());
  const held = await peers.acquire(peer(1));
  const waiting = assert.rejects(lease(), { code: "HANDSHAKE_FAILED" });
  for (let count = 0; count < 20; count++) await Promise.resolve();
  assert.deepEqual(forgotten, []);
  held.release();
  await waiting;
  assert.deepEqual(forgotten, ["peer 2"]);
  await assert.rejects(lease(), { code: "HANDSHAKE_FAILED" });
  assert.deepEqual(forgotten, ["peer 2", "peer 2"]);
  peers.close("test");
});

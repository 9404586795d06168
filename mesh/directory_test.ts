import assert from "node:assert/strict";
import { parseAgentId } from "../protocol/mod.ts";
import type { AgentRecord } from "../registry/mod.ts";
import { TransportError } from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { DISCOVERY_CACHE_MS, DISCOVERY_PATIENCE_MS } from "./config.ts";
import { Directory } from "./directory.ts";
import { CallError } from "./error.ts";
import type { Peer } from "./peer_connections.ts";
import type { RegistryTarget } from "./target.ts";

const OWN_ID = "00000000-0000-4000-8000-000000000009";
const TARGET: RegistryTarget = {
  kind: "capability",
  term: "see",
  key: "capability see",
};

const GONE = new TransportError("HANDSHAKE_TIMEOUT", "Test: gone");
const REFUSED = new CallError("UNAVAILABLE", "Test: draining");

function record(digit: number): AgentRecord {
  return {
    agentId: `00000000-0000-4000-8000-00000000000${digit}`,
    name: `agent ${digit}`,
    capabilities: ["see"],
    tags: [],
    metadata: {},
    hostname: "127.0.0.1",
    port: 1000 + digit,
    publicKey: new Uint8Array(32).fill(digit),
    ttlMs: 1_000,
  };
}

function create(
  answers: (() => Promise<AgentRecord[]>)[],
  maxEntries?: number,
  lifetimeMs = 100,
): {
  clock: TimerClock;
  directory: Directory;
  asked: () => number;
  targets: RegistryTarget[];
  node: { isAway: boolean };
  silent: Set<string>;
} {
  const clock = new TimerClock();
  const node = { isAway: false };
  const silent = new Set<string>();
  const targets: RegistryTarget[] = [];
  let count = 0;
  const directory = new Directory({
    clock,
    ownId: OWN_ID,
    lifetimeMs,
    maxEntries,
    isNodeAway: () => node.isAway,
    isSilent: ({ name }) => silent.has(name),
    discover: (target) => {
      targets.push(target);
      return answers[Math.min(count++, answers.length - 1)]!();
    },
  });
  return { clock, directory, asked: () => count, targets, node, silent };
}

const give = (...digits: number[]) => () => Promise.resolve(digits.map(record));
const stall = () => new Promise<AgentRecord[]>(() => {});

function namesOf(peers: Peer[] | undefined): string[] | undefined {
  return peers?.map(({ name }) => name).sort();
}

Deno.test("Directory.find() goes round the candidates and asks once", async () => {
  const { directory, asked } = create([give(1, 2, 3)]);
  const firsts: string[] = [];
  for (let call = 0; call < 6; call++) {
    const peers = await directory.find(TARGET);
    assert.equal(peers.length, 3);
    firsts.push(peers[0]!.name);
  }
  const round = ["agent 1", "agent 2", "agent 3"];
  assert.deepEqual(firsts, [...round, ...round]);
  assert.equal(asked(), 1);
});

Deno.test("Directory.find() goes round those that answer, and begins with nobody else unless none does", async () => {
  const { directory, silent } = create([give(1, 2, 3)]);
  const firsts = async () => {
    const peers = [];
    for (let call = 0; call < 4; call++) {
      peers.push(await directory.find(TARGET));
    }
    assert.ok(peers.every(({ length }) => length === 3));
    return peers.map(([peer]) => peer!.name.at(-1)).join("");
  };
  silent.add("agent 2");
  assert.equal(await firsts(), "1313");
  silent.add("agent 1").add("agent 3");
  assert.equal(await firsts(), "1231");
  silent.clear();
  assert.equal(await firsts(), "2312");
});

Deno.test("Directory.find() shares one question between calls at the same time", async () => {
  const { directory, asked } = create([give(1)]);
  await Promise.all([directory.find(TARGET), directory.find(TARGET)]);
  assert.equal(asked(), 1);
});

Deno.test("Directory.find() asks again after its time, after forget() and after finding nobody", async () => {
  const { clock, directory, asked } = create([give(), give(1), give(2)]);
  assert.deepEqual(await directory.find(TARGET), []);
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 1");
  clock.advance(100);
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 2");
  assert.equal(asked(), 3);
  const [peer] = await directory.find(TARGET);
  directory.forget(TARGET, peer!, REFUSED);
  await directory.find(TARGET);
  assert.equal(asked(), 4);
});

Deno.test("Directory.find() uses what it knows while the node cannot be asked", async () => {
  const fail = () => Promise.reject(new CallError("UNAVAILABLE", "Test: gone"));
  const { clock, directory } = create([give(1), fail]);
  await directory.find(TARGET);
  clock.advance(100);
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 1");
  await assert.rejects(
    create([fail]).directory.find(TARGET),
    (error) => error instanceof CallError && error.code === "UNAVAILABLE",
  );
});

Deno.test("Directory.findRemembered() is not disturbed by a question that fails after everybody has gone", async () => {
  const refresh = Promise.withResolvers<AgentRecord[]>();
  const { clock, directory, asked } = create([
    give(1),
    () => refresh.promise,
    give(),
  ]);
  await directory.find(TARGET);
  clock.advance(50);
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 1"]);
  assert.equal(asked(), 2);
  clock.advance(50);
  assert.deepEqual(await directory.find(TARGET), []);
  // A rejection that nobody handles fails the test.
  refresh.reject(new CallError("UNAVAILABLE", "Test: gone"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(await directory.find(TARGET), []);
});

Deno.test("Directory.find() gives the agent itself only when there is no other", async () => {
  assert.deepEqual(
    (await create([give(9, 1)]).directory.find(TARGET)).map((peer) =>
      peer.name
    ),
    ["agent 1"],
  );
  const [self] = await create([give(9)]).directory.find(TARGET);
  assert.deepEqual(self?.agentId, parseAgentId(OWN_ID));
});

Deno.test("Directory.findRemembered() asks ahead of time, without anybody waiting", async () => {
  const { clock, directory, asked } = create([give(1), give(2)]);
  await directory.find(TARGET);
  clock.advance(49);
  assert.equal(directory.findRemembered(TARGET)?.[0]?.name, "agent 1");
  assert.equal(asked(), 1);
  clock.advance(1);
  for (let call = 0; call < 3; call++) {
    assert.equal(directory.findRemembered(TARGET)?.[0]?.name, "agent 1");
  }
  assert.equal(asked(), 2);
  await Promise.resolve();
  assert.equal(directory.findRemembered(TARGET)?.[0]?.name, "agent 2");
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 2");
  clock.advance(99);
  assert.equal(directory.findRemembered(TARGET)?.[0]?.name, "agent 2");
  assert.equal(asked(), 3);
});

Deno.test("Directory.findRemembered() uses nothing beyond its time, whatever became of asking ahead", async () => {
  const fail = () => Promise.reject(new CallError("UNAVAILABLE", "Test: gone"));
  const { clock, directory, asked } = create([give(1), fail, give(2)]);
  await directory.find(TARGET);
  clock.advance(50);
  assert.equal(directory.findRemembered(TARGET)?.length, 1);
  clock.advance(49);
  assert.equal(directory.findRemembered(TARGET)?.length, 1);
  assert.equal(asked(), 2);
  clock.advance(1);
  assert.equal(directory.findRemembered(TARGET), undefined);
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 2");
});

Deno.test("Directory.findRemembered() forgets agents that are gone when it asked ahead", async () => {
  const { clock, directory } = create([give(1), give()]);
  await directory.find(TARGET);
  clock.advance(50);
  assert.equal(directory.findRemembered(TARGET)?.length, 1);
  await Promise.resolve();
  assert.equal(directory.findRemembered(TARGET), undefined);
});

Deno.test("Directory.forget() counts for what was asked ahead as well", async () => {
  const { clock, directory, asked } = create([give(1), give(2), give(3)]);
  const [peer] = await directory.find(TARGET);
  clock.advance(50);
  directory.findRemembered(TARGET);
  directory.forget(TARGET, peer!, GONE);
  await Promise.resolve();
  assert.equal(directory.findRemembered(TARGET), undefined);
  assert.equal((await directory.find(TARGET))[0]?.name, "agent 3");
  assert.equal(asked(), 3);
});

Deno.test("Directory.findRemembered() uses what the node said last for as long as the node is away", async () => {
  const { clock, directory, node } = create([give(1), stall]);
  await directory.find(TARGET);
  node.isAway = true;
  for (let call = 0; call < 3; call++) {
    clock.advance(60_000);
    assert.equal(directory.findRemembered(TARGET)?.[0]?.name, "agent 1");
  }
  node.isAway = false;
  assert.equal(directory.findRemembered(TARGET), undefined);
});

Deno.test("Directory.find() waits only briefly for a node that stands still, and once for all calls", async () => {
  const { clock, directory, asked } = create([give(1), stall]);
  await directory.find(TARGET);
  clock.advance(100);
  const calls = [directory.find(TARGET), directory.find(TARGET)];
  clock.advance(DISCOVERY_PATIENCE_MS);
  for (const peers of await Promise.all(calls)) {
    assert.deepEqual(namesOf(peers), ["agent 1"]);
  }
  assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 1"]);
  assert.equal(asked(), 2);
  assert.equal(clock.timerCount, 0);
});

Deno.test("Directory.find() leaves no timer behind when the node answers", async () => {
  const { clock, directory } = create([give(1), give(2)]);
  await directory.find(TARGET);
  clock.advance(100);
  assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 2"]);
  await Promise.resolve();
  assert.equal(clock.timerCount, 0);
});

Deno.test("Directory.forget() leaves out who is gone, and keeps the others while the node is away", async () => {
  const { directory, node } = create([give(1, 2, 3)]);
  const peers = await directory.find(TARGET);
  node.isAway = true;
  const goneNames: string[] = [];
  for (const peer of peers) {
    directory.forget(TARGET, peer, GONE);
    goneNames.push(peer.name);
    const left = namesOf(directory.findRemembered(TARGET))!;
    assert.ok(left.length > 0);
    // The last one is tried again: there is nobody else.
    if (goneNames.length < 3) {
      assert.ok(goneNames.every((name) => !left.includes(name)));
    }
  }
});

Deno.test("Directory.forget() keeps who refused a call, and has the node asked", async () => {
  const { directory, node, asked } = create([give(1, 2)]);
  const [peer] = await directory.find(TARGET);
  directory.forget(TARGET, peer!, REFUSED);
  node.isAway = true;
  const names = ["agent 1", "agent 2"];
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), names);
  node.isAway = false;
  assert.deepEqual(namesOf(await directory.find(TARGET)), names);
  assert.equal(asked(), 2);
});

Deno.test("Directory.forget() has the node asked once for all calls that failed with one candidate", async () => {
  const { directory, asked } = create([give(1, 2), give(2), give(3)]);
  const [peer] = await directory.find(TARGET);
  for (let call = 0; call < 3; call++) {
    directory.forget(TARGET, peer!, GONE);
    assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 2"]);
  }
  assert.equal(asked(), 2);
});

Deno.test("Directory.forget() keeps everything when it was the caller's own failure", async () => {
  const { directory, asked } = create([give(1, 2)]);
  const [peer] = await directory.find(TARGET);
  const failure = new TransportError("STREAM_LIMIT", "Test: too many wait");
  directory.forget(TARGET, peer!, failure);
  assert.equal(directory.findRemembered(TARGET)?.length, 2);
  assert.equal(asked(), 1);
});

Deno.test("Directory remembers as many discoveries as it may, and forgets first what is not in use", async () => {
  const { clock, directory, asked } = create([give(1)], 3);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((term): RegistryTarget => ({
    kind: "name",
    term,
    key: `name ${term}`,
  })) as [RegistryTarget, RegistryTarget, RegistryTarget, RegistryTarget];
  for (const target of [a, b, c]) await directory.find(target);
  assert.equal(asked(), 3);
  clock.advance(50);
  // The first that was asked for, but it is in use: the node is asked for it again.
  assert.equal(directory.findRemembered(a)?.length, 1);
  await directory.find(d);
  assert.equal(asked(), 5);
  assert.equal(directory.findRemembered(b), undefined);
  for (const target of [a, c, d]) {
    assert.equal(directory.findRemembered(target)?.length, 1);
  }
});

/** The same agent as {@linkcode record} names, as a call had it. */
async function peerOf(digit: number): Promise<Peer> {
  const [peer] = await create([give(digit)]).directory.find(TARGET);
  return peer!;
}

Deno.test("Directory.dismiss() leaves an agent out everywhere and has the node asked, while nobody waits", async () => {
  const { directory, asked } = create([give(1, 2), give(1, 3), give(2, 4)]);
  const named: RegistryTarget = { kind: "name", term: "a", key: "name a" };
  await directory.find(TARGET);
  await directory.find(named);
  directory.dismiss(await peerOf(1));
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 2"]);
  assert.equal(asked(), 3);
  await Promise.resolve();
  const names = ["agent 2", "agent 4"];
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), names);
  assert.deepEqual(namesOf(directory.findRemembered(named)), ["agent 3"]);
});

Deno.test("Directory.dismiss() has the node asked before the only agent is tried again", async () => {
  const { directory, asked } = create([give(1), give(1), give(2)]);
  for (const name of ["agent 1", "agent 2"]) {
    await directory.find(TARGET);
    directory.dismiss(await peerOf(1));
    assert.equal(directory.findRemembered(TARGET), undefined);
    // It may have come back where it was.
    assert.deepEqual(namesOf(await directory.find(TARGET)), [name]);
  }
  assert.equal(asked(), 3);
});

Deno.test("Directory.dismiss() counts for what the node is being asked, by everybody", async () => {
  const first = Promise.withResolvers<AgentRecord[]>();
  const { directory, asked } = create([() => first.promise, give(2)]);
  const calls = [directory.find(TARGET), directory.find(TARGET)];
  directory.dismiss(await peerOf(1));
  first.resolve([record(1)]);
  for (const peers of await Promise.all(calls)) {
    assert.deepEqual(namesOf(peers), ["agent 2"]);
  }
  assert.equal(asked(), 2);
});

Deno.test("Directory.dismiss() makes an earlier answer count no more than a later one", async () => {
  const early = Promise.withResolvers<AgentRecord[]>();
  const { clock, directory } = create([give(1), () => early.promise, give(2)]);
  await directory.find(TARGET);
  clock.advance(50);
  directory.findRemembered(TARGET);
  directory.dismiss(await peerOf(1));
  assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 2"]);
  early.resolve([record(1), record(3)]);
  await Promise.resolve();
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 2"]);
});

Deno.test("Directory.dismiss() keeps the only agent for when the node cannot be asked", async () => {
  const fail = () => Promise.reject(new CallError("UNAVAILABLE", "Test: gone"));
  const { directory, node, asked } = create([give(1), fail]);
  await directory.find(TARGET);
  directory.dismiss(await peerOf(1));
  assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 1"]);
  assert.equal(asked(), 2);
  node.isAway = true;
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 1"]);
});

Deno.test("Directory.dismiss() has calls wait a while for a node that takes its time, then try who may have come back", async () => {
  const slow = Promise.withResolvers<AgentRecord[]>();
  const { clock, directory, asked } = create([give(1), () => slow.promise]);
  await directory.find(TARGET);
  directory.dismiss(await peerOf(1));
  const first = directory.find(TARGET);
  clock.advance(DISCOVERY_PATIENCE_MS - 1);
  const second = directory.find(TARGET);
  clock.advance(1);
  assert.deepEqual(namesOf(await first), ["agent 1"]);
  assert.deepEqual(namesOf(await second), ["agent 1"]);
  // Nobody waits again for the same question.
  assert.deepEqual(namesOf(await directory.find(TARGET)), ["agent 1"]);
  assert.equal(asked(), 2);
  slow.resolve([record(2)]);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 2"]);
  assert.equal(clock.timerCount, 0);
});

Deno.test("Directory asks soon again when the node could not be asked, however long it may use what it knows", async () => {
  const fail = () => Promise.reject(new CallError("UNAVAILABLE", "Test: gone"));
  const { clock, directory, asked } = create(
    [give(1, 2), fail, give(1)],
    undefined,
    3_600_000,
  );
  await directory.find(TARGET);
  directory.dismiss(await peerOf(1));
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 2"]);
  await Promise.resolve();
  await Promise.resolve();
  directory.findRemembered(TARGET);
  assert.equal(asked(), 2);
  clock.advance(DISCOVERY_CACHE_MS / 2);
  directory.findRemembered(TARGET);
  assert.equal(asked(), 3);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 1"]);
});

Deno.test("Directory.confirm() asks for the one agent, once for all, and leaves what is remembered alone", async () => {
  const slow = Promise.withResolvers<AgentRecord[]>();
  const { directory, asked, targets } = create([
    give(1, 2),
    () => slow.promise,
    give(2),
  ]);
  await directory.find(TARGET);
  const peer = await peerOf(1);
  const confirming = [directory.confirm(peer), directory.confirm(peer)];
  assert.equal(directory.findRemembered(TARGET)?.length, 2);
  assert.equal(asked(), 2);
  assert.deepEqual(targets[1], {
    kind: "id",
    term: record(1).agentId,
    key: `id ${record(1).agentId}`,
  });
  slow.resolve([record(1)]);
  assert.deepEqual(await Promise.all(confirming), [true, true]);
  assert.equal(directory.findRemembered(TARGET)?.length, 2);
  // Another one than who was asked for.
  assert.equal(await directory.confirm(peer), false);
  assert.deepEqual(namesOf(directory.findRemembered(TARGET)), ["agent 2"]);
});

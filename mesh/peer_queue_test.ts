import assert from "node:assert/strict";
import { PeerQueue } from "./peer_queue.ts";

function wait(): PromiseWithResolvers<string> {
  return Promise.withResolvers<string>();
}

Deno.test("PeerQueue.shift() gives all who wait for the peer that was waited for first", () => {
  const queue = new PeerQueue<string>();
  const [one, two, three] = [wait(), wait(), wait()];
  queue.add("a", one);
  queue.add("b", two);
  queue.add("a", three);
  assert.equal(queue.count, 3);
  assert.ok(queue.has("a"));
  assert.deepEqual(queue.shift(), { key: "a", waiting: new Set([one, three]) });
  assert.ok(!queue.has("a"));
  assert.deepEqual(queue.shift(), { key: "b", waiting: new Set([two]) });
  assert.equal(queue.shift(), undefined);
  assert.equal(queue.count, 0);
});

Deno.test("PeerQueue.delete() takes out who waits, and says of everybody else that they do not", () => {
  const queue = new PeerQueue<string>();
  const [one, two, three] = [wait(), wait(), wait()];
  queue.add("a", one);
  queue.add("a", two);
  queue.add("b", three);
  assert.ok(queue.delete("a", one));
  assert.ok(!queue.delete("a", one));
  assert.ok(!queue.delete("b", two));
  assert.ok(queue.delete("a", two));
  assert.ok(!queue.has("a"));
  queue.shift();
  // Its turn has come, whoever waits for the same peer by now.
  queue.add("b", wait());
  assert.ok(!queue.delete("b", three));
  assert.equal(queue.count, 1);
});

Deno.test("PeerQueue.clear() tells all who wait why", async () => {
  const queue = new PeerQueue<string>();
  const waits = [wait(), wait()];
  queue.add("a", waits[0]!);
  queue.add("b", waits[1]!);
  queue.clear("closed");
  for (const { promise } of waits) {
    await assert.rejects(promise, (reason) => reason === "closed");
  }
  assert.equal(queue.count, 0);
  assert.equal(queue.shift(), undefined);
});

import assert from "node:assert/strict";
import type { EndpointObserver } from "../../transport/mod.ts";
import { combineObservers } from "./combine_observers.ts";

const ADDRESS = { hostname: "192.0.2.1", port: 1 };
const CONNECTION = {
  isInitiator: true,
  remoteAddress: ADDRESS,
  initiatorConnectionId: "0102030405060700",
};
const SECRET = {
  label: "initiator-traffic",
  cipher: "aes-256-gcm",
  connectionId: "0102030405060700",
  secret: new Uint8Array(32),
} as const;

function recorder(name: string, calls: string[]): Required<EndpointObserver> {
  const record = (what: string) => (): void => void calls.push(name + what);
  return {
    onConnection: () => ({ onEvent: record("event") }),
    onRebound: record("rebound"),
    onDatagramSent: record("sent"),
    onDatagramReceived: record("received"),
    onStrayPacket: record("stray"),
    onClosed: record("closed"),
    onSecret: record("secret"),
  };
}

Deno.test("combineObservers() tells everything to everybody, in order", () => {
  const calls: string[] = [];
  const both = combineObservers([recorder("a", calls), recorder("b", calls)]);
  both.onRebound!(ADDRESS);
  both.onDatagramSent!(0, ADDRESS, new Uint8Array(1));
  both.onDatagramReceived!(0, ADDRESS, new Uint8Array(1));
  both.onStrayPacket!(0, {
    from: ADDRESS,
    reason: "malformed",
    lengthBytes: 1,
  });
  both.onSecret!(SECRET);
  both.onConnection!(0, CONNECTION)!.onEvent(0, {
    type: "connection-state",
    state: "closed",
  });
  both.onClosed!();
  const whats = [
    "rebound",
    "sent",
    "received",
    "stray",
    "secret",
    "event",
    "closed",
  ];
  assert.deepEqual(calls, whats.flatMap((what) => [`a${what}`, `b${what}`]));
});

Deno.test("combineObservers() wants no more than its observers", () => {
  assert.deepEqual(combineObservers([]), {});
  const sent = { onDatagramSent: () => {} };
  assert.equal(combineObservers([sent]), sent);
  assert.deepEqual(Object.keys(combineObservers([sent, sent])), [
    "onDatagramSent",
  ]);
  const silent = { onConnection: () => undefined };
  const watching = recorder("a", []);
  const both = combineObservers([silent, {
    onConnection: silent.onConnection,
  }]);
  assert.equal(both.onConnection!(0, CONNECTION), undefined);
  const one = combineObservers([
    silent,
    { onConnection: watching.onConnection },
  ]);
  assert.notEqual(one.onConnection!(0, CONNECTION), undefined);
});

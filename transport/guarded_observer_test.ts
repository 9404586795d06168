import assert from "node:assert/strict";
import { guardObserver } from "./guarded_observer.ts";

const ADDRESS = { hostname: "192.0.2.1", port: 1 };

Deno.test("guardObserver() reports what an observer throws, once, and goes on without it", () => {
  const errors: unknown[] = [];
  const mistake = new Error("a mistake");
  let callCount = 0;
  const fail = (): never => {
    callCount++;
    throw mistake;
  };
  const guarded = guardObserver({
    onConnection: () => ({ onEvent: fail }),
    onRebound: fail,
    onDatagramSent: fail,
    onDatagramReceived: fail,
    onStrayPacket: fail,
    onClosed: fail,
    onSecret: fail,
  }, (error) => errors.push(error));
  const connection = guarded.onConnection!(0, {
    isInitiator: true,
    remoteAddress: ADDRESS,
    initiatorConnectionId: "0102030405060700",
  });
  connection!.onEvent(0, { type: "probe-timeout", ptoCount: 1 });
  connection!.onEvent(1, { type: "probe-timeout", ptoCount: 2 });
  guarded.onRebound!(ADDRESS);
  guarded.onDatagramSent!(0, ADDRESS, new Uint8Array(1));
  guarded.onDatagramReceived!(0, ADDRESS, new Uint8Array(1));
  guarded.onStrayPacket!(0, {
    from: ADDRESS,
    reason: "malformed",
    lengthBytes: 1,
  });
  guarded.onClosed!();
  guarded.onSecret!({
    label: "initiator-traffic",
    cipher: "aes-256-gcm",
    connectionId: "0102030405060700",
    secret: new Uint8Array(32),
  });
  assert.equal(callCount, 1);
  assert.deepEqual(errors, [mistake]);
});

Deno.test("guardObserver() wants no more than the observer does", () => {
  assert.deepEqual(guardObserver({}, () => assert.fail()), {});
  const guarded = guardObserver(
    { onConnection: () => undefined },
    (error) => assert.fail(String(error)),
  );
  assert.deepEqual(Object.keys(guarded), ["onConnection"]);
  assert.equal(
    guarded.onConnection!(0, {
      isInitiator: false,
      remoteAddress: ADDRESS,
      initiatorConnectionId: "0102030405060700",
    }),
    undefined,
  );
});

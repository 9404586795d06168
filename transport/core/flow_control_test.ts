import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceiveWindow, SendCredit } from "./flow_control.ts";

Deno.test("SendCredit.raise() ignores limits that do not grow (RFC 9000 §4.1)", () => {
  const credit = new SendCredit(10);
  credit.use(4);
  assert.equal(credit.raise(10), false);
  assert.equal(credit.raise(3), false);
  assert.equal(credit.availableBytes, 6);
  assert.equal(credit.raise(12), true);
  assert.equal(credit.availableBytes, 8);
});

Deno.test("SendCredit.use() never goes past the limit", () => {
  const credit = new SendCredit(10);
  credit.use(10);
  assert.throws(() => credit.use(1), { name: "AssertionError" });
});

Deno.test("ReceiveWindow.isUpdateDue once half of the window was consumed", () => {
  const window = new ReceiveWindow(10);
  window.receive(9);
  assert.equal(window.isUpdateDue, false);
  window.consume(4);
  assert.equal(window.isUpdateDue, false);
  window.consume(1);
  assert.equal(window.isUpdateDue, true);
  assert.equal(window.nextLimitBytes, 15);
  window.onLimitSent();
  assert.equal(window.isUpdateDue, false);
  assert.equal(window.availableBytes, 6);
});

Deno.test("ReceiveWindow.isShareDue where a limit doubles what is left, or a little where little is left", () => {
  const window = new ReceiveWindow(6_400);
  window.receive(3_000);
  window.consume(3_000);
  assert.equal(window.isShareDue, false);
  window.receive(400);
  assert.equal(window.isShareDue, true);
  window.onLimitSent();
  window.receive(5_300);
  window.consume(99);
  assert.equal(window.isShareDue, false);
  window.consume(1);
  assert.equal(window.isShareDue, true);
});

Deno.test("ReceiveWindow of nothing never asks for an update", () => {
  assert.equal(new ReceiveWindow(0).isUpdateDue, false);
});

Deno.test("ReceiveWindow never has more than a window unread or unsent", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.tuple(fc.nat(50), fc.nat(50), fc.boolean())),
      (windowBytes, steps) => {
        const window = new ReceiveWindow(windowBytes);
        const credit = new SendCredit(windowBytes);
        for (const [send, read, isSent] of steps) {
          const count = Math.min(send, credit.availableBytes);
          credit.use(count);
          assert(count <= window.availableBytes);
          window.receive(count);
          window.consume(Math.min(read, window.unconsumedBytes));
          if (isSent && window.isUpdateDue) {
            credit.raise(window.nextLimitBytes);
            window.onLimitSent();
          }
          assert(
            window.unconsumedBytes + credit.availableBytes <= windowBytes,
          );
          assert.equal(credit.availableBytes, window.availableBytes);
        }
      },
    ),
  );
});

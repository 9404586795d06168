import assert from "node:assert/strict";
import { ProtocolError } from "../protocol/mod.ts";
import { TransportError, type TransportErrorCode } from "../transport/mod.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import {
  limit,
  messageOf,
  toAbortReason,
  toCallFailure,
  toHandlerFailure,
} from "./failure.ts";
import { StatusCode, statusName } from "./status_code.ts";

Deno.test("statusName() names every code, and others UNKNOWN", () => {
  for (const [name, status] of Object.entries(StatusCode)) {
    assert.equal(statusName(status), name);
  }
  for (const status of [-1, 17, 0.5, 65_535]) {
    assert.equal(statusName(status), "UNKNOWN");
  }
});

Deno.test("CallError.fromStatus() makes an error of whatever a peer says", () => {
  assert.equal(CallError.fromStatus(5, "x").code, "NOT_FOUND");
  assert.equal(CallError.fromStatus(0, "x").code, "UNKNOWN");
  assert.equal(CallError.fromStatus(999, "x").code, "UNKNOWN");
  assert.equal(new CallError("CONNECTION_LOST", "x").status, 14);
  assert.equal(new CallError("NOT_FOUND", "x").fault, "caller");
  assert.equal(new CallError("INTERNAL", "x").fault, "peer");
});

Deno.test("toCallFailure() names what became of the call", () => {
  const expected: [TransportErrorCode, number | undefined, CallErrorCode][] = [
    ["CONNECTION_LOST", undefined, "CONNECTION_LOST"],
    ["CLOSED_BY_PEER", undefined, "CONNECTION_LOST"],
    ["HANDSHAKE_TIMEOUT", undefined, "UNAVAILABLE"],
    ["PEER_KEY_MISMATCH", undefined, "UNAUTHENTICATED"],
    ["STREAM_RESET", 1, "CANCELLED"],
    ["STREAM_RESET", 4, "DEADLINE_EXCEEDED"],
    ["STREAM_STOPPED", 0, "CANCELLED"],
    ["STREAM_RESET", undefined, "UNKNOWN"],
    ["FRAME_ENCODING", undefined, "INTERNAL"],
  ];
  for (const [code, closeCode, result] of expected) {
    const failure = toCallFailure(
      new TransportError(
        code,
        "Test: x",
        closeCode === undefined ? {} : { closeCode },
      ),
      { method: "m", capability: "c" },
    );
    assert.ok(failure instanceof CallError);
    assert.equal(failure.code, result, code);
    assert.equal(failure.method, "m");
    assert.equal(failure.capability, "c");
    assert.ok(failure.cause instanceof TransportError);
  }
});

Deno.test("toCallFailure() keeps the caller's own mistakes and reasons, and blames a peer for its bytes", () => {
  const mistake = new ProtocolError("INVALID_VALUE", "x", { fault: "caller" });
  assert.equal(toCallFailure(mistake), mistake);
  assert.equal(toCallFailure("reason"), "reason");
  const bytes = new ProtocolError("PAYLOAD_INVALID", "x", { fault: "peer" });
  assert.equal((toCallFailure(bytes) as CallError).code, "INTERNAL");
});

Deno.test("toAbortReason() keeps a reason that can be put into words", () => {
  const failing = (): never => {
    throw new Error("Test: a trap");
  };
  const reasons = [undefined, null, "text", Symbol("x"), { a: 1 }, failing];
  for (const reason of [...reasons, new Error("x")]) {
    assert.equal(toAbortReason(reason), reason);
  }
  const traps: unknown[] = [
    Object.create(null),
    { toString: failing },
    Object.defineProperty(new Error("x"), "message", { get: failing }),
    new Proxy({}, { getPrototypeOf: failing }),
  ];
  for (const reason of traps) {
    const failure = toAbortReason(reason);
    assert.ok(failure instanceof CallError);
    assert.equal(failure.code, "CANCELLED");
    assert.equal(failure.cause, reason);
  }
});

Deno.test("toHandlerFailure() says no more than one line", () => {
  const error = new CallError("NOT_FOUND", "Page: gone");
  assert.equal(toHandlerFailure(error), error);
  assert.equal(toHandlerFailure(new Error("one\ntwo")).message, "one");
  assert.equal(toHandlerFailure(new Error("")).message, "Handler: failed");
  assert.equal(toHandlerFailure({ secret: 1 }).message, "Handler: failed");
  assert.equal(toHandlerFailure(new Error("x")).code, "INTERNAL");
  assert.equal(limit("x".repeat(501)).length, 500);
  assert.ok(limit(`${"x".repeat(499)}😀`).isWellFormed());
});

Deno.test("toHandlerFailure() keeps what is secret to itself, unless a CallError says it", () => {
  const told = new CallError("NOT_FOUND", "Page: gone", { retryAfterMs: 5 });
  assert.equal(toHandlerFailure(told, true), told);
  const expected: [unknown, CallErrorCode][] = [
    [new Error("of the secret"), "INTERNAL"],
    ["the secret", "INTERNAL"],
    [
      new ProtocolError("INVALID_VALUE", "the secret", { fault: "peer" }),
      "INTERNAL",
    ],
    [new TransportError("CONNECTION_LOST", "the secret"), "CONNECTION_LOST"],
  ];
  for (const [thrown, code] of expected) {
    const failure = toHandlerFailure(thrown, true);
    assert.equal(failure.code, code);
    assert.equal(failure.message, "Handler: failed");
    assert.equal(failure.cause, thrown);
  }
});

Deno.test("toHandlerFailure() answers INTERNAL for errors that are made to break it", () => {
  const failing = (): never => {
    throw new Error("Test: a trap");
  };
  const revoked = Proxy.revocable(new Error("x"), {});
  revoked.revoke();
  const odd: unknown[] = [
    undefined,
    Object.create(null),
    ...[42, null, { code: 1 }, Symbol("x")].map((message) =>
      Object.assign(new Error("x"), { message })
    ),
    Object.defineProperty(new Error("x"), "message", { get: failing }),
    new Proxy(new Error("x"), { get: failing }),
    new Proxy(new Error("x"), { getPrototypeOf: failing }),
    revoked.proxy,
  ];
  for (const [index, thrown] of odd.entries()) {
    const failure = toHandlerFailure(thrown);
    assert.equal(failure.code, "INTERNAL", `${index}`);
    assert.equal(failure.message, "Handler: failed", `${index}`);
    assert.equal(messageOf(thrown), "", `${index}`);
  }
});

Deno.test("toHandlerFailure() keeps what is right of a CallError that plain JavaScript made", () => {
  const make = (code: string, message: unknown, facts: object): CallError => {
    const error = new CallError(code as CallErrorCode, "", facts);
    return Object.assign(error, { message });
  };
  const facts = { retryAfterMs: 5 };
  const expected: [CallError, CallErrorCode, string, number | undefined][] = [
    [make("NOPE", "text", facts), "INTERNAL", "text", 5],
    [make("OK", "text", facts), "INTERNAL", "text", 5],
    [make("toString", "text", facts), "INTERNAL", "text", 5],
    [make("NOT_FOUND", 42, facts), "NOT_FOUND", "Handler: failed", 5],
    [
      make("NOT_FOUND", "text", { retryAfterMs: "soon" }),
      "NOT_FOUND",
      "text",
      undefined,
    ],
    [
      Object.assign(make("NOT_FOUND", "text", facts), { status: 2 ** 16 }),
      "INTERNAL",
      "text",
      5,
    ],
  ];
  for (const [thrown, code, message, retryAfterMs] of expected) {
    const failure = toHandlerFailure(thrown);
    assert.equal(failure.code, code);
    assert.equal(failure.status, new CallError(code, "").status);
    assert.equal(failure.message, message);
    assert.equal(failure.retryAfterMs, retryAfterMs);
    assert.equal(failure.cause, thrown);
  }
  const lost = new CallError("CONNECTION_LOST", "text", facts);
  assert.equal(toHandlerFailure(lost), lost);
});

import assert from "node:assert/strict";
import {
  CloseCode,
  TransportError,
  type TransportErrorCode,
} from "../transport/mod.ts";
import { Attempt } from "./attempt.ts";
import { CLOSE_CODE_LEFT } from "./config.ts";
import { CallError } from "./error.ts";
import type { MessageChannel } from "./message_channel.ts";

const CHANNEL = { cancel: () => {} } as unknown as MessageChannel;

function sent(): Attempt {
  const attempt = new Attempt();
  attempt.setSent(CHANNEL, undefined);
  return attempt;
}

function lost(code: TransportErrorCode, closeCode?: number): TransportError {
  return new TransportError(
    code,
    "Test: lost",
    closeCode === undefined ? {} : { closeCode },
  );
}

async function* input(): AsyncGenerator<string> {}

Deno.test("Attempt.fail() lets a request go elsewhere that was not sent, or may run twice", () => {
  const failure = lost("CONNECTION_LOST");
  const may = [
    new Attempt().fail({}, failure),
    new Attempt().fail({ input: input() }, failure),
    sent().fail({ isIdempotent: true }, failure),
  ];
  const mayNot = [
    sent().fail({}, failure),
    sent().fail({ isIdempotent: true, input: input() }, failure),
    new Attempt().fail({}, new CallError("RESOURCE_EXHAUSTED", "Test: full")),
  ];
  assert.ok(may.every(({ canGoElsewhere }) => canGoElsewhere));
  assert.ok(mayNot.every(({ canGoElsewhere }) => !canGoElsewhere));
  assert.equal(may[0]!.failure, failure);
});

Deno.test("Attempt.fail() lets a request go elsewhere that an agent has left unanswered when it left", () => {
  const left = lost("CLOSED_BY_PEER", CLOSE_CODE_LEFT);
  const { failure, canGoElsewhere } = sent().fail({}, left);
  assert.ok(canGoElsewhere);
  assert.ok(failure instanceof CallError);
  assert.equal(failure.code, "UNAVAILABLE");
  assert.equal(failure.cause, left);
  // Some of its input is used up.
  assert.ok(!sent().fail({ input: input() }, left).canGoElsewhere);
  for (
    const other of [
      lost("CLOSED_BY_PEER", 0),
      lost("STREAM_RESET", CLOSE_CODE_LEFT),
    ]
  ) {
    const outcome = sent().fail({}, other);
    assert.ok(!outcome.canGoElsewhere);
    assert.equal(outcome.failure, other);
  }
});

Deno.test("Attempt.fail() lets a request go elsewhere whose connection was refused", () => {
  const refused = lost("CLOSED_BY_PEER", CloseCode.CONNECTION_REFUSED);
  for (const attempt of [new Attempt(), sent()]) {
    const { failure, canGoElsewhere } = attempt.fail({}, refused);
    assert.ok(canGoElsewhere);
    assert.ok(failure instanceof CallError);
    assert.equal(failure.code, "UNAVAILABLE");
    assert.match(failure.message, /takes no more connections/);
  }
  assert.ok(!sent().fail({ input: input() }, refused).canGoElsewhere);
});

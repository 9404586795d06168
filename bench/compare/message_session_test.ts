import assert from "node:assert/strict";
import { handleRequest, MessageSession } from "./message_session.ts";

/** A session whose server answers when it is told to. */
function createSession() {
  const sent: Uint8Array[] = [];
  const session = new MessageSession({
    send: (message) => void sent.push(message),
    close: () => {},
  });
  return { session, sent };
}

Deno.test("MessageSession gives each call its own answer, in any order", async () => {
  const { session, sent } = createSession();
  const first = session.call(Uint8Array.of(1));
  const second = session.call(Uint8Array.of(2));
  for (const message of sent.toReversed()) {
    handleRequest(message, {
      answer: (same) => session.handleMessage(same),
      stream: () => assert.fail("Taken for a stream"),
    });
  }
  assert.deepEqual([...await first], [1]);
  assert.deepEqual([...await second], [2]);
});

Deno.test("MessageSession ends a stream with its last message, and not before", async () => {
  const { session, sent } = createSession();
  const lengths: number[] = [];
  let isOver = false;
  const streaming = session.stream(
    { count: 3, bytes: 8 },
    (message) => lengths.push(message.length),
  ).then(() => {
    isOver = true;
  });
  let asked: unknown;
  handleRequest(sent[0]!, {
    answer: () => assert.fail("Taken for a call"),
    stream: (request) => {
      asked = request;
    },
  });
  assert.deepEqual(asked, { count: 3, bytes: 8 });
  session.handleMessage(new Uint8Array(8));
  session.handleMessage(new Uint8Array(8));
  await Promise.resolve();
  assert.equal(isOver, false);
  session.handleMessage(new Uint8Array(8));
  await streaming;
  assert.deepEqual(lengths, [8, 8, 8]);
});

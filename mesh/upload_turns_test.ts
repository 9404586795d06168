import assert from "node:assert/strict";
import type {
  StreamWaiter,
  TransportConnection,
  TransportStream,
} from "../transport/mod.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { AbortRace } from "./abort.ts";
import { MAX_UPLOAD_BYTES } from "./config.ts";
import type { OutgoingRequest } from "./outgoing_request.ts";
import { StatusCode } from "./status_code.ts";
import { UploadTurns } from "./upload_turns.ts";

const LENGTH = MAX_UPLOAD_BYTES / 4;

interface FakeStream {
  readonly finish: () => void;
  readonly resetCodes: number[];
  readonly stream: TransportStream;
}

function createStream(): FakeStream {
  const finished = Promise.withResolvers<void>();
  const resetCodes: number[] = [];
  const stream = {
    finished: finished.promise,
    reset: (code: number) => resetCodes.push(code),
    stopSending: () => {},
  };
  return {
    finish: finished.resolve,
    resetCodes,
    stream: stream as unknown as TransportStream,
  };
}

/** A connection of which all the streams are in use, and one more that is not. */
function createRig() {
  const waiters: StreamWaiter[] = [];
  const spare: TransportStream[] = [];
  const connection = {
    closed: new Promise(() => {}),
    tryOpenStream: () => spare.pop(),
    openStreamWith: (_options: unknown, waiter: StreamWaiter) =>
      waiters.push(waiter),
    stopWaiting: () => {},
  } as unknown as TransportConnection;
  const uploads = new UploadTurns(new TimerClock());
  const request = (race = new AbortRace()): OutgoingRequest =>
    ({
      scope: { race },
      content: { body: new Uint8Array(LENGTH) },
      options: {},
    }) as unknown as OutgoingRequest;
  return { connection, uploads, request, waiters, spare };
}

async function settle(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve();
}

Deno.test("UploadTurns.openStream() waits for a stream without its turn, and then for its turn", async () => {
  const { connection, uploads, request, waiters } = createRig();
  const chunks = uploads.chunksTo(connection);
  const opening = uploads.openStream(connection, request());
  await settle();
  assert.equal(waiters.length, 1);
  for (let count = 0; count < 4; count++) assert.ok(chunks.tryTake(LENGTH));
  const { stream, finish } = createStream();
  let isOpen = false;
  waiters[0]!.resolve(stream);
  opening.then(() => isOpen = true);
  await settle();
  assert.ok(!isOpen);
  const late = uploads.openStream(connection, request());
  // From here on turns of chunks come back at once.
  chunks.end();
  chunks.onSent(undefined as never, LENGTH);
  assert.equal(await opening, stream);
  chunks.onSent(undefined as never, LENGTH);
  await settle();
  assert.equal(waiters.length, 2);
  const other = createStream();
  waiters[1]!.resolve(other.stream);
  assert.equal(await late, other.stream);
  // Each of the two has its turn until it has arrived.
  for (const end of [finish, other.finish]) {
    assert.ok(!chunks.tryTake(LENGTH));
    end();
    await settle();
    assert.ok(chunks.tryTake(LENGTH));
  }
});

Deno.test("UploadTurns.openStream() gives up the stream of a request that was given up before its turn", async () => {
  const { connection, uploads, request, waiters } = createRig();
  const chunks = uploads.chunksTo(connection);
  const race = new AbortRace();
  const opening = uploads.openStream(connection, request(race));
  await settle();
  assert.ok(chunks.tryTake(4 * LENGTH));
  const { stream, resetCodes } = createStream();
  waiters[0]!.resolve(stream);
  await settle();
  assert.deepEqual(resetCodes, []);
  race.abort("enough");
  await assert.rejects(opening, (reason) => reason === "enough");
  assert.deepEqual(resetCodes, [StatusCode.CANCELLED]);
});

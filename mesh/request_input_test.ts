import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  encodeMessage,
  encodeStreamChunk,
  encodeStreamClose,
  encodeValue,
  MessageType,
  StreamEnding,
  type Value,
} from "../protocol/mod.ts";
import {
  createStreamPair,
  type TestStream,
} from "../tests/support/byte_stream_pair.ts";
import { settle } from "../tests/support/node_rig.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { AbortRace } from "./abort.ts";
import type { SealedValue } from "./content.ts";
import { CallError, type CallErrorCode } from "./error.ts";
import { MessageChannel } from "./message_channel.ts";
import { RequestInput } from "./request_input.ts";

interface Rig {
  readonly input: RequestInput;
  /** The caller's end. */
  readonly caller: TestStream;
  readonly race: AbortRace;
}

function createRig(): Rig {
  const [caller, callee] = createStreamPair();
  const race = new AbortRace();
  const input = new RequestInput({
    channel: new MessageChannel(callee),
    race,
    keyPair: generateKeyPair(new SeededRandom(1)),
  });
  return { input, caller, race };
}

function encode(type: number, payload: Uint8Array): Uint8Array {
  return encodeMessage({ type, flags: 0, messageId: 1n, traceId: 2n, payload });
}

function chunkOf(offset: number): Uint8Array {
  const chunk = { ...encodeValue(`value ${offset}`), offset };
  return encode(MessageType.STREAM_CHUNK, encodeStreamChunk(chunk));
}

function closeAfter(chunkCount: number): Uint8Array {
  const close = {
    ending: StreamEnding.COMPLETED,
    status: 0,
    chunkCount,
    message: "",
  };
  return encode(MessageType.STREAM_CLOSE, encodeStreamClose(close));
}

async function collect(input: RequestInput): Promise<(Value | SealedValue)[]> {
  const values: (Value | SealedValue)[] = [];
  for await (const value of input) values.push(value);
  return values;
}

function isFailure(code: CallErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof CallError && error.code === code;
}

Deno.test("RequestInput is complete when the stream has ended after its close, in one piece or not", async () => {
  for (const isInOnePiece of [true, false]) {
    const { input, caller } = createRig();
    let isComplete = false;
    const collecting = collect(input).then((values) => {
      isComplete = true;
      return values;
    });
    caller.tryWrite(chunkOf(0));
    caller.tryWrite(chunkOf(1));
    caller.tryWrite(closeAfter(2), isInOnePiece);
    await settle();
    assert.equal(isComplete, isInOnePiece);
    caller.finish();
    assert.deepEqual(await collecting, ["value 0", "value 1"]);
    assert.deepEqual(await collect(input), []);
  }
});

Deno.test("RequestInput takes nothing for complete that goes on after its close", async () => {
  const more: readonly [string, Uint8Array][] = [
    ["a chunk", chunkOf(0)],
    ["another close", closeAfter(0)],
    ["a part of a message", chunkOf(0).subarray(0, 20)],
  ];
  for (const [name, bytes] of more) {
    for (const isTogether of [true, false]) {
      const { input, caller } = createRig();
      const collecting = collect(input);
      const checking = assert.rejects(
        collecting,
        isFailure("DATA_LOSS"),
        name,
      );
      if (isTogether) {
        caller.tryWrite(new Uint8Array([...closeAfter(0), ...bytes]), true);
      } else {
        caller.tryWrite(closeAfter(0));
        await settle();
        caller.tryWrite(bytes, true);
      }
      await checking;
    }
  }
});

Deno.test("RequestInput has one loop wait for the end, until the call is given up", async () => {
  const { input, caller, race } = createRig();
  const collecting = collect(input);
  const checking = assert.rejects(collecting, isFailure("CANCELLED"));
  caller.tryWrite(closeAfter(0));
  await settle();
  await assert.rejects(collect(input), isFailure("FAILED_PRECONDITION"));
  race.abort(new CallError("CANCELLED", "Call: the caller gave up"));
  await checking;
});

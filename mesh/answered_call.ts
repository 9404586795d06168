/**
 * How a call ends that was answered.
 *
 * @module
 */
import type { Value } from "../protocol/mod.ts";
import {
  readResponse,
  type ResponseOptions,
  type ValueAnswer,
} from "./answer.ts";
import type { CallScope } from "./call_scope.ts";
import type { OpenCall } from "./call_stream.ts";
import type { SealedValue } from "./content.ts";

/**
 * Reads the answer of a call, and ends the call.
 *
 * @param scope The call.
 * @param open Its stream, on which the answer has begun.
 * @param options Who receives, and what was called.
 * @returns The value; a promise of it when it may take long to decode.
 * @throws What the caller gets instead, as `CallScope.end` has it.
 */
export function endWithAnswer(
  scope: CallScope,
  open: OpenCall,
  options: ResponseOptions,
): Value | SealedValue | Promise<Value | SealedValue> {
  try {
    const answer = readResponse(open.first, options);
    return answer instanceof Promise
      ? endLater(scope, open, answer)
      : end(scope, open, answer);
  } catch (error) {
    throw fail(scope, open, error);
  }
}

async function endLater(
  scope: CallScope,
  open: OpenCall,
  answer: Promise<ValueAnswer>,
): Promise<Value | SealedValue> {
  try {
    return end(scope, open, await scope.race.race(answer));
  } catch (error) {
    throw fail(scope, open, error);
  }
}

function end(
  scope: CallScope,
  open: OpenCall,
  { value, spent }: ValueAnswer,
): Value | SealedValue {
  open.channel.finishReceiving();
  scope.settle(spent);
  scope.end();
  open.close();
  return value;
}

function fail(scope: CallScope, open: OpenCall, error: unknown): unknown {
  open.channel.cancel(0);
  open.close();
  return scope.end(error);
}

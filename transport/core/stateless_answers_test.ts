import assert from "node:assert/strict";
import {
  DEFAULT_MAX_RETRIES_PER_SECOND as MAX_RETRIES_PER_SECOND,
  DEFAULT_MAX_STATELESS_ANSWERS_PER_SECOND as MAX_STATELESS_ANSWERS_PER_SECOND,
} from "./config.ts";
import type { LimitName } from "./limits.ts";
import { MAX_WAITING_ANSWERS, StatelessAnswers } from "./stateless_answers.ts";

const TO = { hostname: "10.0.0.1", port: 4001 };

function createAnswers(reached: LimitName[] = []): StatelessAnswers {
  return new StatelessAnswers({
    maxRetriesPerSecond: MAX_RETRIES_PER_SECOND,
    maxStatelessAnswersPerSecond: MAX_STATELESS_ANSWERS_PER_SECOND,
  }, (limit) => reached.push(limit));
}

/** How many of so many answers are sent when each leaves at once. */
function sentOf(
  answers: StatelessAnswers,
  count: number,
  now: number,
  kind: "retry" | "other",
): number {
  let sent = 0;
  for (let i = 0; i < count; i++) {
    answers.push(now, TO, () => new Uint8Array(1), kind);
    if (answers.shift() !== undefined) sent++;
  }
  return sent;
}

Deno.test("StatelessAnswers.push() makes and sends so many a second, retries apart", () => {
  const answers = createAnswers();
  for (const now of [1_000, 2_000, 7_000]) {
    assert.equal(
      sentOf(answers, 500, now, "other"),
      MAX_STATELESS_ANSWERS_PER_SECOND,
    );
    assert.equal(
      sentOf(answers, MAX_RETRIES_PER_SECOND + 500, now, "retry"),
      MAX_RETRIES_PER_SECOND,
    );
  }
  assert.equal(sentOf(answers, 500, 7_100, "other"), 10);
});

Deno.test("StatelessAnswers.push() makes no answer that finds no room", () => {
  const answers = createAnswers();
  let made = 0;
  const create = (): Uint8Array => Uint8Array.of(++made);
  for (let i = 0; i < 2 * MAX_WAITING_ANSWERS; i++) {
    assert.equal(
      answers.push(1_000, TO, create, "retry"),
      i < MAX_WAITING_ANSWERS,
    );
  }
  assert.equal(made, MAX_WAITING_ANSWERS);
  assert.deepEqual(answers.shift(), { to: TO, packet: Uint8Array.of(1) });
  assert.equal(answers.push(1_000, TO, create, "retry"), true);
});

import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { type AgentOptions, checkAgentOptions } from "./agent_options.ts";
import { type CallOptions, checkOptions } from "./call_options.ts";
import { CallError } from "./error.ts";

const KEY_PAIR = generateKeyPair(new SeededRandom(1));

function assertRefused(check: () => void, message: string): void {
  assert.throws(check, (error) => {
    assert.ok(error instanceof CallError);
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.equal(error.message, message);
    return true;
  });
}

Deno.test("checkOptions() names what a program without types gave wrongly", () => {
  const wrong: [unknown, string][] = [
    [null, "must be an object"],
    ["fast", "must be an object"],
    [{ metadata: { userId: 5 } }, 'metadata "userId" must be text'],
    [{ metadata: { a: undefined } }, 'metadata "a" must be text'],
    [{ metadata: null }, "metadata must be an object of texts"],
    [{ metadata: ["a"] }, "metadata must be an object of texts"],
    [
      { metadata: new Map([["a", "b"]]) },
      "metadata must be an object of texts",
    ],
    [{ metadata: new Headers() }, "metadata must be an object of texts"],
    [{ budget: 5 }, "budget must be an object"],
    [{ input: [1, 2] }, "input must be an AsyncIterable"],
    [{ input: null }, "input must be an AsyncIterable"],
    [{ idempotencyKey: 7 }, "idempotencyKey must be 1 to 256 characters"],
  ];
  for (const [options, detail] of wrong) {
    assertRefused(
      () => checkOptions(options as CallOptions),
      `Call options: ${detail}`,
    );
  }
  assertRefused(
    () => checkOptions({ budget: { tokens: 1.5 } }),
    "Budget: tokens must be a whole number from 0, got 1.5",
  );
  checkOptions({
    budget: { calls: 0 },
    metadata: { a: "" },
    input: (async function* (): AsyncGenerator<string> {})(),
  });
});

Deno.test("checkAgentOptions() names what a program without types gave wrongly", () => {
  const wrong: [unknown, string][] = [
    [{ name: 5 }, "name must be text"],
    [{ capabilities: "summarize" }, "capabilities must be an array of texts"],
    [{ capabilities: [1] }, "capabilities: each must be text"],
    [{ tags: "fast" }, "tags must be an array of texts"],
    [{ metadata: { userId: 57 } }, 'metadata "userId" must be text'],
    [{ metadata: new Map() }, "metadata must be an object of texts"],
    [{ register: true }, "it registers with a name"],
    ...[
      { capabilities: ["summarize"] },
      { name: "", tags: ["fast"] },
      { metadata: { a: "b" } },
    ].map((options): [unknown, string] => [
      options,
      "capabilities, tags and metadata are registered with a name",
    ]),
    [
      { identity: { keyPair: KEY_PAIR }, keyPair: KEY_PAIR },
      "identity and keyPair say the same: give one",
    ],
  ];
  for (const [options, detail] of wrong) {
    assertRefused(
      () => checkAgentOptions(options as AgentOptions),
      `Agent: ${detail}`,
    );
  }
  checkAgentOptions({ capabilities: [], tags: [], metadata: {} });
  checkAgentOptions({ register: false, capabilities: ["summarize"] });
  checkAgentOptions({ name: "writer", capabilities: ["summarize"] });
});

import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { type AgentOptions, checkAgentOptions } from "./agent_options.ts";
import { type CallOptions, checkOptions } from "./call_options.ts";
import { CallError } from "./error.ts";
import { checkMethod, type Method } from "./handler.ts";

const KEY_PAIR = generateKeyPair(new SeededRandom(1));

const ANY_TIME = "0 to 4294967295";

/** No times, and what the error shows of them. */
const WRONG_TIMES: [unknown, string][] = [
  ["5000", "string"],
  [null, "null"],
  [true, "boolean"],
  [[5], "object"],
  [5n, "bigint"],
  [Symbol("5"), "symbol"],
  [NaN, "NaN"],
  [-1, "-1"],
];

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
    ...["urgent", "toString", 1, null].map((priority): [unknown, string] => [
      { priority },
      "priority must be one of control, interactive, bulk",
    ]),
    ...["zstd", 1, null].map((compress): [unknown, string] => [
      { compress },
      "compress must be one of true, false, auto",
    ]),
    ...[{}, 1, "no", null].map((isIdempotent): [unknown, string] => [
      { isIdempotent },
      "isIdempotent must be true or false",
    ]),
    ...WRONG_TIMES.flatMap(([value, shown]): [unknown, string][] => [
      [{ timeoutMs: value }, `timeoutMs must be ${ANY_TIME}, got ${shown}`],
      [
        { idleTimeoutMs: value },
        `idleTimeoutMs must be ${ANY_TIME}, got ${shown}`,
      ],
    ]),
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
    priority: "bulk",
    compress: "auto",
    isIdempotent: false,
    timeoutMs: 0.5,
    idleTimeoutMs: 0,
  });
});

const WRONG_KEY_PAIRS: unknown[] = [
  null,
  {},
  { publicKey: KEY_PAIR.publicKey },
  { ...KEY_PAIR, privateKey: "x".repeat(32) },
  { ...KEY_PAIR, privateKey: KEY_PAIR.privateKey.subarray(1) },
];

/** Any of these would leave the agent with a key that is new each time. */
const WRONG_IDENTITIES: unknown[] = [
  "identity.json",
  KEY_PAIR,
  Promise.resolve({ keyPair: KEY_PAIR }),
  ...WRONG_KEY_PAIRS.map((keyPair) => ({ keyPair })),
];

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
    ...WRONG_IDENTITIES.map((identity): [unknown, string] => [
      { identity },
      "identity must be what loadIdentity() gives",
    ]),
    ...WRONG_KEY_PAIRS.map((keyPair): [unknown, string] => [
      { keyPair },
      "keyPair must hold two keys of 32 bytes",
    ]),
    ...WRONG_TIMES.map(([value, shown]): [unknown, string] => [
      { connectTimeoutMs: value },
      `connectTimeoutMs must be ${ANY_TIME}, got ${shown}`,
    ]),
    [
      { limits: { maxHandlersInFlight: "3" } },
      "limits.maxHandlersInFlight must be a whole number from 1 on, got string",
    ],
    [null, "options must be an object"],
    [{ limits: null }, "limits must be an object"],
    [{ transport: null }, "transport must be an object"],
    [{ onWarning: "x" }, "onWarning must be a function"],
    [{ observe: 1 }, "observe must be a function"],
    [{ knownPeersPath: 5 }, "knownPeersPath must be text"],
    [{ register: "no" }, "register must be true or false"],
    [{ id: 5 }, "id must be text"],
    [{ bind: 9000 }, "bind must be text"],
    [{ advertise: ["127.0.0.1:9000"] }, "advertise must be text"],
    [{ signal: 1 }, "signal must be an AbortSignal"],
    [{ clock: {} }, "clock must have the method now"],
    [{ clock: 1 }, "clock must be an object"],
    [{ carrier: { start() {} } }, "carrier must have the method send"],
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
  checkAgentOptions({ identity: { keyPair: KEY_PAIR } });
  checkAgentOptions({ keyPair: KEY_PAIR, clock: new TimerClock() });
});

Deno.test("checkMethod() refuses a name and a handler that are none", () => {
  const handler = (): string => "done";
  const wrong: [unknown, unknown, string][] = [
    ["", handler, "Method: its name is empty"],
    [undefined, handler, "Method: its name must be text"],
    [5, handler, "Method: its name must be text"],
    ["m", undefined, "Method m: its handler must be a function"],
    ["m", null, "Method m: its handler must be a function"],
    ["m", "done", "Method m: its handler must be a function"],
  ];
  for (const [name, given, message] of wrong) {
    for (const kind of ["call", "stream"]) {
      const method = { kind, handler: given } as Method;
      assertRefused(() => checkMethod(name as string, method), message);
    }
  }
  checkMethod("m", { kind: "call", handler });
});

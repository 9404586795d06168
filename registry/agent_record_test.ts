import assert from "node:assert/strict";
import { keyOf, recordOf } from "../tests/conformance/registry_conformance.ts";
import {
  type AgentRecord,
  isSameRecord,
  validateRecord,
} from "./agent_record.ts";
import { RegistryError } from "./error.ts";

const INVALID: readonly [string, Partial<AgentRecord>][] = [
  ["an agent id that is no UUID", { agentId: "writer" }],
  ["an upper-case UUID", { agentId: "00000000-0000-4000-8000-00000000000A" }],
  ["an empty name", { name: "" }],
  ["a name of 257 bytes", { name: "x".repeat(257) }],
  ["a name of 258 bytes in 129 characters", { name: "é".repeat(129) }],
  ["a terminal escape in a name", { name: "\u001b[31m" }],
  ["a C1 control in a name", { name: "a\u0085b" }],
  ["half a surrogate pair", { name: "\ud800" }],
  ["an empty capability", { capabilities: [""] }],
  ["65 capabilities", {
    capabilities: Array.from({ length: 65 }, (_, i) => `${i}`),
  }],
  ["33 tags", { tags: Array.from({ length: 33 }, (_, i) => `${i}`) }],
  ["a tag of 129 bytes", { tags: ["x".repeat(129)] }],
  ["an empty metadata key", { metadata: { "": "x" } }],
  ["a metadata value of 1,025 bytes", { metadata: { a: "x".repeat(1025) } }],
  [
    "33 metadata entries",
    {
      metadata: Object.fromEntries(
        Array.from({ length: 33 }, (_, i) => [`${i}`, ""]),
      ),
    },
  ],
  ["an empty hostname", { hostname: "" }],
  ["a hostname with a space", { hostname: "a b" }],
  ["a hostname of 254 characters", { hostname: "a".repeat(254) }],
  ["port 0", { port: 0 }],
  ["port 65,536", { port: 65_536 }],
  ["a port with a fraction", { port: 1.5 }],
  ["a lease of 0", { ttlMs: 0 }],
  ["a lease over a day", { ttlMs: 86_400_001 }],
  ["a key of 31 bytes", { publicKey: new Uint8Array(31) }],
  ["a key of 33 bytes", { publicKey: new Uint8Array(33) }],
];

for (const [what, changes] of INVALID) {
  Deno.test(`validateRecord() refuses ${what}`, () => {
    assert.throws(
      () => validateRecord(recordOf(1, changes)),
      (error) =>
        error instanceof RegistryError && error.code === "RECORD_INVALID" &&
        error.fault === "peer",
    );
  });
}

Deno.test("validateRecord() takes the largest record", () => {
  validateRecord(recordOf(1, {
    name: "x".repeat(256),
    capabilities: Array.from({ length: 64 }, (_, i) => `${i}`.padStart(128)),
    tags: Array.from({ length: 32 }, (_, i) => `${i}`.padStart(128)),
    metadata: Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`${i}`, "x".repeat(1024)]),
    ),
    hostname: "a".repeat(253),
    port: 65_535,
    ttlMs: 86_400_000,
  }));
});

Deno.test("validateRecord() drops repeats and freezes its copy", () => {
  const record = validateRecord(
    recordOf(1, { capabilities: ["a", "b", "a"], tags: ["t", "t"] }),
  );
  assert.deepEqual(record.capabilities, ["a", "b"]);
  assert.deepEqual(record.tags, ["t"]);
  assert.equal(Object.isFrozen(record), true);
  assert.equal(Object.isFrozen(record.metadata), true);
});

Deno.test("isSameRecord() sees every field but the time of registration", () => {
  const record = recordOf(1);
  assert.equal(isSameRecord(record, recordOf(1, { registeredAtMs: 5 })), true);
  const changes: Partial<AgentRecord>[] = [
    { agentId: recordOf(2).agentId },
    { name: "other" },
    { capabilities: [] },
    { tags: ["t"] },
    { metadata: { a: "b" } },
    { hostname: "192.0.2.2" },
    { port: 1 },
    { publicKey: keyOf(2) },
    { ttlMs: 1 },
  ];
  for (const change of changes) {
    assert.equal(isSameRecord(record, recordOf(1, change)), false);
  }
});

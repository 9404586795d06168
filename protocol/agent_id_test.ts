import assert from "node:assert/strict";
import fc from "fast-check";
import { anyBytes, assertRefused } from "../tests/support/codec_properties.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import {
  createAgentId,
  createNilAgentId,
  formatAgentId,
  isNilAgentId,
  parseAgentId,
} from "./agent_id.ts";

const TEXT = "0f8fad5b-d9cb-469f-a165-70867728950e";

Deno.test("formatAgentId() and parseAgentId() use the order of RFC 9562", () => {
  const bytes = Uint8Array.fromHex("0f8fad5bd9cb469fa16570867728950e");
  assert.equal(formatAgentId(bytes), TEXT);
  assert.deepEqual(parseAgentId(TEXT), bytes);
  assert.deepEqual(parseAgentId(TEXT.toUpperCase()), bytes);
});

Deno.test("parseAgentId() returns what was formatted", () => {
  fc.assert(fc.property(anyBytes(16), (id) => {
    assert.deepEqual(parseAgentId(formatAgentId(id)), id);
  }));
});

Deno.test("createAgentId() makes different ids of version 4", () => {
  const random = new SeededRandom(1);
  const texts = Array.from(
    { length: 50 },
    () => formatAgentId(createAgentId(random)),
  );
  for (const text of texts) {
    assert.match(text, /^.{8}-.{4}-4.{3}-[89ab].{3}-.{12}$/);
  }
  assert.equal(new Set(texts).size, 50);
});

Deno.test("isNilAgentId() knows the nil id only", () => {
  assert(isNilAgentId(createNilAgentId()));
  assert.equal(isNilAgentId(parseAgentId(TEXT)), false);
  assert.equal(isNilAgentId(new Uint8Array(15)), false);
  assert.equal(
    formatAgentId(createNilAgentId()),
    "00000000-0000-0000-0000-000000000000",
  );
});

Deno.test("parseAgentId() refuses everything but 36 characters of UUID", () => {
  const texts = [
    "",
    TEXT.slice(1),
    TEXT + "0",
    TEXT + "\n",
    ` ${TEXT}`,
    `{${TEXT}}`,
    TEXT.replaceAll("-", ""),
    TEXT.replace("a", "g"),
    "0f8fad5bd-9cb-469f-a165-70867728950e",
  ];
  for (const text of texts) {
    assertRefused(() => parseAgentId(text), "INVALID_AGENT_ID", "caller");
  }
});

Deno.test("formatAgentId() refuses another size than 16 bytes", () => {
  for (const length of [0, 15, 17]) {
    assertRefused(
      () => formatAgentId(new Uint8Array(length)),
      "INVALID_AGENT_ID",
      "caller",
    );
  }
});

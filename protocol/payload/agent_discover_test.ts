import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyExtensions,
  anyText,
  assertExactLength,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  type AgentDiscoverPayload,
  decodeAgentDiscover,
  DiscoverKind,
  encodeAgentDiscover,
} from "./agent_discover.ts";

testCodec<AgentDiscoverPayload>({
  name: "AgentDiscover",
  encode: encodeAgentDiscover,
  decode: decodeAgentDiscover,
  values: record<AgentDiscoverPayload>({
    kind: fc.constantFrom(...Object.values(DiscoverKind)),
    limit: fc.nat(65535),
    term: anyText,
    extensions: anyExtensions,
  }),
});

const HEX = "01" + "0a00" + "0300616464" + "0500" + "0900010007";
const discover = {
  kind: DiscoverKind.CAPABILITY,
  limit: 10,
  term: "add",
  extensions: [{ type: 9, value: new Uint8Array([7]) }],
};

Deno.test("AgentDiscover is laid out as documented", () => {
  assert.equal(encodeAgentDiscover(discover).toHex(), HEX);
  assert.deepEqual(decodeAgentDiscover(Uint8Array.fromHex(HEX)), discover);
});

Deno.test("AgentDiscover refuses every shorter length and any longer one", () => {
  assertExactLength(decodeAgentDiscover, Uint8Array.fromHex(HEX));
});

Deno.test("AgentDiscover refuses every kind that is not defined", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let kind = 5; kind < 256; kind++) {
    bytes[0] = kind;
    assertRefused(() => decodeAgentDiscover(bytes), "PAYLOAD_INVALID");
  }
});

Deno.test("encodeAgentDiscover() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeAgentDiscover, discover, [
    { kind: 5 },
    { kind: 0.5 },
    { limit: 65536 },
    { term: "t".repeat(65536) },
  ]);
});

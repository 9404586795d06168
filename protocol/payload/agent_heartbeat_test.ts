import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyBytes,
  anyExtensions,
  assertExactLength,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
} from "../../tests/support/codec_properties.ts";
import {
  type AgentHeartbeatPayload,
  decodeAgentHeartbeat,
  encodeAgentHeartbeat,
  HeartbeatStatus,
} from "./agent_heartbeat.ts";

testCodec<AgentHeartbeatPayload>({
  name: "AgentHeartbeat",
  encode: encodeAgentHeartbeat,
  decode: decodeAgentHeartbeat,
  values: record<AgentHeartbeatPayload>({
    agentId: anyBytes(16),
    status: fc.constantFrom(...Object.values(HeartbeatStatus)),
    load: fc.nat(65535).map((steps) => steps / 65535),
    sequence: fc.nat(0xffff_ffff),
    extensions: anyExtensions,
  }),
});

const HEX = "000102030405060708090a0b0c0d0e0f" + "02" + "ffff" + "04030201" +
  "0000";
const heartbeat: AgentHeartbeatPayload = {
  agentId: Uint8Array.from({ length: 16 }, (_, index) => index),
  status: HeartbeatStatus.DRAINING,
  load: 1,
  sequence: 0x01020304,
  extensions: [],
};

Deno.test("AgentHeartbeat is laid out as documented", () => {
  assert.equal(encodeAgentHeartbeat(heartbeat).toHex(), HEX);
  assert.deepEqual(decodeAgentHeartbeat(Uint8Array.fromHex(HEX)), heartbeat);
});

Deno.test("AgentHeartbeat keeps the nearest of 65,536 loads", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (load) => {
    const bytes = encodeAgentHeartbeat({ ...heartbeat, load });
    const difference = decodeAgentHeartbeat(bytes).load - load;
    assert(Math.abs(difference) <= 0.5 / 65535 + Number.EPSILON);
  }));
});

Deno.test("AgentHeartbeat refuses every shorter length and any longer one", () => {
  assertExactLength(decodeAgentHeartbeat, Uint8Array.fromHex(HEX));
});

Deno.test("AgentHeartbeat refuses every status that is not defined", () => {
  const bytes = Uint8Array.fromHex(HEX);
  for (let status = 0; status < 256; status++) {
    bytes[16] = status;
    if (status < 1 || status > 3) {
      assertRefused(() => decodeAgentHeartbeat(bytes), "PAYLOAD_INVALID");
    }
  }
});

Deno.test("encodeAgentHeartbeat() refuses what the fields cannot carry", () => {
  assertFieldsRefused(encodeAgentHeartbeat, heartbeat, [
    { agentId: new Uint8Array(17) },
    { status: 0 },
    { status: 4 },
    { status: 1.5 },
    { load: -0.1 },
    { load: 1.1 },
    { load: NaN },
    { sequence: 2 ** 32 },
  ]);
});

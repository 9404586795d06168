import assert from "node:assert/strict";
import { assertRefused } from "../../tests/support/codec_properties.ts";
import {
  decodeAgentList,
  encodeAgentList,
  joinAgentList,
} from "./agent_list.ts";
import { encodeAgentRegister } from "./agent_register.ts";

const agent = {
  agentId: new Uint8Array(16),
  name: "a",
  capabilities: [],
  endpoint: { address: new Uint8Array(4), port: 0 },
};

Deno.test("encodeAgentList() lays out a count and agents with their length", () => {
  const record = encodeAgentRegister(agent).toHex();
  assert.equal(
    encodeAgentList([agent, agent]).toHex(),
    "0200" + "1b000000" + record + "1b000000" + record,
  );
  assert.equal(encodeAgentList([]).toHex(), "0000");
});

Deno.test("decodeAgentList() refuses every shorter length", () => {
  const bytes = encodeAgentList([agent, agent]);
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decodeAgentList(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("decodeAgentList() refuses a count that cannot be before it decodes", () => {
  const bytes = encodeAgentList([agent]);
  bytes.set([0xff, 0xff]);
  assertRefused(() => decodeAgentList(bytes), "PAYLOAD_TRUNCATED");
});

Deno.test("decodeAgentList() refuses bytes after the last agent", () => {
  const bytes = encodeAgentList([agent]);
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assertRefused(() => decodeAgentList(longer), "PAYLOAD_INVALID");
});

Deno.test("encodeAgentList() refuses more than 65,535 agents", () => {
  assertRefused(
    () => encodeAgentList(new Array(65536).fill(agent)),
    "INVALID_VALUE",
    "caller",
  );
});

Deno.test("joinAgentList() gives what encodeAgentList() gives, of agents that are encoded", () => {
  const agents = [agent, { ...agent, name: "b", ttlMs: 1 }, agent];
  assert.deepEqual(
    joinAgentList(agents.map(encodeAgentRegister)),
    encodeAgentList(agents),
  );
  assertRefused(
    () => joinAgentList(new Array(65536).fill(new Uint8Array(26))),
    "INVALID_VALUE",
    "caller",
  );
});

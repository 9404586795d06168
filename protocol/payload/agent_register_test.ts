import assert from "node:assert/strict";
import fc from "fast-check";
import {
  anyBytes,
  anyMetadata,
  anyText,
  assertFieldsRefused,
  assertRefused,
  record,
  testCodec,
  tooManyExtensions,
} from "../../tests/support/codec_properties.ts";
import {
  type AgentRegisterPayload,
  decodeAgentRegister,
  encodeAgentRegister,
  type RegisterEndpoint,
} from "./agent_register.ts";
import { decodeAgentList, encodeAgentList } from "./agent_list.ts";

const anyRegister = record<AgentRegisterPayload>(
  {
    agentId: anyBytes(16),
    name: anyText,
    capabilities: fc.array(anyText, { maxLength: 5 }),
    endpoint: record<RegisterEndpoint>({
      address: anyBytes(4),
      port: fc.nat(65535),
    }),
    staticPublicKey: anyBytes(32),
    ipv6Endpoint: record<RegisterEndpoint>({
      address: anyBytes(16),
      port: fc.nat(65535),
    }),
    ttlMs: fc.nat(0xffff_ffff),
    tags: fc.array(anyText, { minLength: 1, maxLength: 4 }),
    metadata: anyMetadata,
    advertisedAddress: anyText,
    unknownExtensions: fc.array(
      record({
        type: fc.integer({ min: 7, max: 0xffff }),
        value: fc.uint8Array({ maxLength: 20 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  },
  [
    "staticPublicKey",
    "ipv6Endpoint",
    "ttlMs",
    "tags",
    "metadata",
    "advertisedAddress",
    "unknownExtensions",
  ],
);

testCodec<AgentRegisterPayload>({
  name: "AgentRegister",
  encode: encodeAgentRegister,
  decode: decodeAgentRegister,
  values: anyRegister,
});

testCodec<AgentRegisterPayload[]>({
  name: "Agent list",
  encode: encodeAgentList,
  decode: decodeAgentList,
  values: fc.array(anyRegister, { maxLength: 4 }),
});

const SEED_FIELDS = "000102030405060708090a0b0c0d0e0f" + // agent id
  "0500" + "616c706861" + // name
  "0200" + "0100" + "61" + "0200" + "6263" + // capabilities
  "7f000001" + "2823"; // 127.0.0.1, 9000
const seed: AgentRegisterPayload = {
  agentId: Uint8Array.from({ length: 16 }, (_, index) => index),
  name: "alpha",
  capabilities: ["a", "bc"],
  endpoint: { address: new Uint8Array([127, 0, 0, 1]), port: 9000 },
};

Deno.test("AgentRegister has the fixed fields of the first implementation", () => {
  assert.equal(encodeAgentRegister(seed).toHex(), SEED_FIELDS);
  assert.deepEqual(decodeAgentRegister(Uint8Array.fromHex(SEED_FIELDS)), seed);
});

Deno.test("AgentRegister appends extensions in ascending order", () => {
  const bytes = encodeAgentRegister({
    ...seed,
    staticPublicKey: new Uint8Array(32).fill(0xee),
    ipv6Endpoint: {
      address: Uint8Array.fromHex("20010db8000000000000000000000007"),
      port: 0x1234,
    },
    ttlMs: 30000,
    tags: ["x", "y"],
    metadata: { zone: "eu" },
    advertisedAddress: "h:1",
    unknownExtensions: [{ type: 256, value: new Uint8Array(1) }],
  });
  assert.equal(
    bytes.toHex(),
    SEED_FIELDS + "01002000" + "ee".repeat(32) +
      "02001200" + "20010db8000000000000000000000007" + "3412" +
      "03000400" + "30750000" +
      "04000100" + "78" + "04000100" + "79" +
      "05000800" + "0400" + "7a6f6e65" + "6575" +
      "06000300" + "683a31" +
      "00010100" + "00",
  );
});

Deno.test("AgentRegister refuses every length below its fixed fields", () => {
  const bytes = Uint8Array.fromHex(SEED_FIELDS);
  for (let length = 0; length < bytes.length; length++) {
    assertRefused(
      () => decodeAgentRegister(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("AgentRegister refuses an extension that is cut off", () => {
  const bytes = encodeAgentRegister({ ...seed, ttlMs: 1 });
  for (let missing = 1; missing < 8; missing++) {
    assertRefused(
      () => decodeAgentRegister(bytes.subarray(0, bytes.length - missing)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("AgentRegister refuses more capabilities announced than there are", () => {
  const bytes = Uint8Array.fromHex(SEED_FIELDS);
  bytes.set([0xff, 0xff], 23);
  assertRefused(() => decodeAgentRegister(bytes), "PAYLOAD_TRUNCATED");
});

/** The fixed fields with extensions in hexadecimal after them. */
function withExtensions(hex: string): Uint8Array {
  return Uint8Array.fromHex(SEED_FIELDS + hex);
}

Deno.test("AgentRegister refuses extensions of another size", () => {
  const sizes: [number, number][] = [[1, 32], [2, 18], [3, 4]];
  for (const [type, size] of sizes) {
    for (const length of [0, size - 1, size + 1]) {
      const hex = `0${type}00` + length.toString(16).padStart(2, "0") + "00" +
        "00".repeat(length);
      assertRefused(
        () => decodeAgentRegister(withExtensions(hex)),
        length < size ? "PAYLOAD_TRUNCATED" : "PAYLOAD_INVALID",
      );
    }
  }
});

Deno.test("AgentRegister refuses an extension twice that may come once", () => {
  for (const hex of ["0300040001000000", "060001" + "0061"]) {
    decodeAgentRegister(withExtensions(hex));
    assertRefused(
      () => decodeAgentRegister(withExtensions(hex + hex)),
      "PAYLOAD_INVALID",
    );
  }
  const metadata = "05000300" + "0100" + "61";
  assertRefused(
    () => decodeAgentRegister(withExtensions(metadata + metadata)),
    "PAYLOAD_INVALID",
  );
});

Deno.test("AgentRegister refuses text that is not UTF-8, wherever it is", () => {
  const bytes = Uint8Array.fromHex(SEED_FIELDS);
  for (const offset of [18, 27]) {
    const damaged = bytes.slice();
    damaged[offset] = 0xff;
    assertRefused(() => decodeAgentRegister(damaged), "PAYLOAD_INVALID");
  }
  for (const hex of ["04000100ff", "06000100ff", "0500040001006180"]) {
    assertRefused(
      () => decodeAgentRegister(withExtensions(hex)),
      "PAYLOAD_INVALID",
    );
  }
});

Deno.test("AgentRegister refuses more than 1,024 extensions", () => {
  assertRefused(
    () => decodeAgentRegister(withExtensions("00700000".repeat(1025))),
    "PAYLOAD_INVALID",
  );
});

Deno.test("encodeAgentRegister() refuses what the fields cannot carry", () => {
  const changes: Partial<AgentRegisterPayload>[] = [
    { agentId: new Uint8Array(15) },
    { name: "n".repeat(65536) },
    { capabilities: ["c".repeat(65536)] },
    { capabilities: new Array(65536).fill("") },
    { endpoint: { address: new Uint8Array(16), port: 1 } },
    { endpoint: { address: new Uint8Array(4), port: 65536 } },
    { ipv6Endpoint: { address: new Uint8Array(4), port: 1 } },
    { staticPublicKey: new Uint8Array(33) },
    { ttlMs: 0.5 },
    { tags: ["t".repeat(65536)] },
    { advertisedAddress: "\ud800" },
    { unknownExtensions: [{ type: 3, value: new Uint8Array(4) }] },
    { unknownExtensions: tooManyExtensions() },
  ];
  assertFieldsRefused(encodeAgentRegister, seed, changes);
});

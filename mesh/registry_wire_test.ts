import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AgentRegisterPayload,
  createNilAgentId,
  decodeAgentRegister,
  encodeAgentRegister,
  parseAgentId,
} from "../protocol/mod.ts";
import type { AgentEntry, RegistryQuery } from "../registry/mod.ts";
import { CallError } from "./error.ts";
import {
  checkRegistration,
  discoverOf,
  entryOf,
  listElementOf,
  PRESENCE_EXTENSION,
  queryOf,
  recordOf,
  type RegistrationContext,
} from "./registry_wire.ts";

const AGENT_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff";
const KEY = new Uint8Array(32).fill(7);

const context: RegistrationContext = {
  publicKey: KEY,
  observed: { hostname: "198.51.100.9", port: 40_000 },
  ttlMs: 15_000,
  registeredAtMs: 5,
};

function registerOf(
  changes: Partial<AgentRegisterPayload> = {},
): AgentRegisterPayload {
  return {
    agentId: parseAgentId(AGENT_ID),
    name: "writer",
    capabilities: ["write"],
    endpoint: { address: new Uint8Array(4), port: 9001 },
    ...changes,
  };
}

function placeOf(changes: Partial<AgentRegisterPayload>): string {
  const { hostname, port } = recordOf(registerOf(changes), context);
  return `${hostname} ${port}`;
}

const ipv4 = (port: number): AgentRegisterPayload["endpoint"] => ({
  address: Uint8Array.of(192, 0, 2, 1),
  port,
});
const ipv6 = (last: number, port: number): AgentRegisterPayload["endpoint"] => {
  const address = new Uint8Array(16);
  address[15] = last;
  return { address, port };
};

Deno.test("recordOf() takes the advertised address before any other", () => {
  const endpoint = ipv4(9001);
  assert.equal(
    placeOf({ endpoint, advertisedAddress: "agents.example.org:7" }),
    "agents.example.org 7",
  );
  assert.equal(
    placeOf({ advertisedAddress: "[2001:DB8::1]:7" }),
    "2001:db8::1 7",
  );
});

Deno.test("recordOf() takes the IPv4 endpoint, then the IPv6 one", () => {
  assert.equal(placeOf({ endpoint: ipv4(9001) }), "192.0.2.1 9001");
  const ipv6Endpoint = ipv6(1, 9002);
  assert.equal(
    placeOf({ endpoint: ipv4(9001), ipv6Endpoint }),
    "192.0.2.1 9001",
  );
  assert.equal(placeOf({ ipv6Endpoint }), "::1 9002");
});

Deno.test("recordOf() fills an unspecified address and port from the connection", () => {
  assert.equal(placeOf({}), "198.51.100.9 9001");
  const endpoint = { address: new Uint8Array(4), port: 0 };
  assert.equal(placeOf({ endpoint }), "198.51.100.9 40000");
  assert.equal(
    placeOf({ endpoint, ipv6Endpoint: ipv6(0, 8) }),
    "198.51.100.9 8",
  );
  assert.equal(placeOf({ endpoint: ipv4(0) }), "192.0.2.1 40000");
});

// docs/spec/registry.md#register
Deno.test("recordOf() takes the port of the address, and where that is 0 the first that is not", () => {
  const anywhere = { address: new Uint8Array(4), port: 5 };
  const ipv6Endpoint = ipv6(1, 77);
  assert.equal(placeOf({ endpoint: anywhere, ipv6Endpoint }), "::1 77");
  assert.equal(
    placeOf({ endpoint: anywhere, ipv6Endpoint: ipv6(1, 0) }),
    "::1 5",
  );
  assert.equal(
    placeOf({ endpoint: ipv4(0), ipv6Endpoint }),
    "192.0.2.1 77",
  );
});

Deno.test("recordOf() writes an observed mapped address as IPv4", () => {
  const observed = { hostname: "::ffff:192.0.2.5", port: 1 };
  const { hostname } = recordOf(registerOf(), { ...context, observed });
  assert.equal(hostname, "192.0.2.5");
});

Deno.test("recordOf() takes the key from the connection and refuses another", () => {
  assert.equal(recordOf(registerOf(), context).publicKey, KEY);
  recordOf(registerOf({ staticPublicKey: KEY.slice() }), context);
  const other = registerOf({ staticPublicKey: new Uint8Array(32) });
  assert.throws(
    () => recordOf(other, context),
    (error) => error instanceof CallError && error.code === "PERMISSION_DENIED",
  );
});

Deno.test("recordOf() refuses the nil id and an address that is none", () => {
  const bad: Partial<AgentRegisterPayload>[] = [
    { agentId: createNilAgentId() },
    { advertisedAddress: "agents.example.org" },
    { advertisedAddress: ":9000" },
    { advertisedAddress: "agents.example.org:0" },
    { advertisedAddress: "" },
    { advertisedAddress: "bücher.example:9000" },
    { advertisedAddress: "::1:9000" },
    { advertisedAddress: "agents.example.org:65536" },
  ];
  for (const changes of bad) {
    assert.throws(
      () => recordOf(registerOf(changes), context),
      (error) =>
        error instanceof CallError && error.code === "INVALID_ARGUMENT",
    );
  }
});

const entry: fc.Arbitrary<AgentEntry> = fc.record({
  agentId: fc.uuid().filter((id) => !/^[0-]*$/.test(id)),
  name: fc.constantFrom("writer", "é", "名前"),
  capabilities: fc.uniqueArray(fc.constantFrom("a", "b", "c")),
  tags: fc.uniqueArray(fc.constantFrom("x", "y")),
  metadata: fc.dictionary(fc.constantFrom("k", "l"), fc.constantFrom("", "v"), {
    noNullPrototype: true,
  }),
  hostname: fc.constantFrom("192.0.2.1", "2001:db8::1", "agents.example.org"),
  port: fc.integer({ min: 1, max: 65_535 }),
  publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  ttlMs: fc.integer({ min: 1, max: 86_400_000 }),
  status: fc.constantFrom("available", "draining"),
  load: fc.integer({ min: 0, max: 65_535 }).map((load) => load / 65_535),
});

Deno.test("entryOf() is the inverse of listElementOf(), over the wire", () => {
  fc.assert(fc.property(entry, (given) => {
    const bytes = encodeAgentRegister(listElementOf(given));
    const back = entryOf(decodeAgentRegister(bytes));
    assert.deepEqual(
      { ...back, publicKey: [...back!.publicKey] },
      { ...given, publicKey: [...given.publicKey] },
    );
  }));
});

/** Extensions of a list's element. */
function presenceOf(
  ...values: readonly (readonly number[])[]
): Partial<AgentRegisterPayload> {
  return {
    unknownExtensions: values.map((value) => ({
      type: PRESENCE_EXTENSION,
      value: Uint8Array.from(value),
    })),
  };
}

Deno.test("entryOf() leaves out what it cannot use and takes no presence for available", () => {
  const usable = registerOf({ staticPublicKey: KEY, endpoint: ipv4(1) });
  const { status, load } = entryOf(usable)!;
  assert.deepEqual({ status, load }, { status: "available", load: 0 });
  const unusable: Partial<AgentRegisterPayload>[] = [
    { agentId: createNilAgentId() },
    { name: "" },
    { name: "\u001b[2J" },
    { endpoint: { address: new Uint8Array(4), port: 1 } },
    { endpoint: ipv4(0) },
    { advertisedAddress: "a b:1" },
    presenceOf([1, 0]),
    presenceOf([1, 0, 0, 0]),
    presenceOf([0, 0, 0]),
    presenceOf([3, 0, 0]),
    presenceOf([1, 0, 0], [1, 0, 0]),
  ];
  assert.equal(entryOf({ ...usable, ...presenceOf([2, 0, 0]) })?.load, 0);
  for (const changes of unusable) {
    assert.equal(entryOf({ ...usable, ...changes }), undefined);
  }
  assert.equal(entryOf(registerOf({ endpoint: ipv4(1) })), undefined);
});

Deno.test("queryOf() is the inverse of discoverOf()", () => {
  const queries: RegistryQuery[] = [
    { kind: "all" },
    { kind: "capability", term: "a", limit: 5 },
    { kind: "name", term: "b" },
    { kind: "tag", term: "c" },
    { kind: "id", term: AGENT_ID },
  ];
  for (const query of queries) {
    assert.deepEqual(queryOf(discoverOf(query)), query);
  }
  assert.deepEqual(
    queryOf({ kind: 4, limit: 0, term: AGENT_ID.toUpperCase() }),
    {
      kind: "id",
      term: AGENT_ID,
    },
  );
});

Deno.test("checkRegistration() keeps what it knows and refuses another shape", () => {
  const good = { leaseMs: 3, heartbeatIntervalMs: 1, hostname: "a", port: 1 };
  assert.deepEqual(checkRegistration({ ...good, later: true }), good);
  const bad = [
    null,
    undefined,
    "text",
    {},
    { ...good, leaseMs: 0 },
    { ...good, leaseMs: 1e12 },
    { ...good, heartbeatIntervalMs: NaN },
    { ...good, heartbeatIntervalMs: "1" },
    { ...good, hostname: 1 },
    { ...good, port: 0 },
  ];
  for (const value of bad) {
    assert.throws(
      () => checkRegistration(value),
      (error) => error instanceof CallError && error.code === "INTERNAL",
    );
  }
});

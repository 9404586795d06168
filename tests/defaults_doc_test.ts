/**
 * The defaults that the doc comments of options promise, and those that the code
 * takes: a reader of the reference sees no constants.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_STREAM_IDLE_TIMEOUT_MS,
  DISCOVERY_CACHE_MS,
  MAX_HANDLERS_IN_FLIGHT,
  MAX_PEER_CONNECTIONS,
  MAX_QUEUED_EVENTS,
  NODE_CONNECT_TIMEOUT_MS,
  PEER_IDLE_TIMEOUT_MS,
} from "../mesh/config.ts";
import { DEFAULT_NODE_PORT } from "../mesh/node_config.ts";
import { createPacketLogLimits } from "../observability/packet_log/config.ts";
import {
  DEFAULT_HEARTBEAT_INTERVAL_MS,
  DEFAULT_LEASE_MS,
  DEFAULT_QUERY_LIMIT,
  resolveRegistryLimits,
} from "../registry/config.ts";
import { createEndpointConfig } from "../transport/core/endpoint_config.ts";
import { defaultsOf, valueOf } from "./support/doc_defaults.ts";
import { SeededRandom } from "./support/seeded_random.ts";

/** Checks every default that is promised as a value; gives the names of the others. */
function assertDefaults(
  path: string,
  name: string,
  actual: Readonly<Record<string, unknown>>,
): string[] {
  const documented = defaultsOf(path, name);
  assert.deepEqual(
    Object.keys(actual).filter((key) => !documented.has(key)),
    [],
    `${name} has no default in its comments`,
  );
  const described: string[] = [];
  for (const [key, text] of documented) {
    const value = valueOf(text);
    if (value === undefined) described.push(key);
    else assert.deepEqual(value, actual[key], `${name}.${key}`);
  }
  return described;
}

Deno.test("EndpointOptions promises the defaults that an endpoint takes", () => {
  const { keyPair: _, ...config } = createEndpointConfig({
    keyPair: generateKeyPair(new SeededRandom(1)),
  });
  const path = "transport/core/endpoint_options.ts";
  const described = assertDefaults(path, "EndpointOptions", { ...config });
  assert.deepEqual(described, [
    "maxDatagramBytes",
    "keepAliveIntervalMs",
    "maxPacketsPerKey",
    "maxForgedPackets",
    "retryThreshold",
    "maxStreamStretches",
  ]);
});

Deno.test("PacketLogLimits promises the defaults that a packet log takes", () => {
  const path = "observability/packet_log/config.ts";
  const limits = { ...createPacketLogLimits({}) };
  assert.deepEqual(assertDefaults(path, "PacketLogLimits", limits), []);
});

Deno.test("RegistryLimits promises the defaults that a registry takes", () => {
  const limits = { ...resolveRegistryLimits() };
  const described = assertDefaults(
    "registry/config.ts",
    "RegistryLimits",
    limits,
  );
  assert.deepEqual(described, []);
});

Deno.test("options of agents and nodes promise the defaults of the mesh", () => {
  assertDefaults("mesh/agent_options.ts", "AgentLimits", {
    maxHandlersInFlight: MAX_HANDLERS_IN_FLIGHT,
    maxPeerConnections: MAX_PEER_CONNECTIONS,
    peerIdleTimeoutMs: PEER_IDLE_TIMEOUT_MS,
    discoveryCacheMs: DISCOVERY_CACHE_MS,
  });
  assertDefaults("mesh/agent_options.ts", "AgentOptions", {
    connectTimeoutMs: NODE_CONNECT_TIMEOUT_MS,
  });
  assertDefaults("mesh/discover_query.ts", "DiscoverQuery", {
    limit: DEFAULT_QUERY_LIMIT,
  });
  assertDefaults("mesh/event_subscription.ts", "SubscribeOptions", {
    maxQueued: MAX_QUEUED_EVENTS,
  });
  assertDefaults("mesh/node.ts", "NodeOptions", {
    hostname: "127.0.0.1",
    port: DEFAULT_NODE_PORT,
    leaseMs: DEFAULT_LEASE_MS,
  });
});

Deno.test("defaults that take words name the numbers of the mesh", () => {
  const agent = defaultsOf("mesh/agent_options.ts", "AgentOptions");
  const request = defaultsOf("mesh/call_options.ts", "RequestOptions");
  const pairs: readonly (readonly [string | undefined, number])[] = [
    [agent.get("heartbeatIntervalMs"), DEFAULT_HEARTBEAT_INTERVAL_MS],
    [request.get("timeoutMs"), DEFAULT_CALL_TIMEOUT_MS],
    [request.get("idleTimeoutMs"), DEFAULT_STREAM_IDLE_TIMEOUT_MS],
  ];
  for (const [text, value] of pairs) {
    assert.ok(text?.includes(value.toLocaleString("en")), text);
  }
});

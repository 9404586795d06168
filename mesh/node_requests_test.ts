import assert from "node:assert/strict";
import {
  type Content,
  decodeAgentList,
  DiscoverKind,
  encodeAgentDiscover,
  type Message,
  MessageType,
} from "../protocol/mod.ts";
import { MemoryRegistry } from "../registry/mod.ts";
import { recordOf } from "../tests/conformance/registry_conformance.ts";
import { TimerClock } from "../tests/support/timer_clock.ts";
import { scheduleFairTurn } from "../transport/mod.ts";
import {
  handleRequest,
  type NodeServices,
  type Requester,
} from "./node_requests.ts";
import { RegistryWrites } from "./registry_writes.ts";

/** A node with so many agents that can do `summarize`. */
function createServices(agentCount: number): NodeServices {
  const registry = new MemoryRegistry();
  for (let index = 0; index < agentCount; index++) {
    registry.register(0, recordOf(index, { port: 9000 }));
  }
  return {
    registry,
    clock: new TimerClock(),
    wallClock: () => 0,
    leaseMs: 30_000,
    registrants: new Map(),
    registering: new Map(),
    writes: new RegistryWrites(),
    status: () => assert.fail("nobody asks for it"),
  };
}

function discover(services: NodeServices, limit: number): Promise<Content> {
  const requester = {} as Requester;
  const kind = DiscoverKind.CAPABILITY;
  const message: Message = {
    type: MessageType.AGENT_DISCOVER,
    flags: 0,
    messageId: 1n,
    traceId: 1n,
    payload: encodeAgentDiscover({ kind, limit, term: "summarize" }),
  };
  return handleRequest(services, requester, message);
}

Deno.test("handleRequest() lets the event loop turn while it answers many large discoveries", async () => {
  const services = createServices(1_000);
  const turn = new Promise<void>(scheduleFairTurn);
  let answeredCount = 0;
  const answers = Array.from({ length: 20 }, async () => {
    const { body } = await discover(services, 1_000);
    answeredCount++;
    return decodeAgentList(body).length;
  });
  await turn;
  assert.ok(answeredCount < 20, `${answeredCount} answers in one turn`);
  assert.deepEqual(await Promise.all(answers), new Array(20).fill(1_000));
});

Deno.test("handleRequest() lets the event loop turn while it searches many records for many discoveries", async () => {
  const services = createServices(5_000);
  const turn = new Promise<void>(scheduleFairTurn);
  let answeredCount = 0;
  const answers = Array.from({ length: 20 }, async () => {
    const { body } = await discover(services, 1);
    answeredCount++;
    return decodeAgentList(body)[0]!.name;
  });
  await turn;
  assert.ok(answeredCount < 20, `${answeredCount} answers in one turn`);
  assert.deepEqual(await Promise.all(answers), new Array(20).fill("agent-0"));
});

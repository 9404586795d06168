/**
 * Registration, discovery, heartbeat.
 *
 * @module
 */
import {
  createAgentId,
  decodeAgentList,
  decodeResponse,
  DiscoverKind,
  encodeAgentDiscover,
  encodeAgentHeartbeat,
  encodeAgentRegister,
  formatAgentId,
  HeartbeatStatus,
  type Message,
  MessageType,
} from "../../protocol/mod.ts";
import { systemRandom } from "../../transport/mod.ts";
import { check, type Clause, fail } from "../clause.ts";
import type { RawConnection } from "../peer/raw_connection.ts";
import { randomId, request, requireNode, statusOf } from "../peer/requests.ts";

/** Statuses that the clauses name. */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;

function message(type: number, payload: Uint8Array): Message {
  return {
    type,
    flags: 0,
    messageId: randomId(),
    traceId: randomId(),
    payload,
  };
}

function registration(agentId: Uint8Array): Message {
  return message(
    MessageType.AGENT_REGISTER,
    encodeAgentRegister({
      agentId,
      name: "conformance",
      capabilities: ["conformance-probe"],
      endpoint: { address: Uint8Array.of(127, 0, 0, 1), port: 9 },
    }),
  );
}

function heartbeat(agentId: Uint8Array, status: HeartbeatStatus): Message {
  return message(
    MessageType.AGENT_HEARTBEAT,
    encodeAgentHeartbeat({ agentId, status, load: 0.5, sequence: 1 }),
  );
}

/** What the answer to a registration grants; nothing of it is checked. */
interface Grant {
  readonly leaseMs?: number;
  readonly heartbeatIntervalMs?: number;
}

function grantIn(answer: Message): Grant {
  const { body } = decodeResponse(answer.payload);
  try {
    return JSON.parse(new TextDecoder().decode(body)) ?? {};
  } catch {
    fail("the answer to a registration is no JSON");
  }
}

/** Whether the node lists an agent. */
async function isListed(
  connection: RawConnection,
  agentId: Uint8Array,
): Promise<boolean> {
  const answer = await request(
    connection,
    message(
      MessageType.AGENT_DISCOVER,
      encodeAgentDiscover({
        kind: DiscoverKind.AGENT_ID,
        limit: 10,
        term: formatAgentId(agentId),
      }),
    ),
  );
  check(statusOf(answer) === 0, `discovery got status ${statusOf(answer)}`);
  const { body } = decodeResponse(answer.payload);
  return decodeAgentList(body).some((agent) =>
    formatAgentId(agent.agentId) === formatAgentId(agentId)
  );
}

/** Clauses about the registry. */
export const REGISTRY_CLAUSES: readonly Clause[] = [
  {
    id: "registry.round-trip",
    title:
      "An agent registers, is found, sends a heartbeat, and is gone when it leaves",
    spec: "registry.md#register",
    run: async (context) => {
      const connection = await context.connect();
      await requireNode(connection);
      const agentId = createAgentId(systemRandom);
      const answer = await request(connection, registration(agentId));
      check(
        statusOf(answer) === 0,
        `registration got status ${statusOf(answer)}`,
      );
      const { leaseMs = NaN, heartbeatIntervalMs = NaN } = grantIn(answer);
      check(
        leaseMs > 0 && heartbeatIntervalMs * 3 <= leaseMs,
        `the lease is ${leaseMs} ms, the interval ${heartbeatIntervalMs} ms`,
      );
      check(await isListed(connection, agentId), "the agent is not found");
      const { AVAILABLE, LEAVING } = HeartbeatStatus;
      const beat = await request(connection, heartbeat(agentId, AVAILABLE));
      check(statusOf(beat) === 0, `a heartbeat got status ${statusOf(beat)}`);
      const end = await request(connection, heartbeat(agentId, LEAVING));
      check(statusOf(end) === 0, `leaving got status ${statusOf(end)}`);
      check(!await isListed(connection, agentId), "it is found after it left");
      return `lease ${leaseMs} ms`;
    },
  },
  {
    id: "registry.unknown-agent",
    title: "A heartbeat of an agent that is not registered gets NOT_FOUND",
    spec: "registry.md#heartbeat",
    run: async (context) => {
      const connection = await context.connect();
      await requireNode(connection);
      const answer = await request(
        connection,
        heartbeat(createAgentId(systemRandom), HeartbeatStatus.AVAILABLE),
      );
      const status = statusOf(answer);
      check(status === NOT_FOUND, `it got status ${status}, not ${NOT_FOUND}`);
    },
  },
  {
    id: "registry.owner",
    title: "An agent id belongs to the key that registered it",
    spec: "registry.md#register",
    run: async (context) => {
      const owner = await context.connect();
      await requireNode(owner);
      const agentId = createAgentId(systemRandom);
      const answer = await request(owner, registration(agentId));
      check(
        statusOf(answer) === 0,
        `registration got status ${statusOf(answer)}`,
      );
      const other = await context.connect();
      const status = statusOf(await request(other, registration(agentId)));
      await request(owner, heartbeat(agentId, HeartbeatStatus.LEAVING));
      check(
        status === PERMISSION_DENIED,
        `another key that takes the id gets status ${status}, not ${PERMISSION_DENIED}`,
      );
    },
  },
];

/**
 * A session of a node without sockets, and the peer at its other end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createStreamPair, type TestStream } from "./byte_stream_pair.ts";
import { TimerClock } from "./timer_clock.ts";
import {
  createNilAgentId,
  encodeCall,
  encodeCallData,
  encodeValue,
  type Extension,
  parseAgentId,
} from "../../protocol/mod.ts";
import { MemoryRegistry, type Registry } from "../../registry/mod.ts";
import { CallError, type CallErrorCode } from "../../mesh/error.ts";
import { EventHub } from "../../mesh/event_hub.ts";
import { QueueBudget } from "../../mesh/event_queue.ts";
import {
  MemoryLimit,
  type OutgoingMessage,
} from "../../mesh/message_channel.ts";
import { RESERVED_NODE_REQUEST_BYTES } from "../../mesh/node_config.ts";
import { type HubEvent, NodeSession } from "../../mesh/node_session.ts";
import {
  encodeOutgoingEvent,
  type NodeRequestOptions,
  publishEvent,
  registerAgent,
  type RequestConnection,
  sendHeartbeat,
} from "../../mesh/registry_client.ts";
import { RegistryWrites } from "../../mesh/registry_writes.ts";

/** Id of the agent that {@linkcode NodeRig.register} registers. */
export const AGENT_ID: Uint8Array = parseAgentId(
  "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
);

/** The lease that the node gives, in milliseconds. */
export const LEASE_MS = 15_000;

/** A node's session and the peer at the other end of it. */
export class NodeRig implements RequestConnection {
  readonly clock: TimerClock = new TimerClock();
  readonly hub: EventHub<HubEvent> = new EventHub();
  readonly queueBudget: QueueBudget = new QueueBudget(64 * 1024 * 1024);
  readonly memory: MemoryLimit;
  readonly warnings: string[] = [];
  readonly session: NodeSession;
  /** Streams that the session opened: the peer's ends. */
  readonly opened: TestStream[] = [];
  /** The session's ends of the streams that the peer opened. */
  readonly accepted: TestStream[] = [];
  readonly closed: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    registry: Registry = new MemoryRegistry(),
    publicKey = 7,
    registrants: Map<string, symbol> = new Map(),
    memory: MemoryLimit = new MemoryLimit(64 * 1024 * 1024),
    registering: Map<string, symbol[]> = new Map(),
  ) {
    this.memory = memory;
    this.session = new NodeSession({
      connection: {
        peerPublicKey: new Uint8Array(32).fill(publicKey),
        remoteAddress: { hostname: "192.0.2.1", port: 40_000 },
        closed: this.closed.promise,
        openStream: () => {
          const [ours, theirs] = createStreamPair();
          this.opened.push(theirs);
          return Promise.resolve(ours);
        },
      },
      services: {
        registry,
        clock: this.clock,
        wallClock: () => 0,
        leaseMs: LEASE_MS,
        registrants,
        registering,
        writes: new RegistryWrites(),
        status: () => ({
          agents: registry.size,
          connections: 1,
          subscriptions: this.hub.subscriptionCount,
          droppedEvents: this.session.droppedEventCount,
        }),
      },
      hub: this.hub,
      queueBudget: this.queueBudget,
      peer: {
        keyText: "",
        memory: memory.share(RESERVED_NODE_REQUEST_BYTES),
        subscriptionCount: 0,
        holderCount: 1,
      },
      onWarning: (message) => this.warnings.push(message),
    });
  }

  open(): TestStream {
    const [ours, theirs] = createStreamPair();
    this.accepted.push(theirs);
    this.session.accept(theirs);
    return ours;
  }

  openStream(): Promise<TestStream> {
    return Promise.resolve(this.open());
  }

  get options(): NodeRequestOptions {
    return { messageId: 5n, traceId: 6n, clock: this.clock };
  }

  register(port = 9001): ReturnType<typeof registerAgent> {
    const registration = {
      agentId: AGENT_ID,
      name: "writer",
      capabilities: ["write"],
      port,
    };
    return registerAgent(this, registration, this.options);
  }

  heartbeat(
    status: "available" | "draining" | "leaving" = "available",
  ): Promise<void> {
    const heartbeat = { agentId: AGENT_ID, status, load: 0.5, sequence: 1 };
    return sendHeartbeat(this, heartbeat, this.options);
  }

  publish(topic: string, value: unknown = topic, flags = 0): Promise<void> {
    const event = { topic, content: encodeValue(value), flags };
    return publishEvent(this, encodeOutgoingEvent(event), this.options);
  }
}

/** Checks with which code a promise rejects. */
export async function assertRefused(
  code: CallErrorCode,
  promise: Promise<unknown>,
): Promise<CallError> {
  const error = await promise.then(() => undefined, (reason) => reason);
  assert.ok(error instanceof CallError, `refused with ${error}`);
  assert.equal(error.code, code);
  return error;
}

/** Lets everything run that does not wait for time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

/** A message with the ids of {@linkcode NodeRig.options}. */
export function messageOf(
  type: number,
  payload: Uint8Array,
  flags = 0,
): OutgoingMessage {
  return { type, flags, messageId: 5n, traceId: 6n, payload };
}

/** The payload of a call of the node itself. */
export function callOf(
  method: string,
  value: unknown,
  extensions: readonly Extension[] = [],
): Uint8Array {
  const data = encodeCallData({ ...encodeValue(value), method, extensions });
  return encodeCall({ target: createNilAgentId(), timeoutSeconds: 1, data });
}

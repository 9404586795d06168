/**
 * @mxp/core, through its public API: a node and an agent that answers in one
 * process, an agent that asks in the other.
 *
 * @module
 */
import {
  Agent,
  type AgentOptions,
  type CallRequest,
  Node,
} from "../../../mod.ts";
import {
  decodeMessage,
  encodeMessageInto,
  formatMxpUrl,
  messageLength,
  MessageType,
} from "../../../protocol/mod.ts";
import type {
  PeerConnection,
  PeerDriver,
  PeerServer,
  SetUp,
  StreamRequest,
} from "../driver.ts";
import { CALL_BYTES, createPayload } from "../metrics/call_load.ts";
import { nextTurn } from "../metrics/macrotask.ts";
import { runPeer } from "../peer_main.ts";

/**
 * Silence after which the agent that comes back leaves, in milliseconds. Other peers
 * close and connect again at once: after 15 ms, which it took with 5, the processor's
 * caches have been used by others, and even raw UDP takes three times as long.
 */
const RETURN_IDLE_MS = 1;

/** Size of a datagram with a hello: no other one of a call is as large. */
const MIN_HELLO_BYTES = 1_200;

const BIND = "127.0.0.1:0";

/** Packets of 1,200 bytes, and no probes for larger ones. */
const SMALL_PACKETS: AgentOptions = { transport: { maxDatagramBytes: 1_200 } };

/** What the asking side is told. */
interface MxpAddress {
  readonly nodeUrl: string;
  /** The agent itself, for a connection without a look into the registry. */
  readonly agentUrl: string;
}

function* sendMessages(request: CallRequest): Generator<Uint8Array> {
  const { count, bytes } = request.json<StreamRequest>();
  const message = new Uint8Array(bytes).fill(7);
  for (let index = 0; index < count; index++) yield message;
}

async function startAgent(
  nodeUrl: string,
  name: string,
  options: AgentOptions = {},
): Promise<Agent> {
  const agent = await Agent.connect(nodeUrl, { ...options, name });
  agent.onCall("echo", (request) => request.bytes());
  agent.onStream("messages", sendMessages);
  return agent;
}

async function startServer(): Promise<PeerServer> {
  const node = await Node.start({ bind: BIND });
  const agents = [
    await startAgent(node.url, "peer"),
    await startAgent(node.url, "small", SMALL_PACKETS),
  ];
  const { localAddress, publicKey } = agents[0]!;
  const address: MxpAddress = {
    nodeUrl: node.url,
    agentUrl: formatMxpUrl({ ...localAddress, publicKey }),
  };
  return {
    address: JSON.stringify(address),
    async close() {
      for (const agent of agents) await agent.close();
      await node.close();
    },
  };
}

class MxpConnection implements PeerConnection {
  readonly #agent: Agent;
  readonly #target: { readonly name: string };

  constructor(agent: Agent, name: string) {
    this.#agent = agent;
    this.#target = { name };
  }

  call(payload: Uint8Array): Promise<Uint8Array> {
    return this.#agent.call<Uint8Array>(this.#target, "echo", payload);
  }

  async stream(
    request: StreamRequest,
    onMessage: (message: Uint8Array) => void,
  ): Promise<void> {
    const { count, bytes } = request;
    const messages = this.#agent.stream<Uint8Array>(
      this.#target,
      "messages",
      { count, bytes },
    );
    for await (const batch of messages.batches()) {
      for (const message of batch) onMessage(message);
    }
  }

  close(): Promise<void> {
    return this.#agent.close();
  }
}

/** A connection to an agent that was never called before. */
async function meet(address: string): Promise<SetUp> {
  const { nodeUrl, agentUrl }: MxpAddress = JSON.parse(address);
  // A new agent has no ticket; its connection to the node does not count.
  const agent = await Agent.connect(nodeUrl);
  return {
    firstAnswer: (payload) =>
      agent.call<Uint8Array>({ url: agentUrl }, "echo", payload),
    close: () => agent.close(),
  };
}

/** An agent that comes back to another one after each call. */
class Returner {
  /** Lengths of the datagrams it has sent, those to the node included. */
  readonly sentLengths: number[] = [];
  #agent: Promise<Agent> | undefined;

  /** Resolves when it has a ticket and no connection. */
  async wait(address: MxpAddress): Promise<Agent> {
    this.#agent ??= this.#start(address);
    const agent = await this.#agent;
    // Awake: a processor that slept would be what is measured.
    const until = performance.now() + RETURN_IDLE_MS * 3;
    while (performance.now() < until) await nextTurn();
    return agent;
  }

  async #start({ nodeUrl, agentUrl }: MxpAddress): Promise<Agent> {
    const agent = await Agent.connect(nodeUrl, {
      limits: { peerIdleTimeoutMs: RETURN_IDLE_MS },
      observe: () => ({
        onDatagramSent: (_now, _to, { length }) =>
          void this.sentLengths.push(length),
      }),
    });
    await agent.call({ url: agentUrl }, "echo", createPayload());
    return agent;
  }
}

const returner = new Returner();

/** A connection to an agent that was called before. */
async function resume(address: string): Promise<SetUp> {
  const parsed: MxpAddress = JSON.parse(address);
  const agent = await returner.wait(parsed);
  const before = returner.sentLengths.length;
  let sent: readonly number[] = [];
  return {
    async firstAnswer(payload) {
      const answer = await agent.call<Uint8Array>(
        { url: parsed.agentUrl },
        "echo",
        payload,
        { isIdempotent: true },
      );
      sent = returner.sentLengths.slice(before);
      return answer;
    },
    // A hello, and after it nothing in which the question could have been.
    isAsAsked: () =>
      sent[0]! >= MIN_HELLO_BYTES &&
      sent.slice(1).every((length) => length < CALL_BYTES),
    close: () => {},
  };
}

const driver: PeerDriver = {
  setUpKinds: ["fresh", "zero-rtt"],
  holdsPacketSize: true,
  startServer,
  async connect(_context, address, { smallPackets = false }) {
    const { nodeUrl }: MxpAddress = JSON.parse(address);
    return smallPackets
      ? new MxpConnection(await Agent.connect(nodeUrl, SMALL_PACKETS), "small")
      : new MxpConnection(await Agent.connect(nodeUrl), "peer");
  },
  setUp(_context, address, kind): Promise<SetUp> {
    return kind === "zero-rtt" ? resume(address) : meet(address);
  },
  async connectIdle(_context, address) {
    const { nodeUrl }: MxpAddress = JSON.parse(address);
    const agent = await Agent.connect(nodeUrl);
    await agent.ping();
    return agent;
  },
  createCodec() {
    const message = {
      type: MessageType.CALL,
      flags: 0,
      messageId: 0x0123_4567_89ab_cdefn,
      traceId: 0xfedc_ba98_7654_3210n,
      payload: createPayload(),
    };
    const into = new Uint8Array(messageLength(CALL_BYTES));
    encodeMessageInto(message, into);
    return {
      encode: () => void encodeMessageInto(message, into),
      decode: () => void decodeMessage(into),
    };
  },
};

runPeer(driver);

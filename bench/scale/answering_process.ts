/**
 * The answering process: a node, and an agent that is called.
 *
 * @module
 */
import { Agent, type CallRequest, Node } from "../../mod.ts";
import { formatMxpUrl } from "../../protocol/mod.ts";
import { type Servant, serveParent } from "../support/servant.ts";
import type { Addresses, AnsweringOrder, FlowRequest } from "./order.ts";
import { answeringOptions, type Point } from "./point.ts";
import { CHUNKS_PER_SECOND, Trickle } from "./trickle.ts";

/** Of the timer that lets the streams trickle. */
const TICK_MS = 10;

/** Sends until nobody reads any more. */
function* sendMessages(request: CallRequest): Generator<Uint8Array> {
  const { bytes } = request.json<FlowRequest>();
  const message = new Uint8Array(bytes).fill(7);
  for (;;) yield message;
}

class AnsweringProcess implements Servant<AnsweringOrder> {
  readonly #trickle = new Trickle();
  #ticking: ReturnType<typeof setInterval> | undefined;
  #node: Node | undefined;
  #agent: Agent | undefined;

  obey(order: AnsweringOrder): Promise<Addresses> {
    return this.#serve(order.point);
  }

  async close(): Promise<void> {
    clearInterval(this.#ticking);
    this.#trickle.end();
    await this.#agent?.close({ drainMs: 0 });
    await this.#node?.close();
  }

  async #serve(point: Point): Promise<Addresses> {
    const node = await Node.start({ bind: "127.0.0.1:0" });
    const agent = await Agent.connect(node.url, {
      ...answeringOptions(point),
      name: "peer",
    });
    const trickle = this.#trickle;
    agent.onCall("echo", (request) => request.bytes());
    agent.onStream("messages", sendMessages);
    agent.onStream("trickle", async function* () {
      // The first one says that the stream is open.
      do yield "token123"; while (await trickle.turn());
    });
    this.#node = node;
    this.#agent = agent;
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    const { localAddress, publicKey } = agent;
    return {
      nodeUrl: node.url,
      agentUrl: formatMxpUrl({ ...localAddress, publicKey }),
    };
  }

  #tick(): void {
    const count = CHUNKS_PER_SECOND * TICK_MS / 1_000;
    for (let index = 0; index < count; index++) this.#trickle.next();
  }
}

serveParent<AnsweringOrder>(() => new AnsweringProcess());

/**
 * Many agents of one process, used in turn.
 *
 * @module
 */
import { Agent } from "../../mod.ts";
import { createPayload } from "../compare/metrics/call_load.ts";
import type { Addresses } from "./order.ts";

/** Agents that connect at the same time. */
const CONCURRENCY = 8;

/** Streams that are being opened at the same time. */
const OPENING_CONCURRENCY = 64;

/** Messages to many agents. */
export interface Flow {
  /** Resolves when each of them has some. */
  readonly isEverywhere: Promise<void>;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Agents, as one connection whose calls go round. */
export class Fleet {
  readonly #agents: Agent[] = [];
  readonly #streaming: Promise<void>[] = [];
  #target = { url: "" };
  #next = 0;

  /**
   * Connects more agents, each with a key of its own. Each calls once: so it is
   * connected to the node and to the agent that answers.
   *
   * @param addresses Where.
   * @param count How many there are to be.
   */
  async connect(addresses: Addresses, count: number): Promise<void> {
    this.#target = { url: addresses.agentUrl };
    const payload = createPayload();
    await inParallel(CONCURRENCY, count - this.#agents.length, async () => {
      const agent = await Agent.connect(addresses.nodeUrl);
      await agent.call(this.#target, "echo", payload);
      this.#agents.push(agent);
    });
  }

  /**
   * Opens streams on the first connection and keeps them open.
   *
   * @param count How many more.
   * @returns Resolves when each has given its first chunk.
   */
  async open(count: number): Promise<void> {
    const agent = this.#agents[0]!;
    await inParallel(OPENING_CONCURRENCY, count, async () => {
      const chunks = agent.stream(this.#target, "trickle")
        [Symbol.asyncIterator]();
      await chunks.next();
      this.#streaming.push((async () => {
        while (!(await chunks.next()).done);
      })());
    });
  }

  /** How many there are. */
  get size(): number {
    return this.#agents.length;
  }

  /**
   * Calls with the next agent.
   *
   * @param payload What is sent back.
   * @returns The answer's bytes.
   */
  call(payload: Uint8Array): Promise<Uint8Array> {
    const agent = this.#agents[this.#next]!;
    this.#next = (this.#next + 1) % this.#agents.length;
    return agent.call<Uint8Array>(this.#target, "echo", payload);
  }

  /**
   * Has messages sent to some agents at the same time, as fast as they go.
   *
   * @param bytes Size of each.
   * @param maxCount To how many agents at most.
   * @param onMessages Called with how many came.
   * @returns The flow.
   */
  startFlow(
    bytes: number,
    maxCount: number,
    onMessages: (count: number) => void,
  ): Flow {
    const stopping = new AbortController();
    const { signal } = stopping;
    const agents = this.#agents.slice(0, maxCount);
    const first = agents.map(() => Promise.withResolvers<void>());
    const ended = agents.map(async (agent, index) => {
      const messages = agent.stream<Uint8Array>(
        this.#target,
        "messages",
        { bytes },
        { signal },
      );
      try {
        for await (const batch of messages.batches()) {
          first[index]!.resolve();
          onMessages(batch.length);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
    const all = Promise.all(ended).then(() => {});
    const everywhere = Promise.all(first.map(({ promise }) => promise));
    return {
      // Only a failure ends it before it is stopped.
      isEverywhere: Promise.race([everywhere.then(() => {}), all]),
      async stop() {
        stopping.abort();
        await all;
      },
    };
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.close()));
    await Promise.allSettled(this.#streaming);
  }
}

async function inParallel(
  concurrency: number,
  count: number,
  work: () => Promise<void>,
): Promise<void> {
  let begun = 0;
  const loop = async (): Promise<void> => {
    while (begun < count) {
      begun++;
      await work();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
}

/**
 * The processes of the demo and the wire between them.
 *
 * @module
 */
import { formatMxpUrl, parseMxpUrl } from "../protocol/mod.ts";
import { formatAddress } from "../transport/mod.ts";
import { Child } from "./child.ts";
import type { PlaintextWatch } from "./plaintext_watch.ts";
import type { AgentOrders, SpanLine } from "./process/child_process.ts";
import { type WireCounts, WireTap } from "./wire_tap.ts";

const NET = "--allow-net=127.0.0.1";

/** A node, three agents, and a tap before each of them. */
export class Cast {
  /** What went over the wire. */
  readonly wire: WireCounts = { datagrams: 0, bytes: 0 };
  /** The node first, then the agents. */
  readonly children: readonly Child[];
  readonly #file: string;
  readonly #watch: PlaintextWatch;
  readonly #taps: WireTap[] = [];
  #stopping: Promise<void> | undefined;

  /**
   * Starts the processes.
   *
   * @param file Absolute path of the file: only the reader may read it.
   * @param watch Looks into every datagram.
   */
  constructor(file: string, watch: PlaintextWatch) {
    this.#file = file;
    this.#watch = watch;
    this.children = [
      new Child("node", [NET]),
      new Child("reader", [NET, `--allow-read=${file}`]),
      new Child("analyst", [NET]),
      new Child("coordinator", [NET]),
    ];
  }

  /** Every span that the processes told of. */
  get spans(): SpanLine[] {
    return this.children.flatMap(({ spans }) => spans);
  }

  /** Rejects when a process ends unasked. */
  async watchOver(): Promise<never> {
    const lost = await Promise.race(this.children.map(({ lost }) => lost));
    throw new Error(lost);
  }

  /**
   * Waits until everybody is registered.
   *
   * @returns URL of the node, as seen from before the tap.
   */
  async assemble(): Promise<string> {
    const [node, ...agents] = this.children;
    const nodeTap = await this.#openTap();
    const { url, port } = await node!.start({});
    nodeTap.target = { hostname: "127.0.0.1", port };
    const nodeUrl = formatMxpUrl({ ...parseMxpUrl(url!), ...nodeTap.address });
    await Promise.all(agents.map(async (agent) => {
      const tap = await this.#openTap();
      const orders: AgentOrders = {
        nodeUrl,
        advertise: formatAddress(tap.address),
        file: this.#file,
      };
      const ready = await agent.start(orders);
      tap.target = { hostname: "127.0.0.1", port: ready.port };
    }));
    return nodeUrl;
  }

  /** Ends every process and closes every socket. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // The agents first: they say good-bye to the node.
    const [node, ...agents] = this.children;
    await Promise.all(agents.map((agent) => agent.stop()));
    await node!.stop();
    await Promise.all(this.#taps.map((tap) => tap.close()));
  }

  async #openTap(): Promise<WireTap> {
    const tap = await WireTap.open(this.#watch, this.wire);
    this.#taps.push(tap);
    return tap;
  }
}

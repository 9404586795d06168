/**
 * The process of a peer, answering or asking: each file in `peers/` ends by
 * calling {@linkcode runPeer}. Runs in Deno and, bundled, in Node.
 *
 * @module
 */
import { processorTimeUs, weigh } from "../support/process_meter.ts";
import { type Ask, type Servant, serveParent } from "../support/servant.ts";
import type { Order, Question } from "./child_protocol.ts";
import type { PeerContext, PeerDriver, PeerServer } from "./driver.ts";
import { MetricRun } from "./metrics/metric_run.ts";
import type { Sample } from "./metrics/metric.ts";
import { METRICS } from "./metrics/mod.ts";

class PeerProcess implements Servant<Order> {
  readonly #driver: PeerDriver;
  readonly #ask: Ask<Question>;
  #server: PeerServer | undefined;
  #run: MetricRun | undefined;

  constructor(driver: PeerDriver, ask: Ask<Question>) {
    this.#driver = driver;
    this.#ask = ask;
  }

  obey(order: Order): Promise<string | Sample> | string {
    switch (order.do) {
      case "serve":
        return this.#serve(order.context);
      case "connect":
        this.#run = new MetricRun({
          driver: this.#driver,
          context: order.context,
          address: order.address,
          ask: this.#ask,
          weigh,
          processorTimeUs,
        });
        return "";
      case "measure":
        return METRICS[order.metric].measure(this.#run!, order.settings);
    }
  }

  async close(): Promise<void> {
    await this.#run?.close();
    await this.#server?.close();
  }

  async #serve(context: PeerContext): Promise<string> {
    this.#server = await this.#driver.startServer(context);
    return this.#server.address;
  }
}

/**
 * Obeys the runner until it says that it is over, or is gone.
 *
 * @param driver The peer.
 */
export function runPeer(driver: PeerDriver): void {
  serveParent<Order, Question>((ask) => new PeerProcess(driver, ask));
}

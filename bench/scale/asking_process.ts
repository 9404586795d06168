/**
 * The asking process: as many agents as there are connections.
 *
 * @module
 */
import { callConstantly, createPayload } from "../compare/metrics/call_load.ts";
import { setTimeout as delay } from "node:timers/promises";
import { type Servant, serveParent } from "../support/servant.ts";
import { percentile } from "../support/statistics.ts";
import { Fleet } from "./fleet.ts";
import type { AskingOrder, CallFigures, ScaleSettings } from "./order.ts";
import { MESSAGE_BYTES, OUTSTANDING_COUNT } from "./figures.ts";

/** Calls on each connection before it is measured: probes of packet size cost as much as ten. */
const WARM_UP_CALLS = 12;

const US_PER_MS = 1_000;
const MS_PER_SECOND = 1_000;

class AskingProcess implements Servant<AskingOrder> {
  readonly #fleet = new Fleet();

  obey(order: AskingOrder): Promise<string | number | CallFigures> {
    switch (order.do) {
      case "connect":
        return timeOf(() => this.#fleet.connect(order.addresses, order.count));
      case "open":
        return timeOf(() => this.#fleet.open(order.count));
      case "warm-up":
        return this.#warmUp(order.settings.processWarmUpSeconds);
      case "call":
        return this.#call(order.outstandingCount, order.settings.seconds);
      case "flow":
        return this.#flow(order.settings);
    }
  }

  close(): Promise<void> {
    return this.#fleet.close();
  }

  /** Calls until it is time and every connection has found out what its path carries. */
  async #warmUp(seconds: number): Promise<string> {
    let missingCount = this.#fleet.size * WARM_UP_CALLS;
    while (missingCount > 0) {
      missingCount -= (await this.#call(OUTSTANDING_COUNT, seconds)).count;
    }
    return "";
  }

  async #call(
    outstandingCount: number,
    seconds: number,
  ): Promise<CallFigures> {
    const result = await callConstantly({
      connection: this.#fleet,
      payload: createPayload(),
      outstandingCount,
      seconds,
    });
    const { latenciesMs } = result;
    return {
      count: latenciesMs.length,
      seconds: result.seconds,
      p50Us: percentile(latenciesMs, 0.5) * US_PER_MS,
      p99Us: percentile(latenciesMs, 0.99) * US_PER_MS,
    };
  }

  /** @returns Messages per second, after as long a run-up. */
  async #flow({ seconds }: ScaleSettings): Promise<number> {
    let count = 0;
    const flow = this.#fleet.startFlow(
      MESSAGE_BYTES,
      OUTSTANDING_COUNT,
      (more) => count += more,
    );
    const ms = seconds * MS_PER_SECOND;
    await flow.isEverywhere;
    await delay(ms);
    count = 0;
    const startedAt = performance.now();
    // Where it is slow, until there is something to count.
    do await delay(ms); while (count === 0);
    const perSecond = count / (performance.now() - startedAt) * MS_PER_SECOND;
    await flow.stop();
    return perSecond;
  }
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

serveParent<AskingOrder>(() => new AskingProcess());

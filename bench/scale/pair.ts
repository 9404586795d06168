/**
 * The two processes of a point.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ObedientChild } from "../support/child_process.ts";
import { DENO_ARGUMENTS } from "../support/deno_arguments.ts";
import { OUTSTANDING_COUNT, type Sample } from "./figures.ts";
import type {
  Addresses,
  AnsweringOrder,
  AskingOrder,
  CallFigures,
  ScaleSettings,
} from "./order.ts";
import type { Point } from "./point.ts";

/** When a process has failed, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Below so many, what one takes is lost in what the process takes. */
const MIN_WEIGHED_COUNT = 100;

const US_PER_MS = 1_000;
const BYTES_PER_KB = 1_000;
const BYTES_PER_MB = 1_000_000;

/** One process that answers and one that asks. */
export class ScalePair {
  readonly #point: Point;
  readonly #answering: ObedientChild<AnsweringOrder>;
  readonly #asking: ObedientChild<AskingOrder>;

  /** @param point What they have to carry. */
  constructor(point: Point) {
    this.#point = point;
    this.#answering = startProcess(point, "answering");
    this.#asking = startProcess(point, "asking");
  }

  /**
   * Connects, opens what is to be open, and warms up.
   *
   * @param settings How long.
   * @returns The figures that are there once.
   */
  async open(settings: ScaleSettings): Promise<Sample> {
    const { curve, count } = this.#point;
    const addresses = await this.#answering.ask<Addresses>(
      { do: "serve", point: this.#point },
      TIMEOUT_MS,
    );
    // The first one brings the code.
    await this.#ask({ do: "connect", addresses, count: 1 });
    const before = await this.#weigh();
    const takenMs = curve === "connections"
      ? await this.#ask<number>({ do: "connect", addresses, count })
      : await this.#ask<number>({ do: "open", count });
    const openedCount = curve === "connections" ? count - 1 : count;
    const after = await this.#weigh();
    await this.#ask({ do: "warm-up", settings });
    return {
      memoryMb: after / BYTES_PER_MB,
      ...(openedCount > 0 && { setUpUs: takenMs * US_PER_MS / openedCount }),
      ...(count >= MIN_WEIGHED_COUNT && {
        memoryEachKb: (after - before) / openedCount / BYTES_PER_KB,
      }),
    };
  }

  /**
   * Measures once.
   *
   * @param settings How long.
   * @returns The figures of a round.
   */
  async measure(settings: ScaleSettings): Promise<Sample> {
    await this.#call(OUTSTANDING_COUNT, {
      ...settings,
      seconds: settings.warmUpSeconds,
    });
    const before = await this.#clock();
    const loaded = await this.#call(OUTSTANDING_COUNT, settings);
    const answeringUs = (await this.#clock() - before) / loaded.count;
    const alone = await this.#call(1, settings);
    const messagesPerSecond = await this.#ask<number>({ do: "flow", settings });
    return {
      callsPerSecond: loaded.count / loaded.seconds,
      answeringUs,
      loadedP99Us: loaded.p99Us,
      p50Us: alone.p50Us,
      p99Us: alone.p99Us,
      messagesPerSecond,
    };
  }

  /** Ends both. */
  async close(): Promise<void> {
    await this.#asking.close();
    await this.#answering.close();
  }

  #call(
    outstandingCount: number,
    settings: ScaleSettings,
  ): Promise<CallFigures> {
    return this.#ask({ do: "call", settings, outstandingCount });
  }

  #ask<Value>(order: AskingOrder): Promise<Value> {
    return this.#asking.ask<Value>(order, TIMEOUT_MS);
  }

  #weigh(): Promise<number> {
    return this.#answering.ask<number>({ do: "weigh" }, TIMEOUT_MS);
  }

  #clock(): Promise<number> {
    return this.#answering.ask<number>({ do: "clock" }, TIMEOUT_MS);
  }
}

function startProcess<Order extends AnsweringOrder | AskingOrder>(
  { curve, count }: Point,
  side: "answering" | "asking",
): ObedientChild<Order> {
  const file = new URL(`./${side}_process.ts`, import.meta.url);
  return new ObedientChild<Order>(
    `${count} ${curve}, ${side} side`,
    process.execPath,
    [...DENO_ARGUMENTS, fileURLToPath(file)],
  );
}

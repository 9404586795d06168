/**
 * What the runner has the two processes of a peer do, and what they ask.
 *
 * @module
 */
import type { PeerContext } from "./driver.ts";
import type { MetricName, MetricSettings } from "./metrics/metric.ts";

/** To a process. */
export type Order =
  | { readonly do: "serve"; readonly context: PeerContext }
  | {
    readonly do: "connect";
    readonly context: PeerContext;
    readonly address: string;
  }
  | {
    readonly do: "measure";
    readonly metric: MetricName;
    readonly settings: MetricSettings;
  };

/** What the measuring process asks the runner. */
export type Question =
  /** Memory of the answering side, its broker included, in bytes. */
  | "server-memory"
  /** Processor time of the same so far, in microseconds. */
  | "server-time";

/**
 * What the runner and the two processes of a peer say to each other: JSON, one
 * value a line, over standard input and output.
 *
 * @module
 */
import type { PeerContext } from "./driver.ts";
import type { MetricName, MetricSettings, Sample } from "./metrics/metric.ts";

/** To a process. */
export type Command =
  & { readonly id: number }
  & (
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
    }
    /** Answered with what the process takes in memory, after a collection. */
    | { readonly do: "weigh" }
    /** Answered with its processor time so far, in microseconds. */
    | { readonly do: "clock" }
    | { readonly do: "close" }
    /** The answer to a question. */
    | { readonly do: "hear"; readonly question: number; readonly value: number }
  );

/** What the measuring process asks the runner. */
export type Question =
  /** Memory of the answering side, its broker included, in bytes. */
  | "server-memory"
  /** Processor time of the same so far, in microseconds. */
  | "server-time";

/** A command without its number. */
export type Order = Command extends infer Each
  ? Each extends unknown ? Omit<Each, "id"> : never
  : never;

/** From a process. */
export type Report =
  | { readonly id: number; readonly value: string | number | Sample }
  | { readonly id: number; readonly error: string }
  | { readonly question: number; readonly ask: Question };

/**
 * What the two processes of a point are told to do.
 *
 * @module
 */
import type { Point } from "./point.ts";

/** How long. */
export interface ScaleSettings {
  /** Calls before the first measurement, in seconds. */
  readonly processWarmUpSeconds: number;
  /** Work before the clock starts, in seconds. */
  readonly warmUpSeconds: number;
  /** Measured work, in seconds. */
  readonly seconds: number;
}

/** To the answering process. */
export type AnsweringOrder =
  /** Answered with the {@linkcode Addresses}. */
  { readonly do: "serve"; readonly point: Point };

/** Where the answering process is. */
export interface Addresses {
  /** URL of the node. */
  readonly nodeUrl: string;
  /** URL of the agent. */
  readonly agentUrl: string;
}

/** To the asking process. */
export type AskingOrder =
  /** Connects agents, each of which then calls once; answered with the milliseconds. */
  | {
    readonly do: "connect";
    readonly addresses: Addresses;
    readonly count: number;
  }
  /** Opens streams on the first connection; answered with the milliseconds. */
  | { readonly do: "open"; readonly count: number }
  /** Calls for a while. */
  | { readonly do: "warm-up"; readonly settings: ScaleSettings }
  /** Answered with {@linkcode CallFigures}. */
  | {
    readonly do: "call";
    readonly settings: ScaleSettings;
    readonly outstandingCount: number;
  }
  /** Has messages sent on every connection; answered with how many a second. */
  | { readonly do: "flow"; readonly settings: ScaleSettings };

/** What calls did. */
export interface CallFigures {
  /** How many. */
  readonly count: number;
  /** How long all of them took, in seconds. */
  readonly seconds: number;
  /** Half of them were faster, in microseconds. */
  readonly p50Us: number;
  /** All but one in a hundred were, in microseconds. */
  readonly p99Us: number;
}

/** What an agent asks for that wants messages. */
export interface FlowRequest {
  /** Size of each. */
  readonly bytes: number;
}

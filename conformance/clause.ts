/**
 * A clause: one thing that the specification demands, and how to find out
 * whether a running node does it.
 *
 * @module
 */
import type { ClauseContext } from "./context.ts";

/** One demand of the specification. */
export interface Clause {
  /** Stable name: group, dot, what it is about. */
  readonly id: string;
  /** What a conforming node does, in one sentence without a period. */
  readonly title: string;
  /** Page and section of docs/spec: `transport.md#handshake`. */
  readonly spec: string;
  /**
   * Whether it measures time, and so runs alone.
   *
   * @default {false}
   */
  readonly isTimed?: boolean;
  /**
   * Finds out.
   *
   * @param context The node, and what is needed to talk to it.
   * @returns What was measured, for a person, if anything was.
   * @throws {ClauseFailure} When the node does not conform.
   * @throws {ClauseSkipped} When the clause cannot be judged here.
   */
  readonly run: (context: ClauseContext) => Promise<string | void>;
}

/** The node does not do what the clause demands. */
export class ClauseFailure extends Error {}

/** The clause cannot be judged on this node. */
export class ClauseSkipped extends Error {}

/**
 * Says that the node does not conform.
 *
 * @param detail What it did instead.
 */
export function fail(detail: string): never {
  throw new ClauseFailure(detail);
}

/**
 * Insists on something.
 *
 * @param condition What must hold.
 * @param detail What the node did instead.
 */
export function check(condition: boolean, detail: string): asserts condition {
  if (!condition) fail(detail);
}

/**
 * Gives the clause up.
 *
 * @param reason Why it cannot be judged here.
 */
export function skip(reason: string): never {
  throw new ClauseSkipped(reason);
}

/**
 * What an agent can look for.
 *
 * @module
 */

/** What to look for: nothing finds every agent. */
export interface DiscoverQuery {
  /** Agents that have this capability. */
  readonly capability?: string;
  /** Agents of this name. */
  readonly name?: string;
  /** Agents with this tag. */
  readonly tag?: string;
  /** The agent with this id. */
  readonly id?: string;
  /**
   * Most agents in the answer, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
}

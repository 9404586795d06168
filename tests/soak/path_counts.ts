/**
 * Counts what a transport's connections go through.
 *
 * @module
 */
import type { EndpointObserver } from "../../transport/mod.ts";

/** Counts over all connections of an endpoint. */
export class PathCounts {
  /** Keys that were replaced, of both directions. */
  keyUpdateCount = 0;
  /** Times that a peer was seen at another address. */
  moveCount = 0;

  /** Watches an endpoint: the option `observe` of agents and nodes. */
  readonly observe = (): EndpointObserver => ({
    onConnection: () => ({
      onEvent: (_now, event) => {
        if (event.type === "key-updated") this.keyUpdateCount++;
        if (event.type === "path-state" && event.state === "moved") {
          this.moveCount++;
        }
      },
    }),
  });
}

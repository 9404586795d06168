/**
 * What an endpoint tells its owner.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import type { ConnectionEvent } from "./connection_event.ts";

/** Something happened on an endpoint. */
export type EndpointEvent =
  | {
    /** A peer has connected: its handshake is complete and its key proven. */
    readonly type: "connection-incoming";
    /** The new connection. */
    readonly connection: Connection;
  }
  | {
    /** Something happened on a connection. */
    readonly type: "connection";
    /** Which one. */
    readonly connection: Connection;
    /** What happened. */
    readonly event: ConnectionEvent;
  };

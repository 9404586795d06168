/**
 * What a connection tells its owner.
 *
 * @module
 */
import type { TransportError } from "./error.ts";
import type { StreamEvent } from "./stream/stream_event.ts";

/** Something happened on a connection. */
export type ConnectionEvent =
  | StreamEvent
  | {
    /** The handshake is complete, and the peer's static key is proven. */
    readonly type: "established";
  }
  | {
    /** Nothing more will happen: streams that had not ended are lost. */
    readonly type: "closed";
    /** Why. */
    readonly error: TransportError;
  }
  | {
    /** A datagram frame arrived. */
    readonly type: "datagram-received";
    /** Its bytes, owned by the receiver of the event. */
    readonly data: Uint8Array;
  }
  | {
    /** A ping of ours was acknowledged. */
    readonly type: "pong";
    /** Time from sending to the acknowledgement, in milliseconds. */
    readonly rttMs: number;
  };

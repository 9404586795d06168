/**
 * What a packet carried, as remembered until it is acknowledged or lost.
 *
 * Records hold no bytes: what was lost is built again from current state (RFC
 * 9000 §13.3), so a retransmission always carries the newest value.
 *
 * @module
 */
import { keepHiddenClass } from "../../internal/hidden_class.ts";
import type { StreamFrameHead } from "../../protocol/frame/mod.ts";

/**
 * A stretch of a stream's bytes, with the marks that travelled beside it: what the
 * frame said besides its bytes, so that one object serves to write it as well.
 */
export interface SentStreamFrame extends StreamFrameHead {
  /** Discriminant. */
  readonly type: "stream";
}

/** A sign of life that was asked for. */
export interface SentPing {
  /** Discriminant. */
  readonly type: "ping";
  /** Which wish of the application it serves, counted from 1; 0: none. */
  readonly wish: number;
}

/**
 * One frame of a sent packet. The recovery machinery keeps these and hands
 * them back, unread, when the packet is acknowledged or declared lost.
 */
export type SentFrame =
  | SentStreamFrame
  | { readonly type: "reset-stream"; readonly streamId: number }
  | { readonly type: "stop-sending"; readonly streamId: number }
  | { readonly type: "stream-max-data"; readonly streamId: number }
  | { readonly type: "connection-max-data" }
  | { readonly type: "max-streams"; readonly isUnidirectional: boolean }
  | { readonly type: "ack"; readonly largest: number }
  | SentPing
  | { readonly type: "ack-frequency"; readonly sequence: number }
  | { readonly type: "new-connection-id"; readonly sequence: number }
  | { readonly type: "retire-connection-id"; readonly sequence: number }
  | { readonly type: "ticket"; readonly id: number }
  | { readonly type: "other"; readonly id: number };

// Most kinds are sent too seldom to be kept alive by the code that makes them.
const KINDS: readonly SentFrame[] = [
  { type: "stream-max-data", streamId: 0 },
  { type: "connection-max-data" },
  { type: "max-streams", isUnidirectional: false },
  { type: "ack", largest: 0 },
  { type: "ack-frequency", sequence: 0 },
  { type: "ticket", id: 0 },
];
KINDS.forEach(keepHiddenClass);

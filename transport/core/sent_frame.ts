/**
 * What a packet carried, as remembered until it is acknowledged or lost.
 *
 * Records hold no bytes: what was lost is built again from current state (RFC
 * 9000 §13.3), so a retransmission always carries the newest value.
 *
 * @module
 */

/** A stretch of a stream's bytes, with the marks that travelled beside it. */
export interface SentStreamFrame {
  /** Discriminant. */
  readonly type: "stream";
  /** The stream. */
  readonly streamId: number;
  /** First byte of the stretch, counted from the start of the stream. */
  readonly offset: number;
  /** Length of the stretch in bytes; 0 for a bare open or end. */
  readonly length: number;
  /** Whether the frame opened the stream. */
  readonly isOpen: boolean;
  /** Whether the frame ended the stream. */
  readonly isFin: boolean;
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
  | { readonly type: "ping" }
  | { readonly type: "ack-frequency"; readonly sequence: number }
  | { readonly type: "new-connection-id"; readonly sequence: number }
  | { readonly type: "retire-connection-id"; readonly sequence: number }
  | { readonly type: "mtu-probe"; readonly sizeBytes: number }
  | { readonly type: "ticket"; readonly id: number }
  | { readonly type: "other"; readonly id: number };

/**
 * The limits on what a peer can cause once it is known, by the key of the
 * configuration that sets each. What strangers can cause is counted where it is
 * dropped.
 *
 * Spec: docs/spec/transport.md, "Limits".
 *
 * @module
 */

/** Keys of the configuration that limit what a peer can cause. */
export const LIMIT_NAMES = [
  "datagramQueueLength",
  "maxAckRanges",
  "maxBidiStreams",
  "maxConnectionIds",
  "maxConnectionsPerKey",
  "maxControlFramesPerRoundTrip",
  "maxDataBytes",
  "maxDatagramEvents",
  "maxPathResponses",
  "maxStreamDataBytes",
  "maxStreamStretches",
  "maxUniStreams",
] as const;

/** Name of a limit on what a peer can cause. */
export type LimitName = typeof LIMIT_NAMES[number];

/** How often each limit was reached. */
export type LimitCounts = Partial<Record<LimitName, number>>;

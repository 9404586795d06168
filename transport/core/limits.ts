/**
 * The limits on what others can cause, by the key of the configuration that sets
 * each. Datagrams that are dropped are counted by their reasons instead.
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
  "maxRetriesPerSecond",
  "maxStatelessAnswersPerSecond",
  "maxStreamDataBytes",
  "maxStreamStretches",
  "maxUniStreams",
] as const;

/** Name of a limit on what a peer can cause. */
export type LimitName = typeof LIMIT_NAMES[number];

/** How often each limit was reached. */
export type LimitCounts = Partial<Record<LimitName, number>>;

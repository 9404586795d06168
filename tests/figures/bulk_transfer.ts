/**
 * One stream that sends as fast as it may over a simulated path, and what
 * congestion control's published models say of it.
 *
 * @module
 */
import type { Connection } from "../../transport/core/connection.ts";
import {
  CLIENT_ADDRESS,
  Pair,
  type PairOptions,
  SERVER_ADDRESS,
} from "../support/pair.ts";
import type { LinkOptions } from "../support/simulated_network.ts";

/** Datagrams stay at this size, in bytes, so that windows can be counted in them. */
export const BULK_DATAGRAM_BYTES = 1_200;

/** Name of a congestion controller. */
export type CongestionName = "cubic" | "new-reno";

/**
 * Average window of an AIMD that backs off to `beta` and is friendly to Reno, in
 * datagrams, at a loss rate `p` (RFC 9438 §4.3):
 *
 *     W = sqrt(alpha * (1 + beta) / (2 * (1 - beta) * p)) = sqrt(3 / (2 * p))
 *
 * the same for Reno (alpha 1, beta 1/2) and CUBIC's alpha of 3(1 - beta)/(1 + beta).
 *
 * @param p Share of the datagrams that is lost.
 */
export function renoModel(p: number): number {
  return Math.sqrt(1.5 / p);
}

/**
 * Average window of CUBIC, in datagrams (RFC 9438 §5.1), C = 0.4, beta = 0.7:
 *
 *     W = (C * (3 + beta) / (4 * (1 - beta)))^(1/4) * RTT^(3/4) / p^(3/4)
 *       = 1.054 * RTT^(3/4) / p^(3/4)
 *
 * @param p Share of the datagrams that is lost.
 * @param rttMs Round-trip time, in milliseconds.
 */
export function cubicModel(p: number, rttMs: number): number {
  const factor = (0.4 * 3.7 / (4 * 0.3)) ** 0.25;
  return factor * (rttMs / 1000 / p) ** 0.75;
}

/** A connection whose client sends on one stream as fast as it may. */
export class BulkTransfer {
  /** Both ends, and what is between them. */
  readonly pair: Pair;
  /** The end that sends. */
  readonly client: Connection;
  /** Bytes that left, headers and repetitions included. */
  sentBytes = 0;
  /** Bytes of the stream that were read. */
  receivedBytes = 0;

  /**
   * Connects and begins.
   *
   * @param options The path.
   * @param congestionControl What the sender obeys.
   */
  constructor(options: PairOptions, congestionControl: CongestionName) {
    this.pair = new Pair({
      ...options,
      client: {
        ...options.client,
        congestionControl,
        maxDatagramBytes: BULK_DATAGRAM_BYTES,
      },
    });
    const { client, server } = this.pair.connect();
    this.client = client;
    const streamId = client.openStream({ priority: 2 })!;
    const chunk = new Uint8Array(65_536);
    const write = (): void => {
      while (client.writeStream(streamId, chunk) === chunk.length);
    };
    this.pair.client.onEvent = (_connection, event) => {
      if (event.type === "stream-writable") write();
    };
    this.pair.server.onEvent = (_connection, event) => {
      if (event.type !== "stream-readable") return;
      let part = server.readStream(event.id);
      for (; part !== undefined; part = server.readStream(event.id)) {
        this.receivedBytes += part.length;
      }
    };
    this.pair.network.filter = (datagram, from) => {
      if (from.hostname === CLIENT_ADDRESS.hostname) {
        this.sentBytes += datagram.length;
      }
      return true;
    };
    write();
  }

  /**
   * Loses data, or has it come late, and no acknowledgements: what the models
   * speak of.
   *
   * @param faults What differs from the way back.
   */
  disturb(
    faults: Partial<Pick<LinkOptions, "lossRate" | "lateRate" | "lateMs">>,
  ): void {
    this.pair.network.configureLink(CLIENT_ADDRESS, SERVER_ADDRESS, faults);
  }

  /**
   * Goes on for a while.
   *
   * @param durationMs Virtual time.
   * @returns What was sent and received meanwhile, in bytes per ms.
   */
  measure(durationMs: number): {
    readonly sent: number;
    readonly received: number;
  } {
    const { sentBytes, receivedBytes } = this;
    this.pair.runFor(durationMs);
    return {
      sent: (this.sentBytes - sentBytes) / durationMs,
      received: (this.receivedBytes - receivedBytes) / durationMs,
    };
  }
}

/**
 * What arrives in half a second, after slow start, over a path of 40 MB/s and
 * 50 ms that loses nothing. There is credit for three times what the path holds,
 * and its queue never overflows.
 *
 * @param congestionControl What the sender obeys.
 * @param late Which share of the datagrams comes how much later, in milliseconds.
 * @returns Bytes per ms.
 */
export function goodput(
  congestionControl: CongestionName,
  late: Pick<LinkOptions, "lateRate" | "lateMs">,
): number {
  const bulk = new BulkTransfer({
    link: {
      latencyMs: 25,
      bandwidthBytesPerSecond: 40_000_000,
      queueBytes: 6_000_000,
    },
    client: { sendBufferBytes: 8_388_608 },
    server: { maxStreamDataBytes: 6_291_456 },
  }, congestionControl);
  bulk.disturb(late);
  bulk.measure(700);
  return bulk.measure(500).received;
}

/** A path and how long it is measured. */
export interface MeasuredPath {
  /** Round-trip time, in milliseconds. */
  readonly rttMs: number;
  /** Share of the datagrams that is lost on the way of the data. */
  readonly lossRate: number;
  /** Share of them that comes late. */
  readonly lateRate?: number;
  /** By how much. */
  readonly lateMs?: number;
  /** How many round trips are averaged. */
  readonly rounds: number;
}

/**
 * The average window over a few seeds.
 *
 * @param congestionControl What the sender obeys.
 * @param path The path.
 * @returns Datagrams.
 */
export function averageWindow(
  congestionControl: CongestionName,
  path: MeasuredPath,
): number {
  const seeds = [1, 2];
  let sum = 0;
  for (const seed of seeds) {
    const link = { latencyMs: path.rttMs / 2 };
    const bulk = new BulkTransfer({ seed, link }, congestionControl);
    const { lossRate, lateRate = 0, lateMs = 0 } = path;
    bulk.disturb({ lossRate, lateRate, lateMs });
    // slow start and its end are not in the model
    bulk.measure(40 * path.rttMs);
    const { sent } = bulk.measure(path.rounds * path.rttMs);
    sum += sent * path.rttMs / BULK_DATAGRAM_BYTES;
  }
  return sum / seeds.length;
}

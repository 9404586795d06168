/**
 * A long transfer in both directions at once, in the midst of which the
 * initiator moves and both ends replace their keys.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Connection } from "../../transport/core/connection.ts";
import type { ConnectionStats } from "../../transport/core/stats.ts";
import { LongSink, LongSource } from "../support/long_transfer.ts";
import { CLIENT_ADDRESS, Pair, type PairEnd } from "../support/pair.ts";
import type { LinkOptions } from "../support/simulated_network.ts";

/** Options of {@linkcode simulateMovingTransfer}. */
export interface MovingTransferOptions {
  /** Everything random is drawn from it. */
  readonly seed?: number;
  /** From the responder to the initiator. */
  readonly downBytes: number;
  /** From the initiator to the responder. */
  readonly upBytes: number;
  /** How the links behave. */
  readonly link?: Partial<LinkOptions>;
  /** Packets after which each end replaces its keys. */
  readonly keyUpdatePackets: number;
  /** At which shares of the transfer the initiator moves. */
  readonly movesAt: readonly number[];
  /** Whether the initiator knows that it moves, or a translator moves it. */
  readonly isMoveKnown: boolean;
}

/** What came out. */
export interface MovingTransferReport {
  /** Virtual time from the first byte to the last. */
  readonly durationMs: number;
  /** Of the initiator. */
  readonly client: ConnectionStats;
  /** Of the responder. */
  readonly server: ConnectionStats;
}

/** Virtual time that a transfer may take. */
const LIMIT_MS = 600_000;

/** One direction of the transfer. */
class Direction {
  readonly sink = new LongSink();
  readonly #source: LongSource;
  readonly #sender: Connection;
  readonly #streamId: number;
  isEnded = false;

  constructor(sender: Connection, totalBytes: number) {
    this.#sender = sender;
    this.#source = new LongSource(totalBytes);
    this.#streamId = sender.openStream({ priority: 2 })!;
  }

  pump(): void {
    while (!this.#source.isDone) {
      const { next } = this.#source;
      const accepted = this.#sender.writeStream(this.#streamId, next);
      this.#source.advance(accepted);
      if (accepted < next.length) return;
    }
    this.#sender.finishStream(this.#streamId);
  }

  read(receiver: Connection, streamId: number): void {
    for (
      let bytes = receiver.readStream(streamId);
      bytes !== undefined;
      bytes = receiver.readStream(streamId)
    ) this.sink.take(bytes);
    this.isEnded = receiver.streamState(streamId)?.isFinished ?? true;
  }
}

/**
 * Runs a transfer to its end.
 *
 * @param options Sizes, links, keys and moves.
 * @returns What happened.
 * @throws {AssertionError} When a byte is wrong, or it does not end.
 */
export function simulateMovingTransfer(
  options: MovingTransferOptions,
): MovingTransferReport {
  const { keyUpdatePackets, movesAt, downBytes, upBytes } = options;
  const config = { keyUpdatePackets };
  const pair = new Pair({
    seed: options.seed ?? 1,
    link: options.link ?? {},
    client: config,
    server: config,
  });
  const { client, server } = pair.connect();
  const down = new Direction(server, downBytes);
  const up = new Direction(client, upBytes);
  serve(pair.client, up, down);
  serve(pair.server, down, up);
  const startedAt = pair.now;
  down.pump();
  up.pump();
  for (const [index, share] of movesAt.entries()) {
    pair.runUntil(() => down.sink.receivedBytes >= share * downBytes, LIMIT_MS);
    const address = { hostname: `10.0.7.${index + 1}`, port: 7_000 + index };
    pair.network.rebind(CLIENT_ADDRESS, address);
    if (options.isMoveKnown) {
      pair.client.endpoint.handleLocalMove(pair.now, true);
    }
    // Both ends at once, in the midst of the move.
    client.updateKeys();
    server.updateKeys();
    client.ping();
  }
  pair.runUntil(() => down.isEnded && up.isEnded, LIMIT_MS);
  assert.equal(down.sink.receivedBytes, downBytes);
  assert.equal(up.sink.receivedBytes, upBytes);
  assert.equal(client.state, "established");
  assert.equal(server.state, "established");
  assert.equal(server.stats.moves, movesAt.length);
  return {
    durationMs: pair.now - startedAt,
    client: client.stats,
    server: server.stats,
  };
}

function serve(end: PairEnd, own: Direction, other: Direction): void {
  end.onEvent = (connection, event) => {
    if (event.type === "stream-writable") own.pump();
    if (event.type === "stream-readable") other.read(connection, event.id);
  };
}

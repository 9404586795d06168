/**
 * One peer as the metrics see it, in the asking process.
 *
 * @module
 */
import type { Question } from "../child_protocol.ts";
import type { PeerConnection, PeerContext, PeerDriver } from "../driver.ts";

/** What a run is made from. */
export interface MetricRunOptions {
  /** The peer. */
  readonly driver: PeerDriver;
  /** What it was told. */
  readonly context: PeerContext;
  /** Where its server is. */
  readonly address: string;
  /** Asks the runner. */
  readonly ask: (question: Question) => Promise<number>;
  /** Memory of this process after a collection, in bytes. */
  readonly weigh: () => Promise<number>;
  /** Processor time of this process so far, in microseconds. */
  readonly processorTimeUs: () => number;
}

/** One peer, connected when it is first needed. */
export class MetricRun {
  /** The peer and what belongs to it. */
  readonly peer: MetricRunOptions;
  #warmedUp: Promise<void> | undefined;
  #connection: Promise<PeerConnection> | undefined;
  #smallPackets: Promise<PeerConnection> | undefined;

  /** @param options The peer. */
  constructor(options: MetricRunOptions) {
    this.peer = options;
  }

  /** The connection that the metrics share. */
  get connection(): Promise<PeerConnection> {
    return this.#connection ??= this.#connect(false);
  }

  /** The one with packets of at most 1,200 bytes. */
  get smallPacketConnection(): Promise<PeerConnection> {
    return this.#smallPackets ??= this.#connect(true);
  }

  /**
   * Has both sides compiled: the first thousands of calls are half as fast.
   * Does so once.
   *
   * @param work Calls for a while.
   */
  warmUp(
    work: (connection: PeerConnection) => Promise<unknown>,
  ): Promise<void> {
    return this.#warmedUp ??= (async () => {
      await work(await this.connection);
    })();
  }

  /** @returns Processor time of both sides and a broker so far, in microseconds. */
  async processorTimeUs(): Promise<number> {
    return await this.peer.ask("server-time") + this.peer.processorTimeUs();
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await (await this.#connection)?.close();
    await (await this.#smallPackets)?.close();
  }

  #connect(smallPackets: boolean): Promise<PeerConnection> {
    const { driver, context, address } = this.peer;
    return driver.connect(context, address, { smallPackets });
  }
}

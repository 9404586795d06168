/**
 * Which large requests are under way.
 *
 * Streams of a connection share it evenly. Of a hundred large requests that begin
 * together none would have arrived before nearly all of each has, and a callee has
 * to hold them until then: so they leave a few at a time. Small ones wait for nobody.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { TransportConnection, TransportStream } from "../transport/mod.ts";
import { ChunkTurns, isLargeChunk } from "./chunk_turns.ts";
import { MAX_UPLOAD_BYTES } from "./config.ts";
import { OpenWaiter, type StreamTaker } from "./open_waiter.ts";
import { type OutgoingRequest, streamOptions } from "./outgoing_request.ts";
import { RequestTurns } from "./request_turns.ts";
import { StatusCode } from "./status_code.ts";

/**
 * Whether a request has to have a turn, as a chunk of its size has. Not one whose
 * input goes on after it, for hours perhaps: its stream does not say when the request
 * itself has arrived.
 *
 * @param request What is asked for.
 */
export function isLarge({ content, options }: OutgoingRequest): boolean {
  return isLargeChunk(content.body.length) && options.input === undefined;
}

/** What settles a promise. */
interface Settler {
  readonly resolve: (stream: TransportStream) => void;
  readonly reject: (reason: unknown) => void;
}

const SETTLING: StreamTaker<Settler> = {
  take: ({ resolve }, stream) => resolve(stream),
  fail: ({ reject }, reason) => reject(reason),
};

/**
 * Opens the stream of a request, waiting for it where there is none yet.
 *
 * @param connection To whom.
 * @param request What is asked for; its end ends the wait.
 * @returns The stream.
 * @throws {TransportError} As a rejection, when the connection has ended.
 */
export function openStream(
  connection: TransportConnection,
  request: OutgoingRequest,
): TransportStream | Promise<TransportStream> {
  const options = streamOptions(request);
  return connection.tryOpenStream(options) ??
    new Promise((resolve, reject) => {
      const { race } = request.scope;
      new OpenWaiter(connection, race, SETTLING, { resolve, reject })
        .wait(options);
    });
}

/** What leaves on a connection. */
interface ConnectionTurns {
  readonly turns: RequestTurns;
  readonly chunks: ChunkTurns;
}

/**
 * Opens the streams of large requests when it is their turn, and knows the turns of
 * the chunks that follow others.
 */
export class UploadTurns {
  readonly #clock: Clock;
  readonly #turns = new WeakMap<TransportConnection, ConnectionTurns>();

  /** @param clock Tells when to look at what has left. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Finds the turns of the large chunks that follow requests.
   *
   * @param connection To whom.
   */
  chunksTo(connection: TransportConnection): ChunkTurns {
    return this.#turnsOf(connection).chunks;
  }

  /**
   * Opens the stream of a large request, if it need not wait.
   *
   * @param connection To whom.
   * @param request What is asked for.
   * @returns The stream; its request has arrived, or never will, when the next
   * one has its turn.
   * @throws {TransportError} When the connection has ended.
   */
  tryOpenStream(
    connection: TransportConnection,
    request: OutgoingRequest,
  ): TransportStream | undefined {
    const { turns } = this.#turnsOf(connection);
    const { length } = request.content.body;
    return turns.tryTake(length)
      ? tryOpenInTurn(connection, request, turns)
      : undefined;
  }

  /**
   * As {@linkcode UploadTurns.tryOpenStream}, waiting for the turn and for the stream.
   *
   * @param connection To whom.
   * @param request What is asked for; its end ends the wait.
   * @returns The stream.
   * @throws {TransportError} As a rejection, when the connection has ended.
   */
  async openStream(
    connection: TransportConnection,
    request: OutgoingRequest,
  ): Promise<TransportStream> {
    const { turns } = this.#turnsOf(connection);
    await this.#takeTurn(connection, request);
    const opened = tryOpenInTurn(connection, request, turns);
    if (opened !== undefined) return opened;
    // Without its turn, for which the inputs may wait that have all the streams.
    const stream = await openStream(connection, request);
    const { length } = request.content.body;
    try {
      if (!turns.tryTake(length)) await this.#takeTurn(connection, request);
    } catch (error) {
      stream.reset(StatusCode.CANCELLED);
      stream.stopSending(StatusCode.CANCELLED);
      throw error;
    }
    giveBackAfter(stream, turns, length);
    return stream;
  }

  #takeTurn(
    connection: TransportConnection,
    { scope, content, options }: OutgoingRequest,
  ): Promise<void> {
    const { turns, chunks } = this.#turnsOf(connection);
    const { length } = content.body;
    const turn = turns.take(scope.race, length, options.priority);
    chunks.look();
    return turn;
  }

  #turnsOf(connection: TransportConnection): ConnectionTurns {
    const known = this.#turns.get(connection);
    if (known !== undefined) return known;
    const turns = new RequestTurns(MAX_UPLOAD_BYTES);
    const chunks = new ChunkTurns(turns, this.#clock);
    connection.closed.then(() => chunks.end());
    const created = { turns, chunks };
    this.#turns.set(connection, created);
    return created;
  }
}

/** Opens the stream of a request that has its turn, which is over where there is none. */
function tryOpenInTurn(
  connection: TransportConnection,
  request: OutgoingRequest,
  turns: RequestTurns,
): TransportStream | undefined {
  const { length } = request.content.body;
  let stream: TransportStream | undefined;
  try {
    stream = connection.tryOpenStream(streamOptions(request));
  } finally {
    if (stream === undefined) turns.giveBack(length);
  }
  if (stream !== undefined) giveBackAfter(stream, turns, length);
  return stream;
}

function giveBackAfter(
  stream: TransportStream,
  turns: RequestTurns,
  length: number,
): void {
  const giveBack = (): void => turns.giveBack(length);
  stream.finished.then(giveBack, giveBack);
}

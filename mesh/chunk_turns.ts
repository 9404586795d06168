/**
 * Which large chunks of input are under way on a connection.
 *
 * Like large requests they leave a few at a time, and from the same turns: a callee
 * has to hold each that its handler waits for until all of it is there. A chunk that
 * a handler leaves alone takes none of that memory, only the credit of its stream; so
 * it has no turn for that long, and keeps none from others.
 *
 * @module
 */
import type { Clock } from "../internal/clock.ts";
import type { Instant } from "../internal/instant.ts";
import { MAX_PAYLOAD_LENGTH } from "../protocol/mod.ts";
import type { StreamPriority } from "../transport/mod.ts";
import type { AbortRace } from "./abort.ts";
import { LARGE_REQUEST_BYTES } from "./config.ts";
import type { MessageChannel } from "./message_channel.ts";
import type { RequestTurns } from "./request_turns.ts";

/** How often chunks are looked at while somebody waits, in milliseconds: a turn is 32 MiB. */
export const CHUNK_LOOK_MS = 5;

/**
 * After what time a chunk that its handler leaves alone has no turn any more, in
 * milliseconds: a busy callee that is about to read it has done so by then.
 */
export const CHUNK_PATIENCE_MS = 100;

/** A chunk that has left, or is about to. */
interface SentChunk {
  readonly channel: MessageChannel;
  /** Bytes of the channel up to its end. */
  readonly end: number;
  /** What it takes of the turns. */
  readonly length: number;
  /** Since when its handler leaves it alone, as far as was looked at. */
  heldBackSince: Instant | undefined;
  /** Whether it has its turn. */
  hasTurn: boolean;
}

/**
 * Whether a chunk has to have a turn. Not one that is above what fits into a message:
 * it is refused where it is encoded, and there may never be a turn for it.
 *
 * @param length Size of its payload, in bytes.
 */
export function isLargeChunk(length: number): boolean {
  return length >= LARGE_REQUEST_BYTES && length <= MAX_PAYLOAD_LENGTH;
}

/**
 * Gives turns to the large chunks of a connection. They are not followed, which would
 * cost something for every acknowledgement, but looked at, and only while somebody
 * waits for a turn.
 */
export class ChunkTurns {
  readonly #turns: RequestTurns;
  readonly #clock: Clock;
  /** Those that the peer has not acknowledged, as far as was looked at. */
  readonly #sent = new Set<SentChunk>();
  #cancelLook: (() => void) | undefined;
  #isOver = false;

  /**
   * @param turns Those of the connection.
   * @param clock Tells when to look.
   */
  constructor(turns: RequestTurns, clock: Clock) {
    this.#turns = turns;
    this.#clock = clock;
  }

  /**
   * Takes the turn of a chunk, to be followed by {@linkcode ChunkTurns.onSent}.
   *
   * @param length Size of its payload, in bytes.
   * @returns Whether it has it; if not, it has to {@linkcode ChunkTurns.wait}.
   */
  tryTake(length: number): boolean {
    return this.#turns.tryTake(length);
  }

  /**
   * Waits for the turn of a chunk.
   *
   * @param race Gives the wait up.
   * @param length Size of its payload, in bytes.
   * @param priority That of its call.
   * @returns Resolves with the turn; rejects with what the race was aborted with.
   */
  wait(
    race: AbortRace,
    length: number,
    priority: StreamPriority | undefined,
  ): Promise<void> {
    const turn = this.#turns.take(race, length, priority);
    this.look();
    return turn;
  }

  /**
   * Takes note of a chunk that has been given to its stream, or refused by it.
   *
   * @param channel Its channel, where it was sent last.
   * @param length Size of its payload, in bytes.
   */
  onSent(channel: MessageChannel, length: number): void {
    if (this.#isOver) return this.#turns.giveBack(length);
    this.#forgetOldest();
    this.#sent.add({
      channel,
      end: channel.bytesSent,
      length,
      heldBackSince: undefined,
      hasTurn: true,
    });
    this.#lookLater();
  }

  /** Gives back the turns of what has arrived: somebody waits. */
  look(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    const now = this.#clock.now();
    for (const chunk of this.#sent) this.#lookAt(chunk, now);
    this.#lookLater();
  }

  /** The connection has ended: whoever waits hears of it from its stream. */
  end(): void {
    this.#isOver = true;
    this.#cancelLook?.();
    for (const chunk of this.#sent) this.#forget(chunk);
  }

  /** So that calls which are over are not kept for as long as nobody waits. */
  #forgetOldest(): void {
    for (const chunk of this.#sent) {
      if (!hasArrived(chunk)) return;
      this.#forget(chunk);
    }
  }

  #forget(chunk: SentChunk): void {
    this.#sent.delete(chunk);
    if (chunk.hasTurn) this.#turns.giveBack(chunk.length);
  }

  #lookLater(): void {
    if (this.#cancelLook !== undefined || this.#sent.size === 0) return;
    if (!this.#turns.isWaitedFor) return;
    this.#cancelLook = this.#clock.schedule(CHUNK_LOOK_MS, () => this.look());
  }

  #lookAt(chunk: SentChunk, now: Instant): void {
    if (hasArrived(chunk)) return this.#forget(chunk);
    const { channel, length, hasTurn } = chunk;
    if (!channel.isHeldBack) chunk.heldBackSince = undefined;
    else chunk.heldBackSince ??= now;
    const { heldBackSince = now } = chunk;
    const mayHaveTurn = now - heldBackSince < CHUNK_PATIENCE_MS;
    if (mayHaveTurn === hasTurn) return;
    chunk.hasTurn = mayHaveTurn;
    if (mayHaveTurn) this.#turns.takeAgain(length);
    else this.#turns.giveBack(length);
  }
}

/** Whether all of a chunk has arrived, or none of it is sent any more. */
function hasArrived({ channel, end }: SentChunk): boolean {
  return channel.isCancelled || channel.bytesDelivered >= end;
}

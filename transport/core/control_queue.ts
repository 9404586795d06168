/**
 * Small frames of the connection itself that wait to be sent: pings and answers
 * to path challenges.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import {
  encodePathChallengeFrame,
  encodePathResponseFrame,
  encodePingFrame,
  PATH_FRAME_LENGTH,
  PING_FRAME_LENGTH,
} from "../../protocol/frame/mod.ts";
import type { LimitName } from "./limits.ts";
import type { SentFrame, SentPing } from "./sent_frame.ts";

/** What waits, at most one ping and a few path responses. */
export class ControlQueue {
  readonly #maxPathResponses: number;
  readonly #onLimit: (limit: LimitName) => void;
  readonly #pathResponses: Uint8Array[] = [];
  #pathChallenge: Uint8Array | undefined;
  #isPingDue = false;
  // Pings that the application waits for are told apart from the connection's
  // own, and from those that it waited for before, which may still be under way.
  #wish = 0;
  #isPongWanted = false;
  #isUrgent = false;

  /**
   * @param maxPathResponses Path challenges that wait for their answer; past it,
   * the oldest is forgotten.
   * @param onLimit Called then.
   */
  constructor(maxPathResponses: number, onLimit: (limit: LimitName) => void) {
    this.#maxPathResponses = maxPathResponses;
    this.#onLimit = onLimit;
  }

  /** Whether anything waits. */
  get hasPending(): boolean {
    return this.#isPingDue || this.#pathChallenge !== undefined ||
      this.#pathResponses.length > 0;
  }

  /** Whether a challenge of ours, or an answer to one of the peer's, waits. */
  get hasPathFrames(): boolean {
    return this.#pathChallenge !== undefined || this.#pathResponses.length > 0;
  }

  /**
   * Asks for a ping.
   *
   * @param isPongWanted Whether the application waits for its answer, which is
   * then asked for at once.
   */
  requestPing(isPongWanted: boolean): void {
    this.#isPingDue = true;
    if (!isPongWanted || this.#isPongWanted) return;
    this.#isPongWanted = true;
    this.#wish++;
  }

  /**
   * A ping was lost. It is repeated only if somebody still waits for it.
   *
   * @param ping Its record.
   */
  repeatPing(ping: SentPing): void {
    if (this.#isWanted(ping)) this.#isPingDue = true;
  }

  /**
   * A ping was acknowledged.
   *
   * @param ping Its record.
   * @returns Whether the application waits for that.
   */
  takePong(ping: SentPing): boolean {
    if (!this.#isWanted(ping)) return false;
    this.#isPongWanted = false;
    return true;
  }

  /**
   * Whether what was written since the last call asks for an answer at once.
   *
   * @returns Whether the packet is a probe.
   */
  takeUrgency(): boolean {
    const isUrgent = this.#isUrgent;
    this.#isUrgent = false;
    return isUrgent;
  }

  /**
   * Asks the peer to show that it receives where we send (RFC 9000 §8.2.1). It
   * is not repeated when it is lost: another one is made.
   *
   * @param data Eight unpredictable bytes; none where it is not to be asked any more.
   */
  challengePath(data: Uint8Array | undefined): void {
    this.#pathChallenge = data;
  }

  /**
   * Queues the answer to a path challenge (RFC 9000 §8.2.2).
   *
   * @param data The eight bytes of the challenge; copied.
   */
  answerPathChallenge(data: Uint8Array): void {
    if (this.#pathResponses.length === this.#maxPathResponses) {
      this.#pathResponses.shift();
      this.#onLimit("maxPathResponses");
    }
    this.#pathResponses.push(data.slice());
  }

  /**
   * Writes what waits and fits.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each frame that is repeated when it is lost.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    while (
      this.#pathResponses.length > 0 &&
      writer.offset + PATH_FRAME_LENGTH <= limit
    ) {
      encodePathResponseFrame(writer, this.#pathResponses.shift()!);
    }
    if (
      this.#pathChallenge !== undefined &&
      writer.offset + PATH_FRAME_LENGTH <= limit
    ) {
      encodePathChallengeFrame(writer, this.#pathChallenge);
      this.#pathChallenge = undefined;
    }
    if (this.#isPingDue) this.writePing(writer, limit, sent);
  }

  /**
   * Writes a ping, wanted or not.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets its record.
   */
  writePing(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    if (writer.offset + PING_FRAME_LENGTH > limit) return;
    encodePingFrame(writer);
    sent.push({ type: "ping", wish: this.#isPongWanted ? this.#wish : 0 });
    this.#isPingDue = false;
    this.#isUrgent ||= this.#isPongWanted;
  }

  #isWanted(ping: SentPing): boolean {
    return this.#isPongWanted && ping.wish === this.#wish;
  }
}

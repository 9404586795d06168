/**
 * The losses that a congestion window was last reduced for.
 *
 * @module
 */

/**
 * Tells when all of them have turned out to be none (RFC 4015: the state of
 * before is right again then). Numbers rise in the order in which packets are
 * declared lost, so whatever is lost after the reduction belongs to it, until
 * another reduction.
 */
export class CongestionEvent {
  /** Number of its first loss; `Infinity` when there is nothing to undo. */
  #firstNumber = Infinity;
  /** Losses that may still be none. */
  #unproven = 0;

  /**
   * The window was reduced. What it was reduced for before is settled with it.
   *
   * @param firstNumber Number of the first packet lost.
   */
  begin(firstNumber: number): void {
    this.#firstNumber = firstNumber;
    this.#unproven = 0;
  }

  /**
   * Packets were lost: those it was reduced for, or others of the same round trip.
   *
   * @param count How many.
   */
  addLosses(count: number): void {
    this.#unproven += count;
  }

  /**
   * A packet has arrived after all.
   *
   * @param packetNumber Its number.
   * @returns Whether it was the last one, and the reduction was for nothing.
   */
  handleSpuriousLoss(packetNumber: number): boolean {
    if (packetNumber < this.#firstNumber) return false;
    if (--this.#unproven > 0) return false;
    this.#firstNumber = Infinity;
    return true;
  }
}

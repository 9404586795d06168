/**
 * How often this end wants its packets acknowledged: every quarter of a window
 * (draft-ietf-quic-ack-frequency). An acknowledgement costs the peer a datagram
 * and us another; with fewer than two in a window the sender would wait.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import {
  ackFrequencyFrameLength,
  encodeAckFrequencyFrame,
} from "../../protocol/frame/mod.ts";
import {
  ACK_REORDERING_THRESHOLD,
  ACKS_PER_SLOW_START_WINDOW,
  ACKS_PER_WINDOW,
  DEFAULT_ACK_ELICITING_THRESHOLD,
  MAX_REQUESTED_ACK_THRESHOLD,
} from "./config.ts";
import type { SentFrame } from "./sent_frame.ts";

/** What one end asks of the other. */
export class AckFrequency {
  readonly #maxAckDelayMicros: number;
  #threshold = DEFAULT_ACK_ELICITING_THRESHOLD;
  #sequence = -1;
  #isUnsent = false;
  #isUnacked = false;

  /** @param maxAckDelayMs How long the peer says that it holds back acknowledgements. */
  constructor(maxAckDelayMs: number) {
    this.#maxAckDelayMicros = Math.floor(1_000 * maxAckDelayMs);
  }

  /** Ack-eliciting packets after which the peer should acknowledge. */
  get threshold(): number {
    return this.#threshold;
  }

  /**
   * The window has changed. The wish does only when it is out by half, and the
   * last one has arrived.
   *
   * @param window Packets that may be in flight, and whether that is still being
   * looked for.
   */
  update(
    window: { readonly packets: number; readonly isSought: boolean },
  ): void {
    if (this.#isUnsent || this.#isUnacked) return;
    const wanted = Math.max(
      DEFAULT_ACK_ELICITING_THRESHOLD,
      Math.min(
        Math.floor(
          window.packets /
            (window.isSought ? ACKS_PER_SLOW_START_WINDOW : ACKS_PER_WINDOW),
        ),
        MAX_REQUESTED_ACK_THRESHOLD,
      ),
    );
    if (wanted < 2 * this.#threshold && 2 * wanted > this.#threshold) return;
    this.#threshold = wanted;
    this.#sequence++;
    this.#isUnsent = true;
  }

  /**
   * Writes the wish, if it is new and fits. It is never worth a packet of its own.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets its record.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    if (!this.#isUnsent) return;
    const frame = {
      sequence: this.#sequence,
      threshold: this.#threshold,
      maxAckDelayMicros: this.#maxAckDelayMicros,
      reorderingThreshold: ACK_REORDERING_THRESHOLD,
    };
    if (writer.offset + ackFrequencyFrameLength(frame) > limit) return;
    encodeAckFrequencyFrame(writer, frame);
    sent.push({ type: "ack-frequency", sequence: this.#sequence });
    this.#isUnsent = false;
    this.#isUnacked = true;
  }

  /**
   * The peer knows a wish; a repetition may wait, as a probe makes one.
   *
   * @param sequence Which one.
   */
  onFrameAcked(sequence: number): void {
    if (sequence !== this.#sequence) return;
    this.#isUnacked = false;
    this.#isUnsent = false;
  }

  /**
   * The peer may not know a wish.
   *
   * @param sequence Which one.
   */
  onFrameLost(sequence: number): void {
    if (sequence === this.#sequence && this.#isUnacked) this.#isUnsent = true;
  }
}

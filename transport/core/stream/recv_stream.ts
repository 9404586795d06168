/**
 * The receiving side of a stream (RFC 9000 §3.2).
 *
 * ```text
 * receiving ──fin──► size known ──all arrived, all read──► done
 *     └───────reset──► reset ──told to the application──► done
 *     └───────stop───► discarding ──fin or reset──► done
 * ```
 *
 * @module
 */
import { keepHiddenClass } from "../../../internal/hidden_class.ts";
import type { StreamFrame } from "../../../protocol/frame/mod.ts";
import { ReceiveWindow } from "../flow_control.ts";
import { TransportError } from "../error.ts";
import { Reassembler } from "./reassembler.ts";
import { StretchLimit } from "./stretch_limit.ts";

/** What every receiving side of a connection is made with. */
export interface RecvLimits {
  /** Credit to grant, in bytes. */
  readonly windowBytes: number;
  /** Counts the separate stretches that wait behind gaps. */
  readonly stretches: StretchLimit;
}

/** Bytes that arrive, and whether they were the last. */
export class RecvStream {
  readonly #id: number;
  readonly #reassembler: Reassembler;
  readonly #window: ReceiveWindow;
  #readBytes = 0;
  #finalSize: number | undefined;
  #resetCode: number | undefined;
  #isResetReported = false;
  #isMaxDataLost = false;
  #stopCode: number | undefined;
  /** Whether a request to stop has to be sent. */
  isStopPending = false;

  /**
   * Starts with nothing received.
   *
   * @param id The stream.
   * @param limits Those of the connection.
   */
  constructor(id: number, limits: RecvLimits) {
    this.#id = id;
    this.#reassembler = new Reassembler(limits.stretches);
    this.#window = new ReceiveWindow(limits.windowBytes);
  }

  /** How many bytes can be read now. */
  get readableBytes(): number {
    return this.#reassembler.readableBytes;
  }

  /** Whether every byte was read, and the peer has said that there are no more. */
  get isFinished(): boolean {
    return this.#readBytes === this.#finalSize && !this.#isDiscarding;
  }

  /** Whether nothing more can happen. */
  get isDone(): boolean {
    if (this.#stopCode !== undefined) return this.#finalSize !== undefined;
    return this.#resetCode !== undefined
      ? this.#isResetReported
      : this.#readBytes === this.#finalSize;
  }

  /** The peer's code, when it gave its side up. */
  get resetCode(): number | undefined {
    return this.#resetCode;
  }

  /** The code of our request to stop, if there was one. */
  get stopCode(): number | undefined {
    return this.#stopCode;
  }

  /**
   * Whether new credit has to be sent: not any more once the size is known or
   * nothing of it is wanted.
   */
  get isMaxDataPending(): boolean {
    return (this.#isMaxDataLost || this.#window.isUpdateDue) &&
      this.#finalSize === undefined && this.#stopCode === undefined;
  }

  /** The newest credit, in bytes from the start of the stream. */
  get maxDataBytes(): number {
    return this.#window.nextLimitBytes;
  }

  /** Notes that {@linkcode RecvStream.maxDataBytes} was sent. */
  onMaxDataSent(): void {
    this.#window.onLimitSent();
    this.#isMaxDataLost = false;
  }

  /** Learns that credit was probably lost on its way. */
  onMaxDataLost(): void {
    this.#isMaxDataLost = true;
  }

  get #isDiscarding(): boolean {
    return this.#resetCode !== undefined || this.#stopCode !== undefined;
  }

  /**
   * Judges a stretch of the stream before anything is done with it.
   *
   * @param end Offset after its last byte.
   * @param isFinal Whether that is the final size.
   * @returns How many bytes of credit it uses for the first time.
   * @throws {TransportError} `FINAL_SIZE` when it contradicts what is known
   * of the final size, `FLOW_CONTROL` when it passes the stream's credit.
   */
  growthOf(end: number, isFinal: boolean): number {
    const finalSize = this.#finalSize;
    const { receivedBytes } = this.#window;
    // RFC 9000 §4.5: a final size never changes and nothing lies beyond it.
    if (
      finalSize !== undefined && (end > finalSize || isFinal && end < finalSize)
    ) {
      throw finalSizeError(this.#id, `data or end at ${end}`, finalSize);
    }
    if (isFinal && end < receivedBytes) {
      throw finalSizeError(this.#id, `${receivedBytes} bytes arrived`, end);
    }
    const growth = Math.max(0, end - receivedBytes);
    // RFC 9000 §4.1: more than the advertised limit ends the connection.
    if (growth > this.#window.availableBytes) throw this.#creditError(end);
    return growth;
  }

  #creditError(end: number): TransportError {
    const { receivedBytes, availableBytes } = this.#window;
    const grantedBytes = receivedBytes + availableBytes;
    return new TransportError(
      "FLOW_CONTROL",
      `Stream ${this.#id}: ${end} bytes, ${grantedBytes} were granted`,
      { limit: "maxStreamDataBytes" },
    );
  }

  /**
   * Takes a stretch that {@linkcode RecvStream.growthOf} has judged.
   *
   * @param frame Where it starts, its borrowed bytes, whether they are the last.
   * @param growth What {@linkcode RecvStream.growthOf} returned.
   * @returns Whether there is news for the reader.
   * @throws {TransportError} `LIMIT` when it is in too many pieces.
   */
  handleData(
    { offset, data, isFin }: Pick<StreamFrame, "offset" | "data" | "isFin">,
    growth: number,
  ): boolean {
    const isSizeNew = isFin && this.#finalSize === undefined;
    this.#window.receive(growth);
    if (isSizeNew) this.#onSizeKnown(offset + data.length);
    if (this.#isDiscarding) return false;
    const reassembler = this.#reassembler;
    const before = reassembler.orderedEnd;
    if (data.length > 0) reassembler.insert(offset, data);
    return reassembler.orderedEnd > before ||
      (isSizeNew && before === this.#finalSize);
  }

  /**
   * Takes the peer's reset, which {@linkcode RecvStream.growthOf} has judged.
   *
   * @param code The peer's reason.
   * @param finalSize How many bytes the peer counted against the credit.
   * @param growth What {@linkcode RecvStream.growthOf} returned.
   * @returns Whether the application has to be told.
   */
  handleReset(code: number, finalSize: number, growth: number): boolean {
    this.#window.receive(growth);
    const isComplete = this.#reassembler.orderedEnd === this.#finalSize;
    this.#onSizeKnown(finalSize);
    // RFC 9000 §3.2: a reset after everything has arrived changes nothing.
    if (isComplete || this.#isDiscarding) return false;
    this.#resetCode = code;
    this.#reassembler.clear();
    return true;
  }

  #onSizeKnown(finalSize: number): void {
    this.#finalSize = finalSize;
    // The peer has sent everything: a stop would save nothing.
    this.isStopPending = false;
  }

  /** Notes that the application was told of the reset. */
  onResetReported(): void {
    this.#isResetReported = true;
  }

  /**
   * Takes the next bytes out. Their credit is to be given back with
   * {@linkcode RecvStream.takeConsumed}.
   *
   * @param into Where they are put, if not into memory of their own.
   * @returns Bytes that the caller owns, or `undefined`.
   */
  read(into?: Uint8Array): Uint8Array | undefined {
    if (this.#isDiscarding) return undefined;
    const chunk = this.#reassembler.read(into);
    if (chunk !== undefined) this.#readBytes += chunk.length;
    return chunk;
  }

  /**
   * Throws away what comes and what was not read.
   *
   * @param code The reason, for the peer.
   */
  stop(code: number): void {
    if (this.#isDiscarding || this.isFinished) return;
    this.#stopCode = code;
    this.isStopPending = this.#finalSize === undefined;
    this.#reassembler.clear();
  }

  /** Learns that the request to stop was probably lost. */
  onStopLost(): void {
    if (!this.isDone) this.isStopPending = true;
  }

  /**
   * Counts what was read, or will never be, as consumed.
   *
   * @returns How many bytes of credit the connection gets back.
   */
  takeConsumed(): number {
    const { receivedBytes, unconsumedBytes } = this.#window;
    const consumedBytes = receivedBytes - unconsumedBytes;
    const byteCount = this.#isDiscarding
      ? unconsumedBytes
      : this.#readBytes - consumedBytes;
    this.#window.consume(byteCount);
    return byteCount;
  }
}

keepHiddenClass(
  new RecvStream(0, { windowBytes: 0, stretches: new StretchLimit(0) }),
);

function finalSizeError(
  id: number,
  detail: string,
  finalSize: number,
): TransportError {
  return new TransportError(
    "FINAL_SIZE",
    `Stream ${id}: ${detail}, final size ${finalSize}`,
  );
}

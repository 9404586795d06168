/**
 * How many streams and bytes one end grants the other, and how many of the
 * streams are used up (RFC 9000 §4.6).
 *
 * @module
 */
import { MAX_STREAM_COUNT } from "../../../protocol/mod.ts";

/** What one end grants the other in the handshake. */
export interface StreamLimits {
  /** Credit of the connection, in bytes. */
  readonly maxDataBytes: number;
  /** Credit of each stream, in bytes. */
  readonly maxStreamDataBytes: number;
  /** Bidirectional streams that may be open. */
  readonly maxBidiStreams: number;
  /** Unidirectional streams that may be open. */
  readonly maxUniStreams: number;
}

/** Streams of one direction that we open. */
export class LocalStreamCount {
  #openedCount = 0;
  #maximum: number;

  /**
   * Starts with none.
   *
   * @param maximum How many the peer allows in total.
   */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** How many were opened so far. */
  get openedCount(): number {
    return this.#openedCount;
  }

  /**
   * Opens the next one.
   *
   * @returns Its sequence number, or `undefined` at the limit.
   */
  open(): number | undefined {
    return this.#openedCount < this.#maximum ? this.#openedCount++ : undefined;
  }

  /**
   * Takes the limit of the handshake in place of the one before it.
   *
   * @param maximum How many may be opened in total, at least those that are.
   * @returns Whether there is room for more than before.
   */
  settle(maximum: number): boolean {
    const isRaised = maximum > this.#maximum;
    this.#maximum = maximum;
    return isRaised;
  }

  /**
   * Takes a new limit. A smaller one than before is old news.
   *
   * @param maximum How many may be opened in total.
   * @returns Whether there is room for more than before.
   */
  raise(maximum: number): boolean {
    if (maximum <= this.#maximum) return false;
    this.#maximum = maximum;
    return true;
  }
}

/** Streams of one direction that the peer opens. */
export class PeerStreamCount {
  readonly #window: number;
  #openedCount = 0;
  #closedCount = 0;
  #advertised: number;

  /**
   * Starts with none.
   *
   * @param window How many may be open at a time.
   */
  constructor(window: number) {
    this.#window = window;
    this.#advertised = window;
  }

  /** How many were opened so far, in order and without gaps. */
  get openedCount(): number {
    return this.#openedCount;
  }

  /** How many the peer may open in total, as far as it knows. */
  get maximum(): number {
    return this.#advertised;
  }

  /** The newest limit, for a frame. */
  get nextMaximum(): number {
    return Math.min(this.#closedCount + this.#window, MAX_STREAM_COUNT);
  }

  /**
   * Whether a new limit doubles what the peer may open, at least: where nothing
   * stays open, when half of the window is used up. Half of the window alone would
   * not do: beside more than half of them that stay open it never ends.
   */
  get isUpdateDue(): boolean {
    const grantableCount = this.nextMaximum - this.#advertised;
    const leftCount = this.#advertised - this.#openedCount;
    return grantableCount >= Math.max(1, leftCount);
  }

  /** Counts a stream that the peer opened, by name or by opening a later one. */
  onOpened(): void {
    this.#openedCount++;
  }

  /** Counts a stream that is over. */
  onClosed(): void {
    this.#closedCount++;
  }

  /** Notes that {@linkcode PeerStreamCount.nextMaximum} was sent. */
  onMaximumSent(): void {
    this.#advertised = this.nextMaximum;
  }
}

/**
 * What the application does with a connection while it stands: streams,
 * datagrams, pings and keys.
 *
 * @module
 */
import type { Instant } from "../../internal/instant.ts";
import { ProtocolError } from "../../protocol/mod.ts";
import { TransportError } from "./error.ts";
import type { PacketSpace } from "./packet_space.ts";
import type { StreamManager, StreamState } from "./stream/manager.ts";

/** Priority class of a stream: 0 control, 1 interactive, 2 bulk. */
export type PriorityClass = 0 | 1 | 2;

/** The part of a connection that the application uses. */
export abstract class ApplicationSide {
  /** How far the connection has come. */
  abstract get state(): string;

  /**
   * What travels once the keys exist.
   *
   * @ignore
   */
  protected abstract get space(): PacketSpace | undefined;

  /**
   * Streams that can be used: those of the packets, before them those whose
   * data may leave with the hello.
   *
   * @ignore
   */
  protected abstract get streams(): StreamManager | undefined;

  /**
   * There may be something to send.
   *
   * @ignore
   */
  protected abstract wake(): void;

  /** Largest payload of {@linkcode ApplicationSide.sendDatagram}, in bytes; 0 before the handshake is done. */
  get maxDatagramPayloadBytes(): number {
    return this.space?.maxDatagramPayloadBytes ?? 0;
  }

  /** How many packets have arrived and authenticated. */
  get packetsReceived(): number {
    return this.space?.packetsReceived ?? 0;
  }

  /**
   * Three probe timeouts, in milliseconds: in which the peer is heard if it is
   * there, with time for a loss. 0 before the handshake is done.
   */
  get endMarginMs(): number {
    return this.space?.endMarginMs ?? 0;
  }

  /** How many probe timeouts have passed since the peer owes an acknowledgement. */
  countUnansweredProbes(now: Instant): number {
    return this.space?.countUnansweredProbes(now) ?? 0;
  }

  /**
   * Opens a stream.
   *
   * @param options Priority class, whether only this side sends, and whether it
   * is early: such a stream need not wait for the handshake where there is a
   * ticket of the peer. What it carries may be processed twice if the peer's
   * key is used by several processes.
   * @returns Its id, or `undefined` when the peer's limit is reached; the event
   * `streams-available` then says when to try again.
   * @throws {TransportError} `CLOSED` when the connection is not established.
   */
  openStream(
    options: {
      priority: PriorityClass;
      isUnidirectional?: boolean;
      isEarly?: boolean;
    },
  ): number | undefined {
    if (options.isEarly === true && this.state === "handshaking") {
      return this.#usableStreams().open(options);
    }
    return this.#established().streams.open(options);
  }

  /**
   * Hands bytes to a stream. They are copied.
   *
   * @param streamId The stream.
   * @param bytes What to send.
   * @returns How many bytes were taken; the event `stream-writable` says when
   * there is room for more.
   * @throws {TransportError} `STREAM_STATE`, `STREAM_STOPPED`, `CLOSED`.
   */
  writeStream(streamId: number, bytes: Uint8Array): number {
    const accepted = this.#usableStreams().write(streamId, bytes);
    this.wake();
    return accepted;
  }

  /**
   * Hands bytes to a stream if there is room for all of them. They are copied.
   *
   * @param streamId The stream.
   * @param bytes What to send.
   * @param isLast Whether our side of it ends with them.
   * @returns Whether they were taken. If not, nothing was:
   * {@linkcode ApplicationSide.writeStream} says why.
   */
  tryWriteStream(
    streamId: number,
    bytes: Uint8Array,
    isLast?: boolean,
  ): boolean {
    if (!this.#isUsable) return false;
    if (this.streams?.tryWrite(streamId, bytes, isLast) !== true) return false;
    this.wake();
    return true;
  }

  /**
   * Ends our side of a stream after what was written.
   *
   * @param streamId The stream.
   */
  finishStream(streamId: number): void {
    if (!this.#isUsable) return;
    this.#usableStreams().finish(streamId);
    this.wake();
  }

  /**
   * Ends our side of a stream at once; what was not delivered is dropped.
   *
   * @param streamId The stream.
   * @param code Application code for the peer.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  resetStream(streamId: number, code: number): void {
    checkCode(code);
    if (!this.#isUsable) return;
    this.#usableStreams().reset(streamId, code);
    this.wake();
  }

  /**
   * Asks the peer to stop sending on a stream.
   *
   * @param streamId The stream.
   * @param code Application code for the peer.
   * @throws {ProtocolError} `INVALID_VALUE` for a code that has no encoding.
   */
  stopSending(streamId: number, code: number): void {
    checkCode(code);
    if (!this.#isUsable) return;
    this.#usableStreams().stopSending(streamId, code);
    this.wake();
  }

  /**
   * Takes the next bytes of a stream, in order.
   *
   * @param streamId The stream.
   * @param into Where they are put, as many as there are and fit; without it they
   * get memory of their own.
   * @returns Bytes that the caller owns, or `undefined` when none are there. A
   * view of `into` where that was given.
   */
  readStream(streamId: number, into?: Uint8Array): Uint8Array | undefined {
    const { streams } = this;
    const bytes = streams?.read(streamId, into);
    // A read makes nothing to send but credit and limits, and those rarely.
    if (bytes !== undefined && streams?.hasPendingFrames) this.wake();
    return bytes;
  }

  /**
   * Whether a stream was read to its end.
   *
   * @param streamId The stream.
   * @returns `isFinished` of {@linkcode ApplicationSide.streamState}, or `undefined`
   * when the stream is over or was never there.
   *
   * @ignore For the transport, which asks after each read: without an object.
   */
  isReadFinished(streamId: number): boolean | undefined {
    return this.streams?.isReadFinished(streamId);
  }

  /**
   * What is known of a stream.
   *
   * @param streamId The stream.
   * @returns Its state, or `undefined` when it is over or was never there.
   */
  streamState(streamId: number): StreamState | undefined {
    return this.streams?.streamState(streamId);
  }

  /**
   * Sends bytes that may be lost.
   *
   * @param data Up to {@linkcode ApplicationSide.maxDatagramPayloadBytes}; copied.
   * @returns Whether it was queued without pushing out an older one.
   * @throws {TransportError} `DATAGRAM_TOO_LARGE`, `CLOSED`.
   */
  sendDatagram(data: Uint8Array): boolean {
    const space = this.#established();
    if (data.length > this.maxDatagramPayloadBytes) {
      throw new TransportError(
        "DATAGRAM_TOO_LARGE",
        `Datagram: ${data.length} bytes, at most ${this.maxDatagramPayloadBytes} fit`,
      );
    }
    // Not `slice()`: that of Node's `Buffer` gives a view.
    const isWithoutLoss = space.sendDatagram(new Uint8Array(data));
    this.wake();
    return isWithoutLoss;
  }

  /** Asks the peer to acknowledge at once; the event `pong` follows. */
  ping(): void {
    this.#established().requestPing(true);
    this.wake();
  }

  /** Replaces the keys with the next packet, as soon as the protocol allows it. */
  updateKeys(): void {
    this.#established().requestKeyUpdate();
  }

  get #isUsable(): boolean {
    return this.state === "established" ||
      this.state === "handshaking" && this.streams !== undefined;
  }

  #usableStreams(): StreamManager {
    const { streams } = this;
    if (!this.#isUsable || streams === undefined) {
      throw new TransportError("CLOSED", `Connection: it is ${this.state}`);
    }
    return streams;
  }

  #established(): PacketSpace {
    const { space } = this;
    if (this.state !== "established" || space === undefined) {
      throw new TransportError("CLOSED", `Connection: it is ${this.state}`);
    }
    return space;
  }
}

/**
 * Codes travel as variable-length integers.
 *
 * @param code What the application gave.
 * @throws {ProtocolError} `INVALID_VALUE` for one that has no encoding.
 */
export function checkCode(code: number): void {
  if (Number.isSafeInteger(code) && code >= 0) return;
  throw new ProtocolError(
    "INVALID_VALUE",
    `Code: an integer from 0 to 2^53 - 1 expected, got ${code}`,
  );
}

/**
 * Checks what a close says before anything is closed.
 *
 * @param code What the application gave.
 * @param reason The same, for a person; of any length.
 * @throws {ProtocolError} `INVALID_VALUE` for what has no encoding.
 */
export function checkClose(code: number, reason: string): void {
  checkCode(code);
  // Programs without types say other things as well.
  if (typeof reason === "string") return;
  throw new ProtocolError("INVALID_VALUE", "Reason: it must be text");
}

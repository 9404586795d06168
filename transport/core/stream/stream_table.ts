/**
 * Which streams there are, were, and may be.
 *
 * Only live streams are kept. Streams of a kind open in order and without gaps
 * (RFC 9000 §2.1), so an identifier below the number of opened ones that is not
 * kept is that of a stream that is over: the memory of all ended streams is one
 * number for each kind.
 *
 * @module
 */
import {
  isInitiatorStream,
  isUnidirectional,
  makeStreamId,
  streamSequence,
} from "../../../protocol/mod.ts";
import { IdTable } from "../../../internal/id_table.ts";
import { TransportError } from "../error.ts";
import { type RecvLimits, RecvStream } from "./recv_stream.ts";
import { SendStream } from "./send_stream.ts";
import { Stream } from "./stream.ts";
import {
  LocalStreamCount,
  PeerStreamCount,
  type StreamLimits,
} from "./stream_limits.ts";
import { StretchLimit } from "./stretch_limit.ts";

/** Options of a {@linkcode StreamTable}. */
export interface StreamTableOptions {
  /** Whether this end sent the hello. */
  readonly isInitiator: boolean;
  /** What we grant the peer. */
  readonly local: StreamLimits;
  /** What the peer granted us. */
  readonly peer: StreamLimits;
  /** Separate stretches of a stream that wait behind a gap. */
  readonly maxStretches: number;
  /** Called for each stream that the peer opens. */
  readonly onPeerOpened: (stream: Stream) => void;
}

/** The live streams of a connection, and the limits of opening more. */
export class StreamTable {
  /** Bidirectional streams of the peer. */
  readonly peerBidi: PeerStreamCount;
  /** Unidirectional streams of the peer. */
  readonly peerUni: PeerStreamCount;
  readonly #options: StreamTableOptions;
  readonly #streams = new IdTable<Stream>();
  readonly #recvLimits: RecvLimits;
  /** Credit of a stream that is opened now, as the peer grants it. */
  #peerStreamDataBytes: number;
  readonly #localBidi: LocalStreamCount;
  readonly #localUni: LocalStreamCount;

  /**
   * Starts without streams.
   *
   * @param options Who we are, and the limits of both ends.
   */
  constructor(options: StreamTableOptions) {
    const { local, peer } = options;
    this.#options = options;
    this.#recvLimits = {
      windowBytes: local.maxStreamDataBytes,
      stretches: new StretchLimit(options.maxStretches),
    };
    this.#peerStreamDataBytes = peer.maxStreamDataBytes;
    this.#localBidi = new LocalStreamCount(peer.maxBidiStreams);
    this.#localUni = new LocalStreamCount(peer.maxUniStreams);
    this.peerBidi = new PeerStreamCount(local.maxBidiStreams);
    this.peerUni = new PeerStreamCount(local.maxUniStreams);
  }

  /** How many streams are live. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * A live stream.
   *
   * @param id Its identifier.
   * @returns `undefined` when it is over or never was.
   */
  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /**
   * Forgets a stream that is over.
   *
   * @param id Its identifier.
   */
  delete(id: number): void {
    this.#streams.delete(id);
  }

  /**
   * Opens a stream of ours.
   *
   * @param isUni Whether only we send.
   * @returns The stream, or `undefined` at the peer's limit.
   */
  open(isUni: boolean): Stream | undefined {
    const sequence = this.#localCount(isUni).open();
    return sequence === undefined
      ? undefined
      : this.#create(sequence, true, isUni);
  }

  /**
   * Takes a new limit of the peer.
   *
   * @param isUni Which direction it is for.
   * @param maximum How many streams we may open in total.
   * @returns Whether there is room for more than before.
   */
  raiseLimit(isUni: boolean, maximum: number): boolean {
    return this.#localCount(isUni).raise(maximum);
  }

  /**
   * Takes the limits of the handshake, where streams were opened before it.
   *
   * @param peer What the peer grants.
   * @returns Whether there is room for more streams than before.
   * @throws {TransportError} `STREAM_LIMIT` when more were opened already.
   */
  settleLimits(peer: StreamLimits): boolean {
    if (
      this.#localBidi.openedCount > peer.maxBidiStreams ||
      this.#localUni.openedCount > peer.maxUniStreams
    ) {
      throw new TransportError(
        "STREAM_LIMIT",
        `Early data: ${this.size} streams are open, the peer grants ${peer.maxBidiStreams} and ${peer.maxUniStreams} of one direction`,
        { fault: "peer" },
      );
    }
    this.#peerStreamDataBytes = peer.maxStreamDataBytes;
    const isBidiRaised = this.#localBidi.settle(peer.maxBidiStreams);
    return this.#localUni.settle(peer.maxUniStreams) || isBidiRaised;
  }

  /** Every live stream. */
  values(): Stream[] {
    return this.#streams.values();
  }

  /**
   * Counts the end of a stream that the peer opened.
   *
   * @param isUni Its direction.
   */
  onPeerClosed(isUni: boolean): void {
    this.#peerCount(isUni).onClosed();
  }

  /**
   * Finds the stream of a frame, opening it and those below when the peer may.
   *
   * @param id The stream.
   * @param side Which of our sides the frame is for.
   * @returns `undefined` for a stream that is over, whether or not it is
   * forgotten yet: the frame is late.
   * @throws {TransportError} `STREAM_STATE` for a stream of ours that was not
   * opened or a side that it does not have, `STREAM_LIMIT` for more streams
   * than granted.
   */
  find(id: number, side: "send" | "recv"): Stream | undefined {
    const stream = this.#streams.get(id);
    const part = side === "send" ? stream?.send : stream?.recv;
    if (stream === undefined || part === undefined) {
      return this.#findOther(id, side);
    }
    return stream.isClosed ? undefined : stream;
  }

  /** As `find`, of a stream that is new, over, or none. */
  #findOther(id: number, side: "send" | "recv"): Stream | undefined {
    const isLocal = this.isLocal(id);
    const isUni = isUnidirectional(id);
    // RFC 9000 §19.4, §19.5, §19.8, §19.10: the direction must exist.
    if (isUni && isLocal === (side === "recv")) {
      throw new TransportError(
        "STREAM_STATE",
        `Stream ${id}: a frame for the direction that it does not have`,
        { fault: "peer" },
      );
    }
    const sequence = streamSequence(id);
    if (!isLocal) return this.#openPeerStreams(id, sequence, isUni);
    if (sequence >= this.#localCount(isUni).openedCount) {
      throw new TransportError(
        "STREAM_STATE",
        `Stream ${id}: a frame for a stream that was not opened`,
        { fault: "peer" },
      );
    }
    return undefined;
  }

  /**
   * Whether a stream is one that this end opens.
   *
   * @param id The stream.
   * @returns `false` when it is the peer's to open.
   */
  isLocal(id: number): boolean {
    return isInitiatorStream(id) === this.#options.isInitiator;
  }

  #localCount(isUni: boolean): LocalStreamCount {
    return isUni ? this.#localUni : this.#localBidi;
  }

  #peerCount(isUni: boolean): PeerStreamCount {
    return isUni ? this.peerUni : this.peerBidi;
  }

  /** RFC 9000 §2.1: a stream opens all lower ones of its kind with it. */
  #openPeerStreams(
    id: number,
    sequence: number,
    isUni: boolean,
  ): Stream | undefined {
    const count = this.#peerCount(isUni);
    if (sequence < count.openedCount) return undefined;
    if (sequence >= count.maximum) {
      throw new TransportError(
        "STREAM_LIMIT",
        `Stream ${id}: number ${sequence + 1}, ${count.maximum} were granted`,
        { fault: "peer", limit: isUni ? "maxUniStreams" : "maxBidiStreams" },
      );
    }
    let stream: Stream | undefined;
    while (count.openedCount <= sequence) {
      stream = this.#create(count.openedCount, false, isUni);
      count.onOpened();
      this.#options.onPeerOpened(stream);
    }
    return stream;
  }

  #create(sequence: number, isLocal: boolean, isUni: boolean): Stream {
    const id = makeStreamId({
      sequence,
      isInitiator: isLocal === this.#options.isInitiator,
      isUnidirectional: isUni,
    });
    const stream = new Stream(
      id,
      isLocal,
      isUni && !isLocal
        ? undefined
        : new SendStream(id, isLocal, this.#peerStreamDataBytes),
      isUni && isLocal ? undefined : new RecvStream(id, this.#recvLimits),
    );
    this.#streams.set(id, stream);
    return stream;
  }
}

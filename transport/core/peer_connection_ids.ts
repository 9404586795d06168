/**
 * The connection ids that the peer gave us: the one of each path, and spare
 * ones for paths to come (RFC 9000 §5.1, §9.5).
 *
 * A path gets an id of its own as long as there are spare ones, so that who
 * sees two paths cannot tell that they belong together.
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import { RangeSet } from "../../internal/range_set.ts";
import {
  encodeRetireConnectionIdFrame,
  type NewConnectionIdFrame,
  retireConnectionIdFrameLength,
} from "../../protocol/frame/mod.ts";
import { MAX_UNACKED_RETIREMENTS_PER_ID } from "./config.ts";
import { CONNECTION_BYTES } from "./connection_bytes.ts";
import { CloseCode, TransportError } from "./error.ts";
import type { SentFrame } from "./sent_frame.ts";

/** An id that the peer chose. */
export interface PeerConnectionId {
  /** Its index. */
  readonly sequence: number;
  /** Its 8 bytes. */
  readonly connectionId: Uint8Array;
  /** What ends a reset of it, 16 bytes, where the peer said so. */
  readonly resetToken: Uint8Array | undefined;
}

/** The id of one path; the peer may demand another one. */
export interface PathConnectionId {
  /** The id in use. */
  readonly id: PeerConnectionId;
}

/** Who looks for the peer's resets. */
export interface PeerTokens {
  /** An id is used for the first time: its reset counts from now on. */
  learnResetToken(token: Uint8Array): void;
  /** It is given up: its reset counts no more. */
  forgetResetToken(token: Uint8Array): void;
}

/** Options of {@linkcode PeerConnectionIds}. */
export interface PeerConnectionIdsOptions {
  /** The id of the handshake, with sequence 0. */
  readonly first: PeerConnectionId;
  /** How many the peer may give us, the first one included. */
  readonly maxCount: number;
  /** Who looks for resets. */
  readonly tokens: PeerTokens;
}

/** The peer's ids of one connection. */
export class PeerConnectionIds {
  readonly #options: PeerConnectionIdsOptions;
  /** Those that are not given up: so few that looking for one is cheap. */
  #ids: PeerConnectionId[];
  #paths: { id: PeerConnectionId }[] = [];
  /** Sequences that arrived, given up or not. */
  readonly #seen = new RangeSet();
  /** Given up, and the peer has not acknowledged it. */
  #retiring: number[] = [];
  #unsent: number[] = [];
  #retirePriorTo = 0;
  #changeCount = 0;

  /** @param options The first id, and how many there may be. */
  constructor(options: PeerConnectionIdsOptions) {
    this.#options = options;
    this.#ids = [options.first];
    this.#seen.add(0, 1);
  }

  /** How many the peer gave us that are not given up. */
  get count(): number {
    return this.#ids.length;
  }

  /** How often a path got another id. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Whether {@linkcode PeerConnectionIds.writeFrames} has something to write. */
  get hasPending(): boolean {
    return this.#unsent.length > 0;
  }

  /**
   * Gives a new path an id: a spare one, or where there is none that of another
   * path.
   *
   * @returns The id; {@linkcode PeerConnectionIds.release} follows.
   */
  assign(): PathConnectionId {
    const path = { id: this.#takeSpare() ?? this.#shared() };
    // Not pushed, which makes room for sixteen more.
    this.#paths = this.#paths.concat(path);
    return path;
  }

  /**
   * A path is given up, and its id with it.
   *
   * @param path What {@linkcode PeerConnectionIds.assign} returned; another
   * path remains.
   */
  release(path: PathConnectionId): void {
    const pathCount = this.#paths.length;
    this.#paths = this.#paths.filter((each) => each !== path);
    const isKnown = this.#paths.length < pathCount;
    if (isKnown && !this.#isUsed(path.id)) this.#retire(path.id);
  }

  /**
   * Takes another id of the peer.
   *
   * @param frame The frame; its bytes are copied.
   * @throws {TransportError} `LIMIT` for more ids than we allow,
   * `PROTOCOL_VIOLATION` for one that contradicts an earlier one.
   */
  handleNew(frame: NewConnectionIdFrame): void {
    const { sequence } = frame;
    this.#checkConsistent(frame);
    this.#retirePriorTo = Math.max(this.#retirePriorTo, frame.retirePriorTo);
    if (!this.#seen.has(sequence)) {
      this.#seen.add(sequence, sequence + 1);
      this.#ids.push({
        sequence,
        connectionId: CONNECTION_BYTES.copy(frame.connectionId),
        resetToken: CONNECTION_BYTES.copy(frame.resetToken),
      });
    }
    this.#retireOld();
    const { maxCount } = this.#options;
    // An honest peer leaves no gaps but those that loss makes.
    if (this.#ids.length > maxCount || this.#seen.rangeCount > 4 * maxCount) {
      throw limitError(`more than ${maxCount} connection ids`);
    }
  }

  /**
   * Writes what was given up and fits.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each frame.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    while (this.#unsent.length > 0) {
      const sequence = this.#unsent[0]!;
      const length = retireConnectionIdFrameLength(sequence);
      if (writer.offset + length > limit) return;
      encodeRetireConnectionIdFrame(writer, sequence);
      sent.push({ type: "retire-connection-id", sequence });
      this.#unsent.shift();
    }
  }

  /**
   * The peer knows that an id was given up.
   *
   * @param sequence Its index.
   */
  onFrameAcked(sequence: number): void {
    this.#retiring = this.#retiring.filter((each) => each !== sequence);
    this.#unsent = this.#unsent.filter((each) => each !== sequence);
  }

  /**
   * That an id was given up has to be said again.
   *
   * @param sequence Its index.
   */
  onFrameLost(sequence: number): void {
    if (this.#retiring.includes(sequence) && !this.#unsent.includes(sequence)) {
      this.#unsent.push(sequence);
    }
  }

  #checkConsistent(frame: NewConnectionIdFrame): void {
    for (const id of this.#ids) {
      const isSame = isEqual(id.connectionId, frame.connectionId);
      // RFC 9000 §19.15: one sequence for one id.
      if (isSame === (id.sequence === frame.sequence)) continue;
      throw new TransportError(
        "PROTOCOL_VIOLATION",
        `Connection id ${frame.sequence}: it contradicts number ${id.sequence}`,
        { fault: "peer" },
      );
    }
  }

  /** RFC 9000 §5.1.2: what the peer takes back is given up, a path gets another one. */
  #retireOld(): void {
    for (const path of this.#paths) {
      if (path.id.sequence >= this.#retirePriorTo) continue;
      const old = path.id;
      path.id = this.#nextSpare() ?? this.#shared();
      if (path.id !== old && !this.#isUsed(old)) this.#retire(old);
    }
    for (const id of [...this.#ids]) {
      if (id.sequence < this.#retirePriorTo && !this.#isUsed(id)) {
        this.#retire(id);
      }
    }
  }

  #takeSpare(): PeerConnectionId | undefined {
    // Who makes us change paths must not make us pass what the peer remembers.
    return this.#retiring.length < 2 * this.#options.maxCount
      ? this.#nextSpare()
      : undefined;
  }

  #nextSpare(): PeerConnectionId | undefined {
    let spare: PeerConnectionId | undefined;
    for (const id of this.#ids) {
      if (id.sequence < this.#retirePriorTo || this.#isUsed(id)) continue;
      if (spare === undefined || id.sequence < spare.sequence) spare = id;
    }
    if (spare !== undefined) this.#use(spare);
    return spare;
  }

  #use(id: PeerConnectionId): void {
    if (this.#paths.length > 0) this.#changeCount++;
    const { resetToken } = id;
    if (resetToken !== undefined) {
      this.#options.tokens.learnResetToken(resetToken);
    }
  }

  #shared(): PeerConnectionId {
    let newest: PeerConnectionId | undefined;
    for (const { id } of this.#paths) {
      if (newest === undefined || id.sequence > newest.sequence) newest = id;
    }
    return newest ?? this.#options.first;
  }

  #isUsed(id: PeerConnectionId): boolean {
    return this.#paths.some((path) => path.id === id);
  }

  #retire(id: PeerConnectionId): void {
    this.#ids = this.#ids.filter((each) => each !== id);
    if (id.resetToken !== undefined) {
      this.#options.tokens.forgetResetToken(id.resetToken);
    }
    this.#retiring.push(id.sequence);
    this.#unsent.push(id.sequence);
    const { maxCount } = this.#options;
    if (this.#retiring.length > MAX_UNACKED_RETIREMENTS_PER_ID * maxCount) {
      throw limitError("too many connection ids taken back");
    }
  }
}

function limitError(detail: string): TransportError {
  return new TransportError("LIMIT", `Connection ids: ${detail}`, {
    closeCode: CloseCode.CONNECTION_ID_LIMIT_ERROR,
    limit: "maxConnectionIds",
  });
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.every((byte, index) => byte === right[index]);
}

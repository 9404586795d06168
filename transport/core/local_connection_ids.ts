/**
 * The connection ids that we gave the peer, for the paths that it will use
 * (RFC 9000 §5.1.1).
 *
 * @module
 */
import type { ByteWriter } from "../../internal/byte_writer.ts";
import {
  encodeNewConnectionIdFrame,
  newConnectionIdFrameLength,
} from "../../protocol/frame/mod.ts";
import { connectionIdKey } from "../../protocol/mod.ts";
import { TransportError } from "./error.ts";
import type { SentFrame } from "./sent_frame.ts";

/** An id of ours. */
export interface IssuedConnectionId {
  /** Its 8 bytes; packets with it are routed to the connection. */
  readonly connectionId: Uint8Array;
  /** What ends a reset of it, 16 bytes. */
  readonly resetToken: Uint8Array;
}

/** One that was told, or is to be. */
interface Numbered {
  readonly sequence: number;
  readonly connectionId: Uint8Array;
}

/** Who makes ids and routes their packets. */
export interface LocalRoutes {
  /** Makes an id. */
  issue(): IssuedConnectionId;
  /** Packets with an id are not for us any more. */
  release(connectionId: Uint8Array): void;
}

/** Options of {@linkcode LocalConnectionIds}. */
export interface LocalConnectionIdsOptions {
  /** The id of the handshake, with sequence 0; 8 bytes. */
  readonly first: Uint8Array;
  /** How many the peer takes, the first one included; below 2 none is added. */
  readonly maxCount: number;
  /** Makes and routes ids. */
  readonly routes: LocalRoutes;
}

/** Our ids of one connection. */
export class LocalConnectionIds {
  readonly #options: LocalConnectionIdsOptions;
  /** Those that the peer has not given up: so few that looking for one is cheap. */
  #active: Numbered[];
  /** Those that wait to be told or acknowledged. */
  #unknown: (Numbered & IssuedConnectionId)[] = [];
  #unsent: number[] = [];
  /** Given up, oldest first; late packets may still carry them. */
  readonly #retired: Uint8Array[] = [];
  #nextSequence = 1;
  #retirePriorTo = 0;
  #isRenewalDue = false;

  /** @param options The first id, and how many there may be. */
  constructor(options: LocalConnectionIdsOptions) {
    this.#options = options;
    this.#active = [{ sequence: 0, connectionId: options.first }];
  }

  /** How many were made, the first one included. */
  get issuedCount(): number {
    return this.#nextSequence;
  }

  /** Whether {@linkcode LocalConnectionIds.writeFrames} has something to write. */
  get hasPending(): boolean {
    return this.#unsent.length > 0;
  }

  /**
   * The peer is at another host: the reset tokens that it knows hold for the one
   * before. All ids are replaced.
   */
  renew(): void {
    this.#isRenewalDue = true;
  }

  /**
   * Makes as many ids as are missing. Not before the ones that were made last
   * have arrived: so a peer gets one set in a round trip, however fast it gives
   * them up.
   */
  replenish(): void {
    const { maxCount } = this.#options;
    if (this.#unknown.length > 0 || maxCount < 2) return;
    let missingCount = maxCount - this.#active.length;
    if (this.#isRenewalDue && missingCount >= 0) {
      this.#isRenewalDue = false;
      this.#retirePriorTo = this.#nextSequence;
      // RFC 9000 §5.1.1: more than the limit, since the others are taken back.
      missingCount = maxCount;
    }
    for (; missingCount > 0; missingCount--) this.#issue();
  }

  /**
   * The peer gives an id up.
   *
   * @param sequence Its index.
   * @param usedKey The id of the packet that says so, as a key.
   * @throws {TransportError} `PROTOCOL_VIOLATION` for an id that it was not
   * given, or that it still uses.
   */
  handleRetire(sequence: number, usedKey: number): void {
    const active = find(this.#active, sequence);
    const isUnsent = this.#unsent.includes(sequence) && active === undefined;
    if (sequence >= this.#nextSequence || isUnsent) {
      throw violation(`${sequence} was never given to the peer`);
    }
    if (active === undefined) return;
    const { connectionId } = active;
    // RFC 9000 §19.16: not by a packet that carries it.
    if (connectionIdKey(connectionId) === usedKey) {
      throw violation(`${sequence} is given up by a packet that carries it`);
    }
    this.#active = this.#active.filter((each) => each !== active);
    this.#stopTelling(sequence);
    this.#retired.push(connectionId);
    if (this.#retired.length > this.#options.maxCount) {
      this.#options.routes.release(this.#retired.shift()!);
    }
  }

  /**
   * Writes the ids that the peer does not know yet, as far as they fit.
   *
   * @param writer Where to write.
   * @param limit Offset that must not be passed.
   * @param sent Gets a record of each frame.
   */
  writeFrames(writer: ByteWriter, limit: number, sent: SentFrame[]): void {
    while (this.#unsent.length > 0) {
      const sequence = this.#unsent[0]!;
      const issued = find(this.#unknown, sequence)!;
      const frame = {
        ...issued,
        retirePriorTo: Math.min(this.#retirePriorTo, sequence),
      };
      if (writer.offset + newConnectionIdFrameLength(frame) > limit) return;
      encodeNewConnectionIdFrame(writer, frame);
      if (find(this.#active, sequence) === undefined) {
        this.#active.push({ sequence, connectionId: issued.connectionId });
      }
      sent.push({ type: "new-connection-id", sequence });
      this.#unsent.shift();
    }
  }

  /**
   * The peer knows an id.
   *
   * @param sequence Its index.
   */
  onFrameAcked(sequence: number): void {
    this.#stopTelling(sequence);
  }

  /**
   * The peer may not know an id.
   *
   * @param sequence Its index.
   */
  onFrameLost(sequence: number): void {
    const isUnknown = find(this.#unknown, sequence) !== undefined;
    if (isUnknown && !this.#unsent.includes(sequence)) {
      this.#unsent.push(sequence);
    }
  }

  /** The peer knows an id; a repetition may wait, as a probe makes one. */
  #stopTelling(sequence: number): void {
    this.#unknown = this.#unknown.filter((each) => each.sequence !== sequence);
    this.#unsent = this.#unsent.filter((each) => each !== sequence);
  }

  #issue(): void {
    const sequence = this.#nextSequence++;
    this.#unknown.push({ ...this.#options.routes.issue(), sequence });
    this.#unsent.push(sequence);
  }
}

function find<Id extends Numbered>(
  ids: readonly Id[],
  sequence: number,
): Id | undefined {
  return ids.find((each) => each.sequence === sequence);
}

function violation(detail: string): TransportError {
  return new TransportError(
    "PROTOCOL_VIOLATION",
    `Connection id ${detail}`,
    { fault: "peer" },
  );
}

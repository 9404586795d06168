/**
 * One end of a simulated connection: an application that opens streams, gives
 * some of them up, and checks every byte that it gets against the ledger of
 * what the other end has sent.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Connection } from "../../transport/core/connection.ts";
import type { ConnectionEvent } from "../../transport/core/connection_event.ts";
import { isInitiatorStream, isUnidirectional } from "../../protocol/mod.ts";
import type { SeededRandom } from "../support/seeded_random.ts";

/** What one end sends on one stream. */
interface Sending {
  /** Tells the bytes of this direction from those of all others. */
  readonly tag: number;
  readonly length: number;
  /** Gives up after so many bytes were taken, if at all. */
  readonly resetAfter: number | undefined;
  /** Whether the end follows the last byte later, in a frame of its own. */
  isEndLate: boolean;
  offset: number;
  isFinished: boolean;
  resetCode: number | undefined;
  stoppedCode: number | undefined;
  isDelivered: boolean;
}

/** What one end has received on one stream. */
interface Receiving {
  offset: number;
  /** Asks the other end to stop after so many bytes, if at all. */
  readonly stopAfter: number | undefined;
  stopCode: number | undefined;
  end: "finished" | "reset" | undefined;
}

/** How an end behaves. */
export interface PeerModelOptions {
  /** Where its decisions come from. */
  readonly random: SeededRandom;
  /** Streams and datagrams that it starts. */
  readonly taskCount: number;
  /** Longest stream, in bytes. */
  readonly maxStreamBytes: number;
  /** How often it reads at once, from 0 to 1. */
  readonly readRate: number;
}

/** An application at one end of a connection. */
export class PeerModel {
  /** The end. */
  readonly connection: Connection;
  /** The other end, which is asked what it has sent. */
  other: PeerModel | undefined;
  /** Why the connection ended, once it has. */
  closeError: (Error & { code: string; closeCode?: number }) | undefined;
  readonly #options: PeerModelOptions;
  readonly #random: SeededRandom;
  readonly #sending = new Map<number, Sending>();
  readonly #receiving = new Map<number, Receiving>();
  readonly #datagramsSent = new Map<number, Uint8Array>();
  readonly #datagramsReceived = new Set<number>();
  #tasksLeft: number;
  #pingsOut = 0;
  #largestWindowBytes = 0;

  /**
   * @param connection The end.
   * @param options How it behaves.
   */
  constructor(connection: Connection, options: PeerModelOptions) {
    this.connection = connection;
    this.#options = options;
    this.#random = options.random;
    this.#tasksLeft = options.taskCount;
  }

  /** Whether everything that it started or was sent has come to an end. */
  get isDone(): boolean {
    if (this.#tasksLeft > 0 || this.#pingsOut > 0) return false;
    for (const each of this.#sending.values()) {
      const isGivenUp = (each.resetCode ?? each.stoppedCode) !== undefined;
      if (!each.isDelivered && !isGivenUp) return false;
    }
    for (const each of this.#receiving.values()) {
      if (each.end === undefined && each.stopCode === undefined) return false;
    }
    return true;
  }

  /** What it waits for, for a message. */
  describe(): string {
    const open = [...this.#receiving].filter(([, each]) =>
      each.end === undefined && each.stopCode === undefined
    ).map(([id, each]) => `reads ${id} at ${each.offset}`);
    const out = [...this.#sending].filter(([, each]) =>
      !each.isDelivered && each.resetCode === undefined &&
      each.stoppedCode === undefined
    ).map(([id, each]) => `writes ${id} at ${each.offset} of ${each.length}`);
    return `${this.#tasksLeft} tasks, ${this.#pingsOut} pings, ` +
      [...open, ...out].join(", ");
  }

  /** Starts tasks, and reads what a slow reader has left. */
  tick(): void {
    this.#checkInFlight();
    if (this.connection.state !== "established") return;
    while (this.#tasksLeft > 0 && this.#startTask()) this.#tasksLeft--;
    for (const id of [...this.#receiving.keys()]) this.#read(id);
    for (const id of [...this.#sending.keys()]) this.#write(id);
  }

  /**
   * Takes an event of the connection.
   *
   * @param event The event.
   */
  handle(event: ConnectionEvent): void {
    assert.equal(this.closeError, undefined, `${event.type} after closed`);
    switch (event.type) {
      case "closed":
        this.closeError = event.error as Error & { code: string };
        // What arrived before the end is still readable.
        for (const id of this.#receiving.keys()) this.#read(id);
        return;
      case "stream-opened":
        return this.#handleOpened(event.id);
      case "stream-readable":
        if (this.#random.isHit(this.#options.readRate)) this.#read(event.id);
        return;
      case "stream-writable":
        return this.#write(event.id);
      case "stream-finished":
        return this.#handleFinished(event.id);
      case "stream-reset":
        return this.#handleReset(event.id, event.code);
      case "stream-stopped":
        return this.#handleStopped(event.id, event.code);
      case "datagram-received":
        return this.#handleDatagram(event.data);
      case "pong":
        this.#pingsOut = 0;
        return;
    }
  }

  /** Called when both ends are done: everything delivered has arrived. */
  checkDeliveries(): void {
    for (const [id, each] of this.#sending) {
      const received = this.other!.#receiving.get(id);
      if (!each.isDelivered || received?.stopCode !== undefined) continue;
      assert.equal(received?.end, "finished", `stream ${id} was delivered`);
    }
  }

  #startTask(): boolean {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.25) {
      this.#sendDatagram();
      return true;
    }
    if (kind < 0.3) {
      this.connection.ping();
      this.#pingsOut = 1;
      return true;
    }
    const id = this.connection.openStream({
      priority: random.nextInteger(3) as 0 | 1 | 2,
      isUnidirectional: random.isHit(0.4),
    });
    if (id === undefined) return false;
    if (!isUnidirectional(id)) this.#receiving.set(id, this.#newReceiving());
    this.#startSending(id);
    return true;
  }

  #startSending(id: number): void {
    const random = this.#random;
    const length = random.nextInteger(this.#options.maxStreamBytes + 1);
    this.#sending.set(id, {
      tag: random.nextInteger(2 ** 31),
      length,
      resetAfter: random.isHit(0.15)
        ? random.nextInteger(length + 1)
        : undefined,
      isEndLate: random.isHit(0.3),
      offset: 0,
      isFinished: false,
      resetCode: undefined,
      stoppedCode: undefined,
      isDelivered: false,
    });
    this.#write(id);
  }

  #newReceiving(): Receiving {
    const stopAfter = this.#random.isHit(0.1)
      ? this.#random.nextInteger(this.#options.maxStreamBytes)
      : undefined;
    return { offset: 0, stopAfter, stopCode: undefined, end: undefined };
  }

  #handleOpened(id: number): void {
    assert.ok(!this.#receiving.has(id), `stream ${id} opened twice`);
    assert.notEqual(isInitiatorStream(id), this.connection.isInitiator);
    this.#receiving.set(id, this.#newReceiving());
    if (!isUnidirectional(id)) this.#startSending(id);
  }

  #write(id: number): void {
    const sending = this.#sending.get(id)!;
    if (
      sending.isFinished || sending.resetCode !== undefined ||
      sending.stoppedCode !== undefined ||
      this.connection.state !== "established"
    ) return;
    const until = sending.resetAfter ?? sending.length;
    while (sending.offset < until) {
      const piece = patternBytes(
        sending.tag,
        sending.offset,
        Math.min(until - sending.offset, 16_384),
      );
      const accepted = this.#writePiece(id, piece);
      sending.offset += accepted;
      if (accepted < piece.length) return;
    }
    if (sending.resetAfter !== undefined) {
      sending.resetCode = 1_000 + id;
      this.connection.resetStream(id, sending.resetCode);
    } else if (sending.isEndLate) sending.isEndLate = false;
    else {
      sending.isFinished = true;
      this.connection.finishStream(id);
    }
  }

  #writePiece(id: number, piece: Uint8Array): number {
    try {
      return this.connection.writeStream(id, piece);
    } catch (error) {
      // The peer has stopped it; the event that says so comes later.
      assert.equal((error as { code?: string }).code, "STREAM_STOPPED");
      return 0;
    }
  }

  #read(id: number): void {
    const receiving = this.#receiving.get(id)!;
    const { connection } = this;
    if (receiving.end !== undefined || receiving.stopCode !== undefined) return;
    const sent = this.other!.#sending.get(id);
    for (
      let chunk = connection.readStream(id);
      chunk !== undefined;
      chunk = connection.readStream(id)
    ) {
      assert.ok(sent !== undefined && chunk.length > 0);
      const expected = patternBytes(sent.tag, receiving.offset, chunk.length);
      assert.ok(isEqual(chunk, expected), `stream ${id}: wrong bytes`);
      receiving.offset += chunk.length;
      assert.ok(receiving.offset <= sent.offset, `stream ${id}: bytes unsent`);
    }
    // A stream that is over in both directions is forgotten.
    if (connection.streamState(id)?.isFinished ?? true) {
      assert.ok(sent?.isFinished, `stream ${id}: an end that was not sent`);
      assert.equal(receiving.offset, sent.length, `stream ${id}: cut short`);
      receiving.end = "finished";
    } else if (
      receiving.stopAfter !== undefined &&
      receiving.offset >= receiving.stopAfter &&
      connection.state === "established"
    ) {
      receiving.stopCode = 2_000 + id;
      connection.stopSending(id, receiving.stopCode);
    }
  }

  #handleFinished(id: number): void {
    const sending = this.#sending.get(id)!;
    assert.ok(sending.isFinished && !sending.isDelivered);
    sending.isDelivered = true;
  }

  #handleReset(id: number, code: number): void {
    const receiving = this.#receiving.get(id)!;
    const sent = this.other!.#sending.get(id);
    assert.equal(receiving.end, undefined, `stream ${id}: reset after its end`);
    assert.equal(receiving.stopCode, undefined);
    assert.equal(code, sent?.resetCode, `stream ${id}: reset code`);
    receiving.end = "reset";
  }

  #handleStopped(id: number, code: number): void {
    const sending = this.#sending.get(id)!;
    const receiving = this.other!.#receiving.get(id);
    assert.equal(code, receiving?.stopCode, `stream ${id}: stop code`);
    assert.equal(sending.stoppedCode, undefined, `stream ${id}: stopped twice`);
    sending.stoppedCode = code;
  }

  #sendDatagram(): void {
    const random = this.#random;
    const limit = this.connection.maxDatagramPayloadBytes;
    const length = random.isHit(0.3)
      ? limit
      : 4 + random.nextInteger(limit - 3);
    const number = this.#datagramsSent.size;
    const data = patternBytes(number, 0, length);
    new DataView(data.buffer).setUint32(0, number);
    this.#datagramsSent.set(number, data.slice());
    this.connection.sendDatagram(data);
  }

  #handleDatagram(data: Uint8Array): void {
    assert.ok(data.length >= 4, "a datagram cut short");
    const number = new DataView(data.buffer, data.byteOffset).getUint32(0);
    const sent = this.other!.#datagramsSent.get(number);
    assert.ok(sent !== undefined && isEqual(data, sent), "another datagram");
    assert.ok(!this.#datagramsReceived.has(number), "a datagram twice");
    this.#datagramsReceived.add(number);
  }

  #checkInFlight(): void {
    const stats = this.connection.stats;
    this.#largestWindowBytes = Math.max(
      this.#largestWindowBytes,
      stats.congestionWindowBytes,
    );
    // Probes go beyond the window, two for each probe timeout.
    const probeBytes = 2 * (stats.probeTimeouts + 1) * MAX_PACKET_BYTES;
    assert.ok(
      stats.bytesInFlight <= this.#largestWindowBytes + probeBytes,
      `${stats.bytesInFlight} bytes in flight`,
    );
  }
}

const MAX_PACKET_BYTES = 65_507;

function patternBytes(tag: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    bytes[i] = Math.imul(tag + offset + i, 2_654_435_761) >>> 24;
  }
  return bytes;
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return false;
  }
  return true;
}

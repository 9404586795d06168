/**
 * Sends many datagrams with one call.
 *
 * Datagrams of one size to one address that follow each other are one message, which
 * the kernel cuts (UDP_SEGMENT, generic segmentation offload): they go through the
 * network stack once. One that is to be separate is a message of its own.
 *
 * @module
 */
import { type Address, formatAddress } from "../../core/address.ts";
import { type OutgoingDatagram, UDP_MAX_DATAGRAM_BYTES } from "../carrier.ts";
import { addressOf, type Libc } from "./libc.ts";
import { MessageArray } from "./message_array.ts";
import {
  encodeSocketAddress,
  familyOf,
  SOCKET_ADDRESS_ROOM,
} from "./socket_address.ts";

/** Datagrams of one call, at most: the kernel cuts a message into no more. */
const MAX_SENT_DATAGRAMS = 64;

/**
 * The control message that asks for it:
 *
 * ```text
 * offset  size  field
 *      0     8  length: 18
 *      8     4  level: SOL_UDP
 *     12     4  type: UDP_SEGMENT
 *     16     2  size of a datagram
 * ```
 */
const CONTROL_ROOM = 24;
const CONTROL_LENGTH = 18;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

/** Messages for one call; it serves all sockets, one call at a time. */
export class SendBatch {
  readonly #libc: Libc;
  readonly #messages = new MessageArray(MAX_SENT_DATAGRAMS);
  readonly #control = new Uint8Array(MAX_SENT_DATAGRAMS * CONTROL_ROOM);
  readonly #segmentSizes = new Uint16Array(this.#control.buffer);
  readonly #controlAddress = addressOf(this.#control);
  /** How many datagrams are in the messages up to each. */
  readonly #ends = new Uint8Array(MAX_SENT_DATAGRAMS);
  #messageCount = 0;
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  readonly #destinations = new WeakMap<Address, Uint8Array | null>();

  /** @param libc The C library. */
  constructor(libc: Libc) {
    this.#libc = libc;
    const view = new DataView(this.#control.buffer);
    for (let index = 0; index < MAX_SENT_DATAGRAMS; index++) {
      const at = index * CONTROL_ROOM;
      view.setUint32(at, CONTROL_LENGTH, true);
      view.setUint32(at + 8, SOL_UDP, true);
      view.setUint32(at + 12, UDP_SEGMENT, true);
    }
  }

  /**
   * Sends as many as one call takes.
   *
   * @param descriptor The socket.
   * @param family The family of its address.
   * @param datagrams What to send.
   * @param first Where to begin.
   * @param isSegmented Whether the kernel cuts.
   * @returns How many datagrams were sent; 0 when the first could not be.
   */
  send(
    descriptor: number,
    family: number,
    datagrams: readonly OutgoingDatagram[],
    first: number,
    isSegmented: boolean,
  ): number {
    this.#fill(family, datagrams, first, isSegmented);
    if (this.#messageCount === 0) return 0;
    const sent = this.#libc.sendmmsg(
      descriptor,
      this.#messages.bytes,
      this.#messageCount,
      0,
    );
    return sent > 0 ? this.#ends[sent - 1]! : 0;
  }

  /** How many datagrams the first message of the last call had. */
  get firstMessageLength(): number {
    return this.#messageCount === 0 ? 0 : this.#ends[0]!;
  }

  #fill(
    family: number,
    datagrams: readonly OutgoingDatagram[],
    first: number,
    isSegmented: boolean,
  ): void {
    const count = Math.min(datagrams.length - first, MAX_SENT_DATAGRAMS);
    this.#messageCount = 0;
    let runStart = 0;
    let runBytes = 0;
    /** Size of all datagrams of the run but the last. */
    let segmentBytes = 0;
    let to: Address | undefined;
    for (let index = 0; index < count; index++) {
      const next = datagrams[first + index]!;
      const { length } = next.datagram;
      const isSeparate = next.isSeparate === true;
      // IPv6 could carry more; all carriers refuse the same.
      if (length > UDP_MAX_DATAGRAM_BYTES) return;
      const isSameRun = isSegmented && !isSeparate && to !== undefined &&
        length > 0 && length <= segmentBytes &&
        // only the last one may be shorter
        runBytes === (index - runStart) * segmentBytes &&
        runBytes + length <= UDP_MAX_DATAGRAM_BYTES &&
        (next.to === to || isSameDestination(next.to, to));
      if (!isSameRun) {
        const destination = this.#destination(family, next.to);
        if (destination === undefined) return;
        this.#beginMessage(destination);
        runStart = index;
        runBytes = 0;
        // nothing that follows a separate one is as short as that
        segmentBytes = isSeparate ? 0 : length;
        to = next.to;
      }
      this.#messages.setPart(index, this.#address(next.datagram), length);
      runBytes += length;
      this.#endMessage(runStart, index + 1, segmentBytes);
    }
  }

  #beginMessage(destination: Uint8Array): void {
    const index = this.#messageCount++;
    this.#messages.names.set(destination, index * SOCKET_ADDRESS_ROOM);
    this.#messages.setNameLength(index, destination.length);
    this.#messages.setControl(index, 0, 0);
  }

  #endMessage(runStart: number, end: number, segmentBytes: number): void {
    const index = this.#messageCount - 1;
    this.#messages.setParts(index, runStart, end - runStart);
    this.#ends[index] = end;
    if (end - runStart !== 2) return;
    const at = index * CONTROL_ROOM;
    this.#segmentSizes[(at + 16) >>> 1] = segmentBytes;
    this.#messages.setControl(index, this.#controlAddress + at, CONTROL_ROOM);
  }

  #address(datagram: Uint8Array): number {
    const { buffer, byteOffset } = datagram;
    let start = this.#addresses.get(buffer);
    if (start === undefined) {
      start = addressOf(new Uint8Array(buffer as ArrayBuffer));
      this.#addresses.set(buffer, start);
    }
    return start + byteOffset;
  }

  /** Encodes an address once. What is not for the library is for the runtime. */
  #destination(family: number, to: Address): Uint8Array | undefined {
    let bytes = this.#destinations.get(to);
    if (bytes === undefined) {
      bytes = isNetGranted(to) ? encodeSocketAddress(to) ?? null : null;
      this.#destinations.set(to, bytes);
    }
    return bytes === null || familyOf(to.hostname) !== family
      ? undefined
      : bytes;
  }
}

/** With the zone: it says where to send. */
function isSameDestination(a: Address, b: Address): boolean {
  return a.port === b.port && a.hostname === b.hostname;
}

/**
 * The library asks nobody, so the `net` permission is judged here. The runtime keeps
 * 0.4 KB for ever of each address that it is asked about, and peers have any number of
 * them: it is asked about one only where not all of the network is granted.
 */
function isNetGranted(to: Address): boolean {
  // Of a host alone it says nothing: some of its ports may be forbidden all the same.
  return isGranted(undefined) || isGranted(formatAddress(to));
}

/** Whether all of it is: of a part the rest may be forbidden. */
function isGranted(host: string | undefined): boolean {
  const { state, partial } = Deno.permissions.querySync({
    name: "net",
    ...(host === undefined ? {} : { host }),
  });
  return state === "granted" && !partial;
}

/**
 * What stands around the frames of a packet that leaves: the last message of the
 * handshake before it as long as it is needed, the header with the next packet
 * number, the seal.
 *
 * @module
 */
import { ByteWriter } from "../../internal/byte_writer.ts";
import type { RandomSource } from "../../internal/random_source.ts";
import {
  type CloseFrame,
  encodeCloseFrame,
  encodePaddingFrame,
  encodePingFrame,
  MAX_CLOSE_HEAD_LENGTH,
} from "../../protocol/frame/mod.ts";
import {
  PACKET_HEADER_LENGTH,
  PACKET_TAG_LENGTH,
  PacketFlags,
} from "../../protocol/mod.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import { PacketNumbers } from "./packet_numbers.ts";
import type { PacketProtection } from "./packet_protection.ts";

/** What a packet builder is made from. */
export interface PacketBuilderOptions {
  /** Seals the packets. */
  readonly protection: PacketProtection;
  /** Has the peer's connection id that is in use, 8 bytes. */
  readonly path: { readonly connectionId: Uint8Array };
  /**
   * The last message of the handshake that this end sends: it goes before every
   * packet until it is known to have arrived.
   */
  readonly prefix: Uint8Array | undefined;
  /** Says which packet numbers are left out. */
  readonly random: RandomSource;
  /** Who watches, if anybody. */
  readonly trace?: ConnectionTrace | undefined;
}

/** Builds the packets of one connection, one after the other. */
export class PacketBuilder {
  readonly #protection: PacketProtection;
  readonly #path: PacketBuilderOptions["path"];
  readonly #trace: ConnectionTrace | undefined;
  #prefix: Uint8Array | undefined;
  readonly #numbers: PacketNumbers;

  /** @param options Keys, connection id, and what goes before. */
  constructor(options: PacketBuilderOptions) {
    this.#protection = options.protection;
    this.#path = options.path;
    this.#prefix = options.prefix;
    this.#numbers = new PacketNumbers(options.random);
    this.#trace = options.trace;
  }

  /** How many packets were built. */
  get packetCount(): number {
    return this.#numbers.count;
  }

  /** Number of the packet that was built last. */
  get lastPacketNumber(): number {
    return this.#numbers.last;
  }

  /** Size of the message of the handshake that still goes before every packet; 0 without. */
  get prefixBytes(): number {
    return this.#prefix?.length ?? 0;
  }

  /** The message of the handshake has arrived: it is not repeated any more. */
  dropPrefix(): void {
    this.#prefix = undefined;
  }

  /**
   * Begins a datagram: the message of the handshake, where it is still needed.
   *
   * @param into Where to write.
   * @returns Where the packet starts; its frames stand behind a header.
   */
  begin(into: Uint8Array): number {
    if (this.#prefix === undefined) return 0;
    into.set(this.#prefix);
    return this.#prefix.length;
  }

  /**
   * Seals the packet.
   *
   * @param into Holds its frames, with room for the tag behind them.
   * @param packet Where it starts, where its frames end, and its flags.
   * @returns Where the datagram ends.
   */
  seal(
    into: Uint8Array,
    packet: {
      readonly start: number;
      readonly end: number;
      readonly flags: number;
    },
  ): number {
    const { start, end, flags } = packet;
    const packetNumber = this.#numbers.take();
    if (this.#trace !== undefined) {
      const plaintext = into.subarray(start + PACKET_HEADER_LENGTH, end);
      this.#trace.handshakeSent(into.subarray(0, start));
      this.#trace.packetSent(packetNumber, flags, plaintext);
    }
    return start + this.#protection.seal(into, start, {
      connectionId: this.#path.connectionId,
      packetNumber,
      flags,
      plaintextLength: end - start - PACKET_HEADER_LENGTH,
    });
  }

  /**
   * Writes a datagram that closes the connection.
   *
   * @param into Where to write: all that may be sent.
   * @param frame Code, and reason, of which as much is said as fits.
   * @returns Its length.
   */
  writeClose(into: Uint8Array, frame: Omit<CloseFrame, "type">): number {
    const start = this.begin(into);
    const writer = new ByteWriter(into, start + PACKET_HEADER_LENGTH);
    const room = into.length - PACKET_TAG_LENGTH - writer.offset;
    encodeCloseFrame(writer, frame, room - MAX_CLOSE_HEAD_LENGTH);
    return this.seal(into, { start, end: writer.offset, flags: 0 });
  }

  /**
   * Writes a datagram that asks whether the path carries its size: a ping, padded
   * (RFC 8899 §4.1).
   *
   * @param into Where to write.
   * @param sizeBytes The size in question.
   * @returns Its length: that size.
   */
  writeMtuProbe(into: Uint8Array, sizeBytes: number): number {
    const writer = new ByteWriter(into, PACKET_HEADER_LENGTH);
    encodePingFrame(writer);
    const end = sizeBytes - PACKET_TAG_LENGTH;
    encodePaddingFrame(writer, end - writer.offset);
    // While it is under way, what follows is held at the size before.
    const flags = PacketFlags.ACK_ELICITING | PacketFlags.PROBE;
    return this.seal(into, { start: 0, end, flags });
  }
}

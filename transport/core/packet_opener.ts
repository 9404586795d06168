/**
 * Opens the packets that arrive, each number once.
 *
 * @module
 */
import {
  connectionIdKey,
  PACKET_OVERHEAD_LENGTH,
  PACKET_RESERVED_OFFSET,
  PacketFlags,
  RESERVED_PACKET_FLAGS,
} from "../../protocol/mod.ts";
import { REPLAY_WINDOW_PACKETS } from "./config.ts";
import type { PacketProtection } from "./packet_protection.ts";
import { ReplayWindow } from "./replay_window.ts";
import type { ConnectionStats, DropReason } from "./stats.ts";

/** Flags that no sealed packet sets. */
const UNSEALED_FLAGS = RESERVED_PACKET_FLAGS | PacketFlags.HANDSHAKE;

/** Opens the packets of one connection; it remembers the last one. */
export class PacketOpener {
  readonly #protection: PacketProtection;
  readonly #scratch: Uint8Array;
  readonly #replayWindow = new ReplayWindow(REPLAY_WINDOW_PACKETS);
  #packetsReceived = 0;
  #bytesReceived = 0;
  #packetNumber = -1;
  #connectionIdKey = 0;
  #reservedByte = 0;
  #length = 0;
  #isNewest = false;

  /**
   * @param protection Opens the packets.
   * @param scratch Where plaintext goes; shared by the connections of an
   * endpoint; 64 KiB.
   */
  constructor(protection: PacketProtection, scratch: Uint8Array) {
    this.#protection = protection;
    this.#scratch = scratch;
  }

  /** Number of the packet that was opened last. */
  get packetNumber(): number {
    return this.#packetNumber;
  }

  /** Connection id of the packet that was opened last, as a key. */
  get connectionIdKey(): number {
    return this.#connectionIdKey;
  }

  /** Flags of the packet that was opened last, without the key phase. */
  get flags(): number {
    return this.#protection.flags;
  }

  /** Whether the packet that was opened last sets in its header what has to be 0. */
  get isReservedSet(): boolean {
    return (this.#protection.flags & UNSEALED_FLAGS) !== 0 ||
      this.#reservedByte !== 0;
  }

  /** Frames of the packet that was opened last; good until the next one of any connection. */
  get plaintext(): Uint8Array {
    return this.#scratch.subarray(0, this.#length);
  }

  /** Whether the packet that was opened last has the highest number so far. */
  get isNewest(): boolean {
    return this.#isNewest;
  }

  /** How many packets have arrived and authenticated. */
  get packetsReceived(): number {
    return this.#packetsReceived;
  }

  /** What has arrived and authenticated. */
  get stats(): Pick<ConnectionStats, "bytesReceived" | "packetsReceived"> {
    return {
      bytesReceived: this.#bytesReceived,
      packetsReceived: this.#packetsReceived,
    };
  }

  /**
   * Opens a packet.
   *
   * @param packet The whole packet; borrowed, not changed.
   * @returns Why it was dropped, or `undefined`.
   */
  open(packet: Uint8Array): DropReason | undefined {
    if (packet.length < PACKET_OVERHEAD_LENGTH) return "malformed";
    const protection = this.#protection;
    const packetNumber = protection.unmask(packet, 0);
    if (packetNumber < 0) return "undecryptable";
    if (!this.#replayWindow.check(packetNumber)) return "replayed";
    const length = protection.open(packet, this.#scratch);
    if (length < 0) return "undecryptable";
    this.#isNewest = packetNumber > this.#replayWindow.largest;
    this.#replayWindow.mark(packetNumber);
    this.#packetsReceived++;
    this.#bytesReceived += packet.length;
    this.#packetNumber = packetNumber;
    this.#connectionIdKey = connectionIdKey(packet);
    this.#reservedByte = packet[PACKET_RESERVED_OFFSET]!;
    this.#length = length;
    return undefined;
  }
}

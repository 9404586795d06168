/**
 * Whole packets for the ciphers that work on views.
 *
 * @module
 */
import { packetOpenedLength, requirePacketSeal } from "./packet_length.ts";
import {
  AEAD_NONCE_LENGTH,
  AEAD_TAG_LENGTH,
  type PacketAead,
} from "./provider.ts";

/** Seals and opens packets by way of `sealInto` and `openInto`. */
export abstract class AeadBase implements PacketAead {
  abstract sealInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    plaintext: Uint8Array,
    into: Uint8Array,
  ): number;

  abstract openInto(
    nonce: Uint8Array,
    associatedData: Uint8Array,
    ciphertextAndTag: Uint8Array,
    into: Uint8Array,
  ): number;

  abstract wipe(): void;

  sealPacket(
    buffer: Uint8Array,
    offset: number,
    headerLength: number,
    plaintextLength: number,
  ): void {
    requirePacketSeal(buffer, offset, headerLength, plaintextLength);
    const text = offset + headerLength;
    const end = text + plaintextLength;
    this.sealInto(
      buffer.subarray(text - AEAD_NONCE_LENGTH, text),
      buffer.subarray(offset, text),
      buffer.subarray(text, end),
      buffer.subarray(text, end + AEAD_TAG_LENGTH),
    );
  }

  openPacket(
    header: Uint8Array,
    buffer: Uint8Array,
    offset: number,
    sealedLength: number,
    into: Uint8Array,
  ): number {
    packetOpenedLength(header, buffer, offset, sealedLength, into);
    return this.openInto(
      header.subarray(header.length - AEAD_NONCE_LENGTH),
      header,
      buffer.subarray(offset, offset + sealedLength),
      into,
    );
  }
}

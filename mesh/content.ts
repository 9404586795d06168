/**
 * Values of calls, chunks and events: sealed, compressed, or as they are.
 *
 * A sealed body (message flag `ENCRYPTED`) holds, once opened, the content
 * type in one byte and then the value's own bytes; the content type outside is
 * that of bytes. Compression (flag `COMPRESSED`) covers the whole payload of
 * the message. Sealed bodies are not compressed: they have no redundancy.
 *
 * @module
 */
import { copyBytes } from "../internal/byte_pool.ts";
import { keepHiddenClass } from "../internal/hidden_class.ts";
import {
  type Compressor,
  compressPayload,
  type Content,
  ContentType,
  decodeValue,
  decompressPayload,
  encodeValue,
  maxOriginalLength,
  MessageFlags,
  ProtocolError,
  type Value,
} from "../protocol/mod.ts";
import { type KeyPair, openPayload, sealPayload } from "../crypto/mod.ts";
import { systemRandom } from "../transport/mod.ts";
import { MIN_COMPRESSED_BYTES } from "./config.ts";
import { checkJsonSize } from "./json_size.ts";
import { createZstdCompressor } from "./zstd_compressor.ts";

/**
 * A value that only its recipients can read. It can be given wherever a value
 * can, so that an agent passes on what it cannot read.
 */
export class SealedValue {
  /** The sealed bytes, as they travel. */
  readonly bytes: Uint8Array;

  /**
   * Wraps sealed bytes.
   *
   * @param bytes As they travel; borrowed.
   */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Its name: nothing that is sealed is taken for an object to be sent. */
  get [Symbol.toStringTag](): string {
    return "SealedValue";
  }
}

/**
 * What can be sent: bytes, text, what JSON can say, a sealed value, or nothing
 * (JSON `null`). An object says what `JSON.stringify` makes of it, so one of an
 * interface will do. That is nothing for functions, promises, maps, streams, errors,
 * instances that keep all they hold private, and buffers other than `Uint8Array`: they
 * are refused where they are the value.
 */
export type Sendable =
  | Value
  | SealedValue
  | undefined
  | void
  | object & {
    readonly [Symbol.hasInstance]?: never;
    readonly [Symbol.toStringTag]?: never;
    readonly [Symbol.asyncIterator]?: never;
  };

/** A body on its way out. */
export interface OutgoingContent extends Content {
  /** Flags for the message that carries it. */
  readonly flags: number;
}

/** A body that came in. A class for the reason that `CallContext` is one. */
export class ReceivedContent implements Content {
  /** What the body holds. */
  readonly contentType: number;
  /** The bytes. */
  readonly body: Uint8Array;
  /** The value; a {@linkcode SealedValue} when it is sealed for others. */
  readonly value: Value | SealedValue;
  /** The sealed form, when it came sealed, opened or not. */
  readonly sealed: SealedValue | undefined;
  /** Static public key of whoever sealed it, proven, when it could be opened. */
  readonly sealedBy: Uint8Array | undefined;

  /**
   * Puts together what came.
   *
   * @param content The body, opened if that was possible.
   * @param value Its value.
   * @param sealed The sealed form.
   * @param sealedBy Who sealed it.
   */
  constructor(
    content: Content,
    value: Value | SealedValue,
    sealed?: SealedValue,
    sealedBy?: Uint8Array,
  ) {
    this.contentType = content.contentType;
    this.body = content.body;
    this.value = value;
    this.sealed = sealed;
    this.sealedBy = sealedBy;
  }
}

keepHiddenClass(
  new ReceivedContent({ contentType: 0, body: new Uint8Array() }, null),
);

/**
 * Seals a value end to end.
 *
 * @param value What to seal.
 * @param options Who may open it (static public keys, 1 to 64), and who seals.
 * @returns The sealed value.
 * @throws {ProtocolError} As {@linkcode packContent}.
 * @throws {CryptoError} `INVALID_LENGTH` for a number of recipients that is not
 * from 1 to 64, `INVALID_KEY` or `WEAK_PUBLIC_KEY` for one that is no public key.
 */
export function sealValue(
  value: Exclude<Sendable, SealedValue>,
  options: { recipients: readonly Uint8Array[]; sender: KeyPair },
): SealedValue {
  const { contentType, body } = encodeBounded(value);
  const plaintext = new Uint8Array(1 + body.length);
  plaintext[0] = contentType;
  plaintext.set(body, 1);
  return new SealedValue(
    sealPayload({
      recipients: options.recipients,
      sender: options.sender,
      random: systemRandom,
    }, plaintext),
  );
}

/**
 * Turns a value into a body.
 *
 * @param value What to send.
 * @returns Its bytes, their kind, and the flags that go with them.
 * @throws {ProtocolError} `INVALID_VALUE` for what cannot be encoded,
 * `PAYLOAD_TOO_LARGE` for JSON above `MAX_JSON_UNITS`, which nobody would take.
 */
export function packContent(value: Sendable): OutgoingContent {
  if (value instanceof SealedValue) {
    return {
      flags: MessageFlags.ENCRYPTED,
      contentType: ContentType.BYTES,
      body: value.bytes,
    };
  }
  const { contentType, body } = encodeBounded(value);
  return { flags: 0, contentType, body };
}

/** Before anything of it is sent. */
function encodeBounded(value: Exclude<Sendable, SealedValue>): Content {
  const content = encodeValue(value);
  if (content.contentType === ContentType.JSON) {
    checkJsonSize(content.body, "caller");
  }
  return content;
}

/**
 * Makes a body last that is sent later than it was given.
 *
 * @param content The body; that of bytes is the array of whoever gave it, and is
 * copied.
 * @returns A body that nobody else changes.
 */
export function keepContent(content: OutgoingContent): OutgoingContent {
  const { flags, contentType, body } = content;
  return contentType === ContentType.BYTES
    ? { flags, contentType, body: copyBytes(body) }
    : content;
}

/**
 * Turns a body back into a value; one that is sealed for `keyPair` is opened.
 *
 * @param flags Flags of the message.
 * @param content Its body; borrowed, and a bytes value is a view of it.
 * @param keyPair Who receives.
 * @returns The value and how it came.
 * @throws {ProtocolError} `PAYLOAD_INVALID` for text or JSON that is none and for a
 * sealed body that is not said to be bytes, `PAYLOAD_TOO_LARGE` for JSON above
 * `MAX_JSON_UNITS`.
 */
export function unpackContent(
  flags: number,
  content: Content,
  keyPair: KeyPair,
): ReceivedContent {
  const { contentType, body } = content;
  if ((flags & MessageFlags.ENCRYPTED) === 0) {
    return new ReceivedContent(content, decodeBounded(contentType, body));
  }
  if (contentType !== ContentType.BYTES) {
    throw new ProtocolError(
      "PAYLOAD_INVALID",
      `Sealed content: type ${contentType} stands beside it`,
      { fault: "peer" },
    );
  }
  const sealed = new SealedValue(body);
  const opened = openPayload({ recipient: keyPair }, body);
  if (opened === undefined) {
    return new ReceivedContent(content, sealed, sealed);
  }
  const innerType = opened.plaintext[0];
  if (innerType === undefined) {
    throw new ProtocolError(
      "PAYLOAD_INVALID",
      "Sealed content: it holds no content type",
      { fault: "peer" },
    );
  }
  const inner = {
    contentType: innerType,
    body: opened.plaintext.subarray(1),
  };
  const value = decodeBounded(inner.contentType, inner.body);
  return new ReceivedContent(inner, value, sealed, opened.sender);
}

/**
 * As {@linkcode unpackContent}, for those who want the value and nothing else.
 *
 * @param flags Flags of the message.
 * @param content Its body; borrowed, and a bytes value is a view of it.
 * @param keyPair Who receives.
 * @returns The value; a {@linkcode SealedValue} when it is sealed for others.
 * @throws {ProtocolError} As {@linkcode unpackContent}.
 */
export function unpackValue(
  flags: number,
  content: Content,
  keyPair: KeyPair,
): Value | SealedValue {
  return (flags & MessageFlags.ENCRYPTED) === 0
    ? decodeBounded(content.contentType, content.body)
    : unpackContent(flags, content, keyPair).value;
}

function decodeBounded(contentType: number, body: Uint8Array): Value {
  if (contentType === ContentType.JSON) checkJsonSize(body, "peer");
  return decodeValue(contentType, body);
}

/** Whether to compress: always, where it saves bytes, or never. */
export type Compression = boolean | "auto";

let compressor: Compressor | undefined;
let hasLooked = false;

function findCompressor(): Compressor | undefined {
  if (!hasLooked) {
    hasLooked = true;
    compressor = createZstdCompressor();
  }
  return compressor;
}

/**
 * Compresses the payload of a message where that was asked for, helps, and does not
 * help more than a receiver takes.
 *
 * @param flags Flags so far.
 * @param payload The payload; borrowed.
 * @param compression `true` for any size, `"auto"` from 1 KiB on.
 * @returns Flags and payload to send.
 */
export function compressMessage(
  flags: number,
  payload: Uint8Array,
  compression: Compression | undefined,
): { flags: number; payload: Uint8Array } {
  const isWanted = compression === true ||
    compression === "auto" && payload.length >= MIN_COMPRESSED_BYTES;
  if (!isWanted || (flags & MessageFlags.ENCRYPTED) !== 0) {
    return { flags, payload };
  }
  const codec = findCompressor();
  if (codec === undefined) return { flags, payload };
  const compressed = compressPayload(codec, payload);
  const isTaken = compressed.length < payload.length &&
    payload.length <= maxOriginalLength(compressed.length);
  return isTaken
    ? { flags: flags | MessageFlags.COMPRESSED, payload: compressed }
    : { flags, payload };
}

/**
 * The payload of a received message, decompressed if it has to be.
 *
 * @param message Flags and payload; borrowed.
 * @returns The payload, at most 16 MiB and as `maxOriginalLength` says.
 * @throws {ProtocolError} `COMPRESSION_UNAVAILABLE`, `DECOMPRESSION_FAILED` or
 * `PAYLOAD_TOO_LARGE`.
 */
export function readPayload(
  message: { readonly flags: number; readonly payload: Uint8Array },
): Uint8Array {
  return (message.flags & MessageFlags.COMPRESSED) === 0
    ? message.payload
    : decompressPayload(findCompressor(), message.payload);
}

/**
 * Whose turn it is to decode what takes long, over all connections of the process.
 *
 * A few bytes of a peer can ask for much work: to decompress them, to open a seal,
 * to parse JSON. Each piece of it is bounded; so that many that come at once do not
 * add up, they wait for turns of the event loop. What is small, as nearly all is,
 * is decoded without being asked about here.
 *
 * @module
 */
import {
  type Content,
  ContentType,
  decodeStreamChunk,
  type Message,
  MessageFlags,
  MessageType,
  readOriginalLength,
} from "../protocol/mod.ts";
import { scheduleFairTurn } from "../transport/mod.ts";
import { readPayload } from "./content.ts";
import { SendingTurns } from "./sending_turns.ts";

/** Size from which on decoding may take a turn of its own, in bytes: a millisecond of the worst JSON. */
const MIN_COSTLY_BYTES = 16 * 1024;

/** Bytes of JSON that are parsed in a turn of the event loop: half a millisecond of ordinary ones. */
const JSON_BYTES_PER_TURN = 64 * 1024;

/** What parsing a byte takes beside decompressing one, or decoding one of text. */
const JSON_COST = 16;

/** What opening a seal takes beside that, with its key agreement: as much as 16 KiB of JSON. */
const SEAL_COST: number = JSON_COST * 16 * 1024;

const TURNS = new SendingTurns(
  scheduleFairTurn,
  JSON_COST * JSON_BYTES_PER_TURN,
);

/** What is looked at of a message. */
interface Payload {
  readonly flags: number;
  readonly payload: Uint8Array;
}

/**
 * Whether a message may take so long to decode that it has to be asked when.
 *
 * @param message The message.
 */
export function isCostly({ flags, payload }: Payload): boolean {
  return payload.length >= MIN_COSTLY_BYTES ||
    (flags & (MessageFlags.COMPRESSED | MessageFlags.ENCRYPTED)) !== 0;
}

/**
 * Asks before a message is decompressed.
 *
 * @param message The message.
 * @returns Nothing when it may be done at once, else resolves when it may.
 * @throws {ProtocolError} As `readOriginalLength`.
 */
export function turnToRead(message: Payload): Promise<void> | undefined {
  const length = originalLength(message);
  // A frame may be longer than what it holds.
  return length === 0
    ? undefined
    : TURNS.take(Math.max(length, message.payload.length));
}

/**
 * Asks before a value is decoded.
 *
 * @param flags Flags of its message.
 * @param content The value.
 * @returns As {@linkcode turnToRead}.
 */
export function turnToDecode(
  flags: number,
  { contentType, body }: Content,
): Promise<void> | undefined {
  if ((flags & MessageFlags.ENCRYPTED) !== 0) {
    // What is inside is not known yet.
    return TURNS.take(SEAL_COST + JSON_COST * body.length);
  }
  switch (contentType) {
    case ContentType.JSON:
      return TURNS.take(JSON_COST * body.length);
    case ContentType.TEXT:
      return TURNS.take(body.length);
    default:
      return undefined;
  }
}

/**
 * What decompressing a message would give.
 *
 * @param message The message.
 * @returns A size in bytes; 0 for one that is not compressed.
 * @throws {ProtocolError} As `readOriginalLength`.
 */
export function originalLength({ flags, payload }: Payload): number {
  return (flags & MessageFlags.COMPRESSED) === 0
    ? 0
    : readOriginalLength(payload);
}

/**
 * Waits for all the turns that a message of a stream takes.
 *
 * @param message The message.
 * @returns Resolves to the message, not compressed any more, when it may be decoded.
 * @throws {ProtocolError} As `readPayload` and `decodeStreamChunk`.
 */
export async function takeChunkTurns(message: Message): Promise<Message> {
  await turnToRead(message);
  const payload = readPayload(message);
  const flags = message.flags & ~MessageFlags.COMPRESSED;
  if (message.type === MessageType.STREAM_CHUNK) {
    await turnToDecode(flags, decodeStreamChunk(payload));
  }
  return { ...message, flags, payload };
}

/**
 * The call envelope: what a request hands on to the requests below it.
 *
 * It travels as extensions of the call data.
 *
 * ```text
 * type  value
 *    1  deadline         u32, milliseconds that remain
 *    2  idle timeout     u32, milliseconds
 *    3  parent span      u64, the message id of the request above
 *    4  idempotency key  UTF-8
 *    5  budget           calls u32, tokens u64, cost u64; all ones: unlimited
 *    6  capability       UTF-8
 *    7  caller name      UTF-8
 *    8  caller id        16 bytes
 *    9  metadata         keyLength u16, key, value; one for each pair
 *   10  idempotent       empty
 *   11  trace context    high half of the trace id u64, trace flags u8
 * ```
 *
 * Spec: docs/spec/messages.md, "Envelope".
 *
 * @module
 */
import { keepHiddenClass } from "../internal/hidden_class.ts";
import { AGENT_ID_LENGTH } from "./constants.ts";
import {
  checkExtensionCount,
  decodeExtensions,
  type Extension,
  type ExtensionVisitor,
  readEachExtension,
  writeExtensions,
} from "./extension.ts";
import {
  MAX_UTF8_BYTES,
  maxMetadataLength,
  MetadataCollector,
  writeMetadata,
} from "./metadata.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** Extension types of the envelope. */
export const EnvelopeExtension = {
  /** Remaining time, u32 milliseconds. */
  DEADLINE: 1,
  /** Longest time without progress, u32 milliseconds. */
  IDLE_TIMEOUT: 2,
  /** Span of the request above, u64. */
  PARENT_SPAN: 3,
  /** Idempotency key, UTF-8. */
  IDEMPOTENCY_KEY: 4,
  /** What may still be spent. */
  BUDGET: 5,
  /** The capability that was asked for, UTF-8. */
  CAPABILITY: 6,
  /** Name of the caller, UTF-8. */
  CALLER_NAME: 7,
  /** Agent id of the caller, 16 bytes. */
  CALLER_ID: 8,
  /** One pair of metadata; repeated. */
  METADATA: 9,
  /** Present when the request may run twice. */
  IDEMPOTENT: 10,
  /** What the ids of the messages do not say of the trace. */
  TRACE_CONTEXT: 11,
} as const;

/** What a request and all requests below it may still spend. Absent: unlimited. */
export interface Budget {
  /** Requests, 0 to 4,294,967,294. */
  readonly calls?: number;
  /** LLM tokens, 0 to 2^53 - 1. */
  readonly tokens?: number;
  /** Money, in millionths of a unit that the mesh agrees on, 0 to 2^53 - 1. */
  readonly costMicros?: number;
}

/** What W3C Trace Context says of a trace beside the ids of the messages. */
export interface TraceContext {
  /** High half of the 128-bit trace id, a u64; the low half is the message's. */
  readonly traceIdHigh: bigint;
  /** Trace flags, a u8; bit 0: whoever began the trace has it recorded. */
  readonly flags: number;
}

/** What a request hands on. Every field may be absent. */
export interface Envelope {
  /** Time that remains for the whole request, in whole milliseconds, a u32. */
  readonly deadlineMs?: number;
  /** Longest time without progress, in whole milliseconds, a u32. */
  readonly idleTimeoutMs?: number;
  /** Message id of the request above, a u64. */
  readonly parentSpanId?: bigint;
  /** A repeated request with the same key gets the stored answer. */
  readonly idempotencyKey?: string;
  /** What may still be spent. */
  readonly budget?: Budget;
  /** The capability by which the callee was found. */
  readonly capability?: string;
  /** Name of the caller: a claim, proven only by the connection's key. */
  readonly caller?: string;
  /** Agent id of the caller, 16 bytes: a claim like the name. */
  readonly callerId?: Uint8Array;
  /** Free pairs. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** True when the request may safely run twice; false is the same as absent. */
  readonly isIdempotent?: boolean;
  /** More of the trace. Absent: a high half of 0, to be recorded. */
  readonly traceContext?: TraceContext;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Calls without a limit on the wire. */
const UNLIMITED_U32 = 0xffff_ffff;

/** Size of a budget, in bytes. */
const BUDGET_LENGTH = 20;

/** Size of a trace context, in bytes. */
const TRACE_CONTEXT_LENGTH = 9;

/** All extensions but metadata, without their texts, in bytes. */
const MAX_FIXED_LENGTH = 10 * 4 + 4 + 4 + 8 + BUDGET_LENGTH +
  AGENT_ID_LENGTH + TRACE_CONTEXT_LENGTH;

/**
 * Encodes an envelope as extensions, in ascending order of type.
 *
 * @param envelope What to encode.
 * @returns Extensions for the call data; absent fields take no space.
 * @throws {ProtocolError} `INVALID_VALUE` for a number out of range, an id of
 * another size than 16 bytes, text that is not well formed, or more than 1,024
 * extensions.
 */
export function encodeEnvelope(envelope: Envelope): Extension[] {
  const writer = new PayloadWriter("Envelope", 64);
  writeEnvelope(writer, envelope);
  return decodeExtensions(writer.finish());
}

/** Who calls, where the envelope says it. */
const NO_CALLER: readonly Extension[] = Object.freeze([]);

/**
 * Writes the extensions of {@linkcode encodeEnvelope} one after the other.
 *
 * @param writer Where.
 * @param envelope What to write.
 * @param caller Name and id of the caller, encoded already, for an envelope
 * without them.
 * @returns How many extensions were written.
 * @throws {ProtocolError} As `encodeEnvelope`.
 */
export function writeEnvelope(
  writer: PayloadWriter,
  envelope: Envelope,
  caller: readonly Extension[] = NO_CALLER,
): number {
  const types = EnvelopeExtension;
  const { deadlineMs, idleTimeoutMs, parentSpanId, idempotencyKey } = envelope;
  const { budget, capability, callerId, metadata } = envelope;
  let count = caller.length;
  if (deadlineMs !== undefined) {
    writeHead(writer, types.DEADLINE, 4);
    writer.u32(deadlineMs, "deadlineMs");
    count++;
  }
  if (idleTimeoutMs !== undefined) {
    writeHead(writer, types.IDLE_TIMEOUT, 4);
    writer.u32(idleTimeoutMs, "idleTimeoutMs");
    count++;
  }
  if (parentSpanId !== undefined) {
    writeHead(writer, types.PARENT_SPAN, 8);
    writer.u64(parentSpanId, "parentSpanId");
    count++;
  }
  if (idempotencyKey !== undefined) {
    writeText(writer, types.IDEMPOTENCY_KEY, idempotencyKey, "idempotencyKey");
    count++;
  }
  if (budget !== undefined) {
    writeHead(writer, types.BUDGET, BUDGET_LENGTH);
    writeBudget(writer, budget);
    count++;
  }
  if (capability !== undefined) {
    writeText(writer, types.CAPABILITY, capability, "capability");
    count++;
  }
  // Here, so that the types ascend.
  writeExtensions(writer, caller);
  if (envelope.caller !== undefined) {
    writeText(writer, types.CALLER_NAME, envelope.caller, "caller");
    count++;
  }
  if (callerId !== undefined) {
    writeHead(writer, types.CALLER_ID, AGENT_ID_LENGTH);
    writer.fixed(callerId, AGENT_ID_LENGTH, "callerId");
    count++;
  }
  if (metadata !== undefined) {
    count += writeMetadata(writer, types.METADATA, metadata);
  }
  if (envelope.isIdempotent === true) {
    writeHead(writer, types.IDEMPOTENT, 0);
    count++;
  }
  const { traceContext } = envelope;
  if (traceContext !== undefined) {
    writeHead(writer, types.TRACE_CONTEXT, TRACE_CONTEXT_LENGTH);
    writer.u64(traceContext.traceIdHigh, "traceContext.traceIdHigh");
    writer.u8(traceContext.flags, "traceContext.flags");
    count++;
  }
  checkExtensionCount(writer, count);
  return count;
}

/**
 * Most bytes that {@linkcode writeEnvelope} writes.
 *
 * @param envelope What would be written.
 * @returns A size in bytes, at least that of the extensions.
 * @throws {ProtocolError} `INVALID_VALUE` for metadata of more bytes than a message
 * can hold.
 */
export function maxEnvelopeLength(envelope: Envelope): number {
  let length = MAX_FIXED_LENGTH + maxTextLength(envelope.idempotencyKey) +
    maxTextLength(envelope.capability) + maxTextLength(envelope.caller);
  const { metadata } = envelope;
  if (metadata !== undefined) length += maxMetadataLength(metadata);
  return length;
}

function writeHead(writer: PayloadWriter, type: number, length: number): void {
  writer.u16(type, "extension type");
  writer.u16(length, "extension length");
}

function writeText(
  writer: PayloadWriter,
  type: number,
  text: string,
  field: string,
): void {
  writer.u16(type, "extension type");
  writer.text(text, field);
}

function maxTextLength(text: string | undefined): number {
  return text === undefined ? 0 : MAX_UTF8_BYTES * text.length;
}

/**
 * Decodes an envelope.
 *
 * @param extensions The extensions of the call data; unknown types are skipped.
 * @returns The envelope. `callerId` is a view.
 * @throws {ProtocolError} `PAYLOAD_TRUNCATED` or `PAYLOAD_INVALID` for a value
 * of the wrong size, text that is not UTF-8, a number above 2^53 - 1, or a type
 * other than metadata that comes twice.
 */
export function decodeEnvelope(extensions: readonly Extension[]): Envelope {
  const collector = new EnvelopeCollector();
  for (const { type, value } of extensions) {
    collector.add(type, new PayloadReader("Envelope", value));
  }
  return collector.finish();
}

/**
 * Reads an extension block as {@linkcode decodeEnvelope} would, without making
 * its extensions.
 *
 * @param reader Where from.
 * @returns The envelope. `callerId` is a view.
 * @throws {ProtocolError} As `decodeEnvelope`, and `PAYLOAD_INVALID` above 1,024
 * extensions.
 */
export function readEnvelopeBlock(reader: PayloadReader): Envelope {
  const collector = new EnvelopeCollector();
  readEachExtension(reader, "Envelope", collector);
  return collector.finish();
}

/** Gathers the fields of an envelope, which come in any order. */
class EnvelopeCollector implements ExtensionVisitor {
  readonly #envelope: Writable<Envelope> = {};
  /** Made for the first pair: most requests have none. */
  #metadata: MetadataCollector | undefined;
  /** A bit for each type that has come. */
  #seen = 0;

  add(type: number, reader: PayloadReader): void {
    if (type < 1 || type > EnvelopeExtension.TRACE_CONTEXT) return;
    if (type === EnvelopeExtension.METADATA) {
      (this.#metadata ??= new MetadataCollector()).add(reader);
    } else {
      if ((this.#seen & 1 << type) !== 0) {
        throw reader.invalid(`extension ${type} comes twice`);
      }
      this.#seen |= 1 << type;
      readField(this.#envelope, type, reader);
    }
    reader.end();
  }

  finish(): Envelope {
    if (this.#metadata !== undefined) {
      this.#envelope.metadata = this.#metadata.finish();
    }
    return this.#envelope;
  }
}

keepHiddenClass(new EnvelopeCollector());

function readField(
  envelope: Writable<Envelope>,
  type: number,
  reader: PayloadReader,
): void {
  switch (type) {
    case EnvelopeExtension.DEADLINE:
      envelope.deadlineMs = reader.u32();
      break;
    case EnvelopeExtension.IDLE_TIMEOUT:
      envelope.idleTimeoutMs = reader.u32();
      break;
    case EnvelopeExtension.PARENT_SPAN:
      envelope.parentSpanId = reader.u64();
      break;
    case EnvelopeExtension.IDEMPOTENCY_KEY:
      envelope.idempotencyKey = reader.textToEnd();
      break;
    case EnvelopeExtension.BUDGET:
      envelope.budget = readBudget(reader);
      break;
    case EnvelopeExtension.CAPABILITY:
      envelope.capability = reader.nameToEnd();
      break;
    case EnvelopeExtension.CALLER_NAME:
      envelope.caller = reader.nameToEnd();
      break;
    case EnvelopeExtension.CALLER_ID:
      envelope.callerId = reader.bytes(AGENT_ID_LENGTH);
      break;
    case EnvelopeExtension.IDEMPOTENT:
      envelope.isIdempotent = true;
      break;
    case EnvelopeExtension.TRACE_CONTEXT:
      envelope.traceContext = { traceIdHigh: reader.u64(), flags: reader.u8() };
      break;
  }
}

function writeBudget(writer: PayloadWriter, budget: Budget): void {
  if (budget.calls === UNLIMITED_U32) {
    throw writer.invalid("budget.calls means unlimited: leave it out");
  }
  writer.u32(budget.calls ?? UNLIMITED_U32, "budget.calls");
  writeAmount(writer, budget.tokens, "budget.tokens");
  writeAmount(writer, budget.costMicros, "budget.costMicros");
}

function writeAmount(
  writer: PayloadWriter,
  amount: number | undefined,
  field: string,
): void {
  if (amount !== undefined) {
    writer.u53(amount, field);
  } else {
    writer.u32(UNLIMITED_U32, field);
    writer.u32(UNLIMITED_U32, field);
  }
}

function readBudget(reader: PayloadReader): Budget {
  const calls = reader.u32();
  const tokens = readAmount(reader);
  const costMicros = readAmount(reader);
  return {
    ...(calls === UNLIMITED_U32 ? {} : { calls }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(costMicros === undefined ? {} : { costMicros }),
  };
}

function readAmount(reader: PayloadReader): number | undefined {
  const low = reader.u32();
  const high = reader.u32();
  if (low === UNLIMITED_U32 && high === UNLIMITED_U32) return undefined;
  if (high > 0x1f_ffff) throw reader.invalid("budget is above 2^53 - 1");
  return high * 0x1_0000_0000 + low;
}

// Of the fields that a call between agents carries by itself, each selection is
// a hidden class.
for (let selection = 0; selection < 32; selection++) {
  const envelope: Writable<Envelope> = {};
  if ((selection & 1) !== 0) envelope.deadlineMs = 0;
  if ((selection & 2) !== 0) envelope.idleTimeoutMs = 0;
  if ((selection & 4) !== 0) envelope.parentSpanId = 0n;
  if ((selection & 8) !== 0) envelope.capability = "";
  if ((selection & 16) !== 0) envelope.caller = "";
  envelope.callerId = new Uint8Array();
  keepHiddenClass(envelope);
}

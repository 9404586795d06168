/**
 * Content: how the value of a call, an event or a chunk becomes bytes.
 *
 * Spec: docs/spec/messages.md, "Content".
 *
 * @module
 */
import { ProtocolError } from "./error.ts";
import { decodeText, encodeText } from "./text.ts";

/** What a body holds: the content type byte. */
export const ContentType = {
  /** Bytes without a meaning of their own. */
  BYTES: 0,
  /** UTF-8 text. */
  TEXT: 1,
  /** One JSON value in UTF-8 (RFC 8259). */
  JSON: 2,
} as const;

/** A content type that this version defines. */
export type ContentType = typeof ContentType[keyof typeof ContentType];

/** What JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

/** What a body decodes to. */
export type Value = Uint8Array | JsonValue;

/** A value as bytes, and what kind of bytes they are. */
export interface Content {
  /** See {@linkcode ContentType}; other numbers may come from later versions. */
  readonly contentType: number;
  /** The bytes. */
  readonly body: Uint8Array;
}

/**
 * Turns a value into bytes: a `Uint8Array` stays as it is, a string becomes
 * text, everything else what `JSON.stringify` makes of it. `undefined` becomes
 * `null`; as a member of an object it is left out, like functions and symbols.
 *
 * @param value What to encode.
 * @returns Content type and body. The body of a `Uint8Array` is the same array.
 * @throws {ProtocolError} `INVALID_VALUE` for a function or a symbol, for what
 * holds a big integer or itself, for buffers other than `Uint8Array`, for a
 * promise, a stream, an error, a `Map`, a regular expression or another instance of
 * a class of which nothing would be left, and for text with half a surrogate pair.
 *
 * @example Usage
 * ```ts
 * import { decodeValue, encodeValue } from "@mxp/core/protocol";
 * import assert from "node:assert/strict";
 *
 * const { contentType, body } = encodeValue({ city: "Oslo" });
 * assert.deepEqual(decodeValue(contentType, body), { city: "Oslo" });
 * ```
 */
export function encodeValue(value: unknown): Content {
  if (value instanceof Uint8Array) {
    return { contentType: ContentType.BYTES, body: value };
  }
  if (typeof value === "string") {
    return { contentType: ContentType.TEXT, body: encodeBody(value) };
  }
  return { contentType: ContentType.JSON, body: encodeBody(toJson(value)) };
}

/**
 * Turns bytes back into a value.
 *
 * @param contentType What the bytes are.
 * @param body The bytes; borrowed.
 * @returns A string for text, whatever the JSON says for JSON, and `body`
 * itself for bytes: copy it to keep it past the buffer's next use.
 * @throws {ProtocolError} `PAYLOAD_INVALID` for an unknown content type and for
 * bytes that are not UTF-8 or not JSON.
 */
export function decodeValue(contentType: number, body: Uint8Array): Value {
  switch (contentType) {
    case ContentType.BYTES:
      return body;
    case ContentType.TEXT:
      return decodeBody(body);
    case ContentType.JSON:
      try {
        return JSON.parse(decodeBody(body)) as JsonValue;
      } catch (cause) {
        if (cause instanceof ProtocolError) throw cause;
        throw invalidContent("body is not JSON", cause);
      }
    default:
      throw invalidContent(`type ${contentType} is not defined`);
  }
}

/** What an object may say of what it is. */
interface TypedObject {
  readonly toJSON?: unknown;
  readonly then?: unknown;
  readonly [Symbol.toStringTag]?: unknown;
  readonly [Symbol.asyncIterator]?: unknown;
}

function toJson(value: unknown): string {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    // JSON would turn it into an object of indexes, or an empty one.
    throw new ProtocolError(
      "INVALID_VALUE",
      "Content: bytes are passed as a Uint8Array",
    );
  }
  let json: string | undefined;
  let kind: string | undefined;
  try {
    json = JSON.stringify(value === undefined ? null : value);
    if (json === "{}") kind = emptiedKind(value as object);
  } catch (cause) {
    throw new ProtocolError(
      "INVALID_VALUE",
      "Content: value cannot be written as JSON",
      { cause },
    );
  }
  if (json === undefined || kind !== undefined) {
    throw new ProtocolError(
      "INVALID_VALUE",
      `Content: ${kind ?? `a ${typeof value}`} cannot be written as JSON`,
    );
  }
  return json;
}

/**
 * What JSON makes `{}` of, though it holds something: a `Map`, an error, or a
 * promise that somebody has forgotten to await.
 *
 * @returns What to call it, if it is of that kind.
 */
function emptiedKind(object: TypedObject): string | undefined {
  // What has members has said itself that they are nothing.
  return typeof object.toJSON === "function" || Object.keys(object).length > 0
    ? undefined
    : kindOf(object);
}

function kindOf(object: TypedObject): string | undefined {
  if (typeof object.then === "function") return "a promise";
  if (typeof object[Symbol.asyncIterator] === "function") return "a stream";
  if (object instanceof Error) return "an error";
  const tag = object[Symbol.toStringTag];
  if (typeof tag === "string") return tag;
  // Of any realm: what every object inherits from inherits from nothing.
  const prototype = Object.getPrototypeOf(object);
  return prototype === null || Object.getPrototypeOf(prototype) === null
    ? undefined
    : `an instance of ${prototype.constructor.name}`;
}

function encodeBody(text: string): Uint8Array {
  const body = encodeText(text);
  if (body === undefined) {
    throw new ProtocolError(
      "INVALID_VALUE",
      "Content: text holds half a surrogate pair",
    );
  }
  return body;
}

function decodeBody(body: Uint8Array): string {
  const text = decodeText(body);
  if (text === undefined) throw invalidContent("text is not UTF-8");
  return text;
}

function invalidContent(detail: string, cause?: unknown): ProtocolError {
  return new ProtocolError(
    "PAYLOAD_INVALID",
    `Content: ${detail}`,
    { fault: "peer", cause },
  );
}

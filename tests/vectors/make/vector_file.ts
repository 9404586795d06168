/**
 * What all files of vectors have in common.
 *
 * @module
 */

/** A file of vectors. */
export interface VectorFile {
  /** Where the vectors come from and how the file is read. */
  readonly note: string;
  /** Page and section of docs/spec. */
  readonly spec: string;
  /** The vectors, by their kind. */
  readonly [kind: string]: unknown;
}

/**
 * Writes bytes as hexadecimal digits.
 *
 * @param bytes Any bytes.
 * @returns Two digits a byte, in lower case.
 */
export function toHex(bytes: Uint8Array): string {
  let digits = "";
  for (const byte of bytes) digits += byte.toString(16).padStart(2, "0");
  return digits;
}

/**
 * Reads hexadecimal digits; spaces only separate.
 *
 * @param digits An even number of digits.
 * @returns The bytes.
 */
export function fromHex(digits: string): Uint8Array {
  const packed = digits.replaceAll(" ", "");
  return Uint8Array.from(
    { length: packed.length / 2 },
    (_, index) => Number.parseInt(packed.slice(2 * index, 2 * index + 2), 16),
  );
}

/**
 * A value as JSON can hold it: bytes as hexadecimal digits, 64-bit numbers as
 * decimal text; members that are not there are left out.
 *
 * @param value Any value.
 * @returns The same as JSON.
 */
export function toJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => [name, toJson(member)]),
    );
  }
  return value;
}

/**
 * The bytes 0, 1, 2, …, 255, 0, ….
 *
 * @param length How many.
 * @param first The first one.
 */
export function counting(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => first + index);
}

/**
 * The text of a file.
 *
 * @param file Its content.
 * @returns JSON with a line break at the end.
 */
export function stringify(file: VectorFile): string {
  return `${JSON.stringify(toJson(file), null, 2)}\n`;
}

/**
 * The shape of a value as words: cheap, and coarse enough that only a new kind
 * of result gives a new word.
 *
 * @module
 */

/** Words of one value, so that a large one costs no more than others. */
const MAX_WORDS = 40;

/** How deep a value is looked into. */
const MAX_DEPTH = 4;

/** Elements of a list that are looked at, beside its length. */
const MAX_ELEMENTS = 3;

/** Names longer than this are a peer's: they are not part of a shape. */
const MAX_NAME_LENGTH = 20;

/**
 * Describes the shape of a value.
 *
 * @param value Any value.
 * @param path Where it stands, the start of each word.
 * @returns One word for each part: where it stands, its type and its order of
 * magnitude, apart by spaces.
 */
export function signatureOf(value: unknown, path = ""): string {
  const words: string[] = [];
  describe(value, path, 0, words);
  return words.join(" ");
}

/**
 * The order of magnitude of a number.
 *
 * @param value Any number.
 * @returns A few characters.
 */
export function magnitudeOf(value: number): string {
  if (value < 0) return `-${magnitudeOf(-value)}`;
  if (!Number.isInteger(value)) return value < Infinity ? "part" : "infinite";
  return value < 3 ? String(value) : `2^${Math.ceil(Math.log2(value))}`;
}

function describe(
  value: unknown,
  path: string,
  depth: number,
  words: string[],
): void {
  if (words.length >= MAX_WORDS) return;
  if (typeof value !== "object" || value === null) {
    words.push(`${path}:${kindOf(value)}`);
  } else if (value instanceof Uint8Array) {
    words.push(`${path}:bytes${magnitudeOf(value.length)}`);
  } else if (Array.isArray(value)) {
    words.push(`${path}:list${magnitudeOf(value.length)}`);
    if (depth >= MAX_DEPTH) return;
    for (const element of value.slice(0, MAX_ELEMENTS)) {
      describe(element, `${path}[]`, depth + 1, words);
    }
  } else if (depth < MAX_DEPTH) {
    for (const name of Object.keys(value).slice(0, MAX_WORDS)) {
      const isName = name.length <= MAX_NAME_LENGTH &&
        /^[a-z]\w*$/i.test(name) &&
        !path.endsWith(".metadata");
      const field = (value as Record<string, unknown>)[name];
      describe(field, `${path}.${isName ? name : "?"}`, depth + 1, words);
    }
  }
}

function kindOf(value: unknown): string {
  switch (typeof value) {
    case "number":
      return `number${magnitudeOf(value)}`;
    case "bigint":
      return `bigint${magnitudeOf(Number(value))}`;
    case "string":
      return `string${magnitudeOf(value.length)}`;
    default:
      return String(value);
  }
}

/**
 * Numbers and paragraphs for a person.
 *
 * @module
 */

/** Width of the text, in columns. */
const WIDTH = 78;

/**
 * Writes a size.
 *
 * @param bytes How many bytes.
 * @returns For example `14.2 kB`.
 */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/**
 * Writes a number of things.
 *
 * @param count How many.
 * @param noun What, in the singular.
 * @returns For example `1,204 words`.
 */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Writes a duration.
 *
 * @param ms Milliseconds.
 * @returns For example `12.3 ms` or `4.56 s`.
 */
export function formatDuration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * Breaks a paragraph into lines. Control characters become `?`.
 *
 * @param text The paragraph.
 * @param indent What lines begin with.
 * @param first What the first line begins with.
 * @returns Lines with a line break at the end of each.
 */
export function wrap(
  text: string,
  indent = "",
  first: string = indent,
): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.replace(/\p{Cc}/gu, "?").split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  lines.push(line);
  return lines.map((text) => `${text}\n`).join("");
}

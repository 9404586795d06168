/**
 * Tables for a terminal.
 *
 * @module
 */

const GAP = "  ";

/**
 * Aligns cells.
 *
 * @param lines Their cells, the same count in each.
 * @param headCount How many columns stand at the left of theirs; numbers stand
 * at the right.
 * @returns A line for each.
 */
export function alignColumns(
  lines: readonly (readonly string[])[],
  headCount: number,
): string[] {
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  return lines.map((line) =>
    line.map((cell, column) => {
      const width = widths[column]!;
      return column < headCount ? cell.padEnd(width) : cell.padStart(width);
    }).join(GAP).trimEnd()
  );
}

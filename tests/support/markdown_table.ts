/**
 * Reads the tables of a page, so that a test can compare them with the source.
 *
 * @module
 */
const ROOT = new URL("../../", import.meta.url);

/** One row: its cells by the heading of their column, without backticks. */
export type TableRow = Readonly<Record<string, string>>;

/**
 * Reads a page of the repository.
 *
 * @param path From the root of the repository.
 * @returns Its text.
 */
export function readPage(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/**
 * Finds the table of a page that has all these columns and no others before
 * them.
 *
 * @param page The text of the page.
 * @param columns The headings of the first columns.
 * @param section Heading of the section to look in, with its hashes; the whole
 * page when absent.
 * @returns The rows.
 * @throws {Error} When there is no such table.
 */
export function tableOf(
  page: string,
  columns: readonly string[],
  section?: string,
): TableRow[] {
  const lines = sectionOf(page, section).split("\n");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("|")) continue;
    const heads = cellsOf(line);
    if (columns.some((column, at) => heads[at] !== column)) continue;
    const rows: TableRow[] = [];
    for (const row of lines.slice(index + 2)) {
      if (!row.startsWith("|")) break;
      const cells = cellsOf(row);
      rows.push(Object.fromEntries(
        heads.map((head, at) => [head, cells[at] ?? ""]),
      ));
    }
    return rows;
  }
  throw new Error(
    `There is no table with the columns ${columns.join(", ")}${
      section === undefined ? "" : ` under ${section}`
    }`,
  );
}

/** The text of a section, up to the next heading of its level or above. */
function sectionOf(page: string, section: string | undefined): string {
  if (section === undefined) return page;
  const lines = page.split("\n");
  const start = lines.indexOf(section);
  if (start < 0) throw new Error(`There is no section ${section}`);
  const level = section.indexOf(" ");
  const length = lines.slice(start + 1).findIndex((line) =>
    /^#+ /.test(line) && line.indexOf(" ") <= level
  );
  return lines.slice(start, length < 0 ? undefined : start + 1 + length)
    .join("\n");
}

function cellsOf(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) =>
    cell.trim().replaceAll("`", "")
  );
}

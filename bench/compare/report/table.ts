/**
 * The table: a row for each figure, a column for each peer. Once for a
 * terminal, once as Markdown.
 *
 * @module
 */
import { describeRun } from "../../support/machine.ts";
import { formatNumber } from "../../support/number_format.ts";
import { alignColumns } from "../../support/text_table.ts";
import { formatSpread, formatTimesRaw, formatUnit } from "./format.ts";
import type { PeerEntry, Results, Row } from "./results.ts";

/** Figure, required and aim. */
const HEAD_COLUMNS = 3;

/** Peers that have at least one figure. */
function measuredPeers({ peers, rows }: Results): PeerEntry[] {
  return peers.filter(({ name }) => rows.some((row) => name in row.peers));
}

function titleOf({ title, unit }: Row): string {
  return `${title}, ${formatUnit(unit)}`;
}

/**
 * The table for a terminal: below each median its spread over the rounds and
 * how many times raw UDP of the same round it is.
 *
 * @param results A run.
 * @returns Lines, each ended.
 */
export function renderTable(results: Results): string {
  const peers = measuredPeers(results);
  const lines: string[][] = [
    ["", "required", "aim", ...peers.map(({ name }) => name)],
    ["", "", "", ...peers.map(({ protection }) => protection)],
  ];
  for (const row of results.rows) {
    const cells = peers.map(({ name }) => row.peers[name]);
    lines.push(
      [
        titleOf(row),
        row.required ?? "",
        row.aim ?? "",
        ...cells.map((cell) => cell ? formatNumber(cell.median) : "-"),
      ],
      [
        "",
        "",
        "",
        ...cells.map((cell) =>
          cell ? `${formatSpread(cell)} ${formatTimesRaw(cell)}`.trim() : ""
        ),
      ],
    );
  }
  const text = alignColumns(lines, HEAD_COLUMNS);
  return [...text, "", ...renderNotes(results)].join("\n") + "\n";
}

/**
 * The same as Markdown.
 *
 * @param results A run.
 * @returns A table and the notes.
 */
export function renderMarkdown(results: Results): string {
  const peers = measuredPeers(results);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = ["figure", "required", "aim", ...peers.map(({ name }) => name)];
  const lines = [
    line(head),
    line(head.map((_, column) => column < HEAD_COLUMNS ? "---" : "---:")),
  ];
  for (const row of results.rows) {
    lines.push(line([
      titleOf(row),
      row.required ?? "",
      row.aim ?? "",
      ...peers.map(({ name }) => {
        const cell = row.peers[name];
        if (cell === undefined) return "";
        const ratio = formatTimesRaw(cell);
        return `${formatNumber(cell.median)} ${formatSpread(cell)}`.trim() +
          (ratio === "" ? "" : ` (${ratio})`);
      }),
    ]));
  }
  const notes = renderNotes(results).map((note) => `- ${note}`);
  return [...lines, "", ...notes].join("\n") + "\n";
}

function renderNotes(results: Results): string[] {
  const { roundCount, peers } = results;
  const lines = [
    `Medians of ${roundCount} interleaved rounds, ± half of the range; ` +
    `x: times raw UDP in the same round. Two processes each, 127.0.0.1` +
    `${results.isPinned ? ", each on a processor of its own" : ""}.`,
    describeRun(results),
  ];
  for (const peer of peers) {
    const versions = Object.entries(peer.versions)
      .map(([name, version]) => `${name} ${version}`).join(", ");
    const facts = peer.missing === undefined
      ? versions
      : `not on this machine: ${peer.missing}`;
    lines.push(`${peer.name}: ${peer.title}${facts && `; ${facts}`}`);
    lines.push(...peer.failures.map((text) => `${peer.name} failed: ${text}`));
  }
  return lines;
}

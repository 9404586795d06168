/**
 * The answer of the demo, in words.
 *
 * @module
 */
import type { DocumentReport } from "./analysis/document.ts";
import { formatBytes, formatCount, wrap } from "./format.ts";

/**
 * Says what a file is.
 *
 * @param name Its name.
 * @param report What was found out.
 * @returns Lines with a line break at the end of each.
 */
export function describeReport(
  name: string,
  report: Omit<DocumentReport, "keySentences">,
): string {
  const { byteCount, isText, entropyBits, wordCount } = report;
  if (byteCount === 0) return `${name} is empty.\n`;
  if (!isText) {
    return wrap(
      `${name} is not text: ${formatBytes(byteCount)} with ` +
        `${entropyBits.toFixed(2)} bits of entropy per byte, of 8.`,
    );
  }
  if (wordCount === 0) {
    return wrap(`${name} holds ${formatBytes(byteCount)}, but no word.`);
  }
  const sentences = report.sentenceCount === 0
    ? ""
    : `${formatCount(report.sentenceCount, "sentence")} and `;
  return wrap(
    `${name} holds ${formatCount(wordCount, "word")} in ${sentences}` +
      `${formatCount(report.lineCount, "line")}: ` +
      `${readingTime(report.readingMinutes)} to read.`,
  ) + describeTerms(report);
}

/**
 * Quotes a key sentence.
 *
 * @param number Which one, from 1.
 * @param sentence The sentence.
 * @returns Lines with a line break at the end of each.
 */
export function describeSentence(number: number, sentence: string): string {
  const heading = number === 1 ? "\nIn its own words:\n" : "";
  return heading + wrap(`${number}. ${sentence}`, "     ", "  ");
}

function describeTerms(
  { terms, isExact }: Pick<DocumentReport, "terms" | "isExact">,
): string {
  if (terms.length === 0) return "";
  const words = terms.map(({ word, count }) =>
    `${word} (${count.toLocaleString("en")})`
  );
  const about = isExact ? "" : ", in about these numbers";
  return wrap(`It speaks most of ${words.join(", ")}${about}.`);
}

function readingTime(minutes: number): string {
  if (minutes < 1) return "less than a minute";
  const rounded = Math.round(minutes);
  if (rounded < 120) return formatCount(rounded, "minute");
  return `about ${formatCount(Math.round(minutes / 60), "hour")}`;
}

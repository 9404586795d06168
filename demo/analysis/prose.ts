/**
 * From a stream of text to its sentences, in bounded memory.
 *
 * Markdown is read as a person does: without code blocks, tables, headings
 * and the signs of formatting.
 *
 * @module
 */

/** Longest piece of a line that is looked at as one, in UTF-16 units. */
const MAX_LINE_LENGTH = 4_096;

/** Longest paragraph that is looked at as one, in UTF-16 units. */
const MAX_PARAGRAPH_LENGTH = 16_384;

/** A full stop and what may follow it, before the next sentence begins. */
const BOUNDARY =
  /(?<=[.!?…]["')\]”’]*)\s+(?=["'(“‘[]*[\p{Lu}\p{Lo}\p{N}])|(?<=[。！？])/u;

const FENCE = /^\s*(?:```|~~~)/;
const SKIPPED = /^\s*(?:#{1,6}\s|\||[-=*_]{3,}\s*$|\[[^\]]+\]:|<[!/a-z])/i;
const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+/;

/** What {@linkcode Prose} gives. */
export interface ProseSink {
  /** A sentence, its white space single. */
  onSentence(sentence: string): void;
  /** Every piece of the text, code included. */
  onText(text: string): void;
}

/** Finds the sentences of a text that comes in pieces. */
export class Prose {
  readonly #sink: ProseSink;
  readonly #isMarkdown: boolean;
  #line = "";
  #paragraph = "";
  #isCode = false;

  /**
   * @param sink Where everything goes.
   * @param isMarkdown Whether the text is Markdown.
   */
  constructor(sink: ProseSink, isMarkdown: boolean) {
    this.#sink = sink;
    this.#isMarkdown = isMarkdown;
  }

  /**
   * Takes the next piece.
   *
   * @param text A piece of any length.
   */
  add(text: string): void {
    this.#line += text;
    const lines = this.#line.split(/\r\n|\n|\r(?!$)/);
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#addLine(line);
    while (this.#line.length > MAX_LINE_LENGTH) {
      const space = this.#line.lastIndexOf(" ", MAX_LINE_LENGTH);
      const end = space > 0 ? space + 1 : MAX_LINE_LENGTH;
      this.#addLine(this.#line.slice(0, end));
      this.#line = this.#line.slice(end);
    }
  }

  /** Takes what is left as the end. */
  finish(): void {
    this.#addLine(this.#line);
    this.#line = "";
    this.#endParagraph();
  }

  #addLine(line: string): void {
    this.#sink.onText(line);
    if (line.trim() === "") return this.#endParagraph();
    if (this.#isMarkdown) {
      if (FENCE.test(line)) {
        this.#isCode = !this.#isCode;
        return this.#endParagraph();
      }
      if (this.#isCode) return;
      if (SKIPPED.test(line)) return this.#endParagraph();
      if (ITEM.test(line)) this.#endParagraph();
    }
    this.#paragraph += `${line} `;
    if (this.#paragraph.length > MAX_PARAGRAPH_LENGTH) this.#endParagraph();
  }

  #endParagraph(): void {
    const text = this.#isMarkdown
      ? withoutMarks(this.#paragraph)
      : this.#paragraph;
    this.#paragraph = "";
    for (const sentence of text.replace(/\s+/g, " ").split(BOUNDARY)) {
      const trimmed = sentence.trim();
      if (trimmed !== "") this.#sink.onSentence(trimmed);
    }
  }
}

function withoutMarks(text: string): string {
  return text
    .replace(/!\[[^\]]*\]\([^)]*\)/g, "")
    .replace(/\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/<\/?[a-z][^>]*>/gi, "")
    .replace(/^\s*(?:>\s*)+/, "")
    .replace(/^\s*(?:[-*+]|\d+[.)])\s+/, "")
    .replace(/[`*]|\b_|_\b/g, "");
}

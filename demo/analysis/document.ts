/**
 * What a file is about, found out while it streams by.
 *
 * Memory is bounded: whatever the size of the file, 50,000 words and 4,000
 * sentences are kept.
 *
 * @module
 */
import { ByteStatistics } from "./byte_statistics.ts";
import { KeySentences } from "./key_sentences.ts";
import { Prose } from "./prose.ts";
import { isTerm } from "./stop_words.ts";
import { type WordCount, WordTable } from "./word_table.ts";

/**
 * How fast adults read non-fiction in silence, in words per minute (Brysbaert,
 * "How many words do we read per minute?", 2019).
 */
const WORDS_PER_MINUTE = 238;

/** Share of characters that may be damaged in a text. */
const MAX_DAMAGED_SHARE = 0.05;

const TOP_TERM_COUNT = 6;
const KEY_SENTENCE_COUNT = 3;
const WORD = /\p{L}[\p{L}\p{M}\p{N}]*(?:['’]\p{L}+)*|\p{N}+/gu;

/** What is found out about a file. */
export interface DocumentReport {
  /** Its size. */
  readonly byteCount: number;
  /** Its lines. */
  readonly lineCount: number;
  /** Whether it is text in UTF-8. The rest is 0 and empty when it is not. */
  readonly isText: boolean;
  /** Shannon entropy, in bits per byte. */
  readonly entropyBits: number;
  /** Words and numbers. */
  readonly wordCount: number;
  /** Sentences of three words or more. */
  readonly sentenceCount: number;
  /** Time to read all of it, in minutes. */
  readonly readingMinutes: number;
  /** The words that it uses most, the ones between them left out. */
  readonly terms: readonly WordCount[];
  /** Whether the counts of `terms` are exact: not for very large texts. */
  readonly isExact: boolean;
  /** Sentences that say most of it, in the order of the text. */
  readonly keySentences: readonly string[];
}

/** Takes a file in pieces. */
export class DocumentAnalysis {
  readonly #bytes = new ByteStatistics();
  readonly #decoder = new TextDecoder();
  readonly #prose: Prose;
  readonly #terms = new WordTable();
  readonly #sentences = new KeySentences();
  #characterCount = 0;
  #damagedCount = 0;
  #wordCount = 0;
  #sentenceCount = 0;

  /** @param name Name of the file: Markdown is read as such. */
  constructor(name: string) {
    this.#prose = new Prose({
      onText: (text) => {
        this.#wordCount += text.match(WORD)?.length ?? 0;
      },
      onSentence: (sentence) => this.#addSentence(sentence),
    }, /\.(?:md|markdown|mdx)$/i.test(name));
  }

  /** How many bytes were taken. */
  get byteCount(): number {
    return this.#bytes.byteCount;
  }

  /**
   * Takes the next piece.
   *
   * @param bytes Borrowed.
   */
  add(bytes: Uint8Array): void {
    this.#bytes.add(bytes);
    if (this.#isText) {
      this.#addText(this.#decoder.decode(bytes, { stream: true }));
    }
  }

  /**
   * Ends the file.
   *
   * @returns What was found out.
   */
  finish(): DocumentReport {
    const { byteCount, lineCount, entropyBits } = this.#bytes;
    if (this.#isText) {
      this.#addText(this.#decoder.decode());
      this.#prose.finish();
    }
    const isText = this.#isText;
    return {
      byteCount,
      lineCount,
      isText,
      entropyBits,
      wordCount: isText ? this.#wordCount : 0,
      sentenceCount: isText ? this.#sentenceCount : 0,
      readingMinutes: isText ? this.#wordCount / WORDS_PER_MINUTE : 0,
      terms: isText ? this.#terms.top(TOP_TERM_COUNT) : [],
      isExact: this.#terms.isExact,
      keySentences: isText
        ? this.#sentences.choose(KEY_SENTENCE_COUNT, this.#terms)
        : [],
    };
  }

  get #isText(): boolean {
    return !this.#bytes.hasZeroByte &&
      this.#damagedCount <= MAX_DAMAGED_SHARE * this.#characterCount;
  }

  #addText(text: string): void {
    this.#characterCount += text.length;
    this.#damagedCount += text.match(/\uFFFD/g)?.length ?? 0;
    this.#prose.add(text);
  }

  #addSentence(sentence: string): void {
    const words = sentence.toLowerCase().match(WORD) ?? [];
    const terms = words.filter(isTerm);
    for (const term of terms) this.#terms.add(term);
    if (words.length >= 3) this.#sentenceCount++;
    this.#sentences.add(sentence, words.length, terms);
  }
}

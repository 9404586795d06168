/**
 * How often words come, in bounded memory.
 *
 * @module
 */

/** Words that are kept; at the bound the rarest are forgotten. */
const MAX_WORDS = 50_000;

/** A word and how often it came. */
export interface WordCount {
  /** The word, in lower case. */
  readonly word: string;
  /** How often it came. */
  readonly count: number;
}

/** Counts words. */
export class WordTable {
  readonly #counts = new Map<string, number>();
  readonly #maxWords: number;
  #total = 0;
  #floor = 0;

  /** @param maxWords Words that are kept. */
  constructor(maxWords: number = MAX_WORDS) {
    this.#maxWords = maxWords;
  }

  /** How many words were added. */
  get total(): number {
    return this.#total;
  }

  /** Whether every count is right: no word was forgotten on the way. */
  get isExact(): boolean {
    return this.#floor === 0;
  }

  /**
   * Counts a word.
   *
   * @param word In lower case.
   */
  add(word: string): void {
    this.#total++;
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
    while (this.#counts.size > this.#maxWords) this.#forgetRarest();
  }

  /**
   * How often a word came, as far as is known.
   *
   * @param word In lower case.
   */
  countOf(word: string): number {
    return this.#counts.get(word) ?? 0;
  }

  /**
   * The most frequent words.
   *
   * @param limit How many.
   * @returns The most frequent first, equals in the order of the alphabet.
   */
  top(limit: number): WordCount[] {
    return [...this.#counts]
      .map(([word, count]) => ({ word, count }))
      .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
      .slice(0, limit);
  }

  #forgetRarest(): void {
    this.#floor++;
    for (const [word, count] of this.#counts) {
      if (count <= this.#floor) this.#counts.delete(word);
    }
  }
}

/**
 * Which sentences of a text say most of what it is about.
 *
 * SumBasic: a sentence is as good as the average probability of its terms;
 * once one is taken, the terms that it covers count less, so that the next one
 * says something else (Nenkova and Vanderwende, "The impact of frequency on
 * summarization", 2005).
 *
 * @module
 */
import type { WordTable } from "./word_table.ts";

/** Sentences that are kept; at the bound every second one is dropped. */
const MAX_SENTENCES = 4_000;

/** Sentences of this many words can be key sentences. */
const MIN_WORDS = 9;
const MAX_WORDS = 45;

/** Longest key sentence, in UTF-16 units. */
const MAX_SENTENCE_LENGTH = 320;

interface Candidate {
  readonly sentence: string;
  readonly terms: readonly string[];
}

/** Collects sentences and chooses among them. */
export class KeySentences {
  #candidates: Candidate[] = [];
  #seenCount = 0;
  #stride = 1;

  /** How many sentences there were to choose from. */
  get seenCount(): number {
    return this.#seenCount;
  }

  /** How many of them are kept, evenly spread over the text. */
  get keptCount(): number {
    return this.#candidates.length;
  }

  /**
   * Offers a sentence.
   *
   * @param sentence The sentence.
   * @param words How many words it has.
   * @param terms Those of its words that say something.
   */
  add(sentence: string, words: number, terms: readonly string[]): void {
    const isUsable = words >= MIN_WORDS && words <= MAX_WORDS &&
      sentence.length <= MAX_SENTENCE_LENGTH && terms.length >= 3 &&
      /[.!?…。！？]["')\]”’]*$/u.test(sentence) && isMostlyLetters(sentence);
    if (!isUsable) return;
    if (this.#seenCount++ % this.#stride !== 0) return;
    this.#candidates.push({ sentence, terms: [...new Set(terms)] });
    if (this.#candidates.length < MAX_SENTENCES) return;
    this.#candidates = this.#candidates.filter((_, index) => index % 2 === 0);
    this.#stride *= 2;
  }

  /**
   * Chooses.
   *
   * @param limit How many.
   * @param table How often the terms of the whole text came.
   * @returns The sentences, in the order of the text.
   */
  choose(limit: number, table: WordTable): string[] {
    const probabilities = new Map<string, number>();
    const chosen = new Set<Candidate>();
    const known = new Set<string>();
    while (chosen.size < limit) {
      let best: Candidate | undefined;
      let bestScore = 0;
      for (const candidate of this.#candidates) {
        if (known.has(candidate.sentence)) continue;
        const score = scoreOf(candidate, probabilities, table);
        if (score > bestScore) [best, bestScore] = [candidate, score];
      }
      if (best === undefined) break;
      chosen.add(best);
      known.add(best.sentence);
      for (const term of best.terms) {
        const probability = probabilityOf(term, probabilities, table);
        probabilities.set(term, probability ** 2);
      }
    }
    return this.#candidates.filter((candidate) => chosen.has(candidate))
      .map(({ sentence }) => sentence);
  }
}

function scoreOf(
  { terms }: Candidate,
  probabilities: Map<string, number>,
  table: WordTable,
): number {
  let sum = 0;
  for (const term of terms) sum += probabilityOf(term, probabilities, table);
  return sum / terms.length;
}

function probabilityOf(
  term: string,
  probabilities: Map<string, number>,
  table: WordTable,
): number {
  return probabilities.get(term) ?? table.countOf(term) / table.total;
}

function isMostlyLetters(sentence: string): boolean {
  const letters = sentence.match(/[\p{L}\s]/gu)?.length ?? 0;
  return letters >= 0.85 * sentence.length;
}

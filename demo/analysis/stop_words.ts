/**
 * Words that say nothing about what a text is about.
 *
 * @module
 */

const ENGLISH =
  "about above after again against all also although always among and another any are around because been before being below between both but came can cannot come could did does doing done down during each either else even ever every few first for from further gave get give goes gone got had has have having her here hers herself him himself his how however into its itself just keep kept know let like made make many may might mine more most much must myself neither never next nor not nothing now off often once one only onto other others otherwise our ours out over own per put rather said same say see seen several shall she should since some something such take taken than that the their theirs them themselves then there therefore these they thing things this those though three through thus together too took toward two under until upon use used uses using very want was way well went were what whatever when where whether which while who whole whom whose why will with within without would yes yet you your yours yourself";

const STOP_WORDS: ReadonlySet<string> = new Set(ENGLISH.split(" "));

/** Shortest word that can be a term, in UTF-16 units. */
const MIN_TERM_LENGTH = 3;

/**
 * Tells terms from the words between them.
 *
 * @param word A word in lower case.
 * @returns Whether it says something about the text.
 */
export function isTerm(word: string): boolean {
  return word.length >= MIN_TERM_LENGTH && !STOP_WORDS.has(word) &&
    !/^[\p{N}_]/u.test(word);
}

/**
 * Keeps compiled code alive across a pause.
 *
 * V8 gives every object a hidden class that says which fields it has, compiled
 * code names the hidden classes that it was made for, and the hidden class of a
 * class's finished instances is held by those instances alone. A process that
 * rests for half a minute has everything collected that nothing uses: of what a
 * call is made of no instance is left then, the hidden classes go, and with them
 * two hundred compiled functions. The next calls take three times as long, for
 * seconds (`docs/performance.md`, "An instance of every class is kept").
 *
 * So a class of which one call, message or packet makes an instance keeps one
 * for good, made when its module is loaded. `tests/integration/rest_test.ts` counts
 * the functions that are lost all the same: object literals, for instance, are safe
 * only where they are made often.
 *
 * @module
 */

const specimens: object[] = [];

/**
 * Keeps the hidden class of an object's class.
 *
 * What a field holds here decides what V8 expects in it: a field for fractions
 * of a number must hold one, or the first real instance gets another hidden
 * class and this one is kept for nothing. Other fields may hold anything, best
 * nothing.
 *
 * @param specimen A finished instance that is used for nothing else and holds
 * nobody's data.
 */
export function keepHiddenClass(specimen: object): void {
  specimens.push(specimen);
}

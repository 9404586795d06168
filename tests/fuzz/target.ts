/**
 * What a fuzz target is, and how a decoder becomes one.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { signatureOf } from "./signature.ts";

/** What one input may cost. Generous: a finding is a wrong order of growth. */
export interface FuzzBudget {
  /** Time that any input may take, in milliseconds. */
  readonly baseMs: number;
  /** Time for each KiB of the input, in milliseconds. */
  readonly perKibMs: number;
  /** Memory that any input may allocate, in bytes. */
  readonly baseBytes: number;
  /** Memory for each byte of the input, in bytes. */
  readonly perByteBytes: number;
}

/** The budget of a target that states none. */
export const DEFAULT_BUDGET: FuzzBudget = {
  baseMs: 25,
  perKibMs: 0.5,
  baseBytes: 8 * 1024 * 1024,
  perByteBytes: 1024,
};

/** Something that takes any bytes. */
export interface FuzzTarget {
  /** Name on the command line and of the corpus folder. */
  readonly name: string;
  /** What is tried, in a few words. */
  readonly subject: string;
  /**
   * Largest input that the mutator makes, in bytes.
   *
   * @default {4,096}
   */
  readonly maxLength?: number;
  /**
   * What one input may cost.
   *
   * @default {DEFAULT_BUDGET}
   */
  readonly budget?: FuzzBudget;
  /** Byte strings that the mutator inserts. */
  readonly dictionary?: readonly Uint8Array[];
  /** Whether it fails by design, to test the rig: left out of a run over all. */
  readonly isFaulty?: boolean;
  /** Inputs to start from, mostly valid ones. */
  readonly seeds: () => readonly Uint8Array[];
  /**
   * Tries one input.
   *
   * @param input Borrowed; must not be changed.
   * @returns What happened, as words apart by spaces: an input with a new word
   * is thought to have taken a new way. The first word names the outcome.
   * @throws Whatever is wrong: a target that throws has found something.
   */
  readonly run: (input: Uint8Array) => string;
}

/** Something that must never happen has happened. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * States what must hold for every input.
 *
 * @param condition What must hold.
 * @param detail What it means when it does not.
 */
export function require(condition: boolean, detail: string): asserts condition {
  if (!condition) throw new Violation(detail);
}

/** An error class of one of the folders. */
export type ErrorClass = abstract new (...args: never[]) => Error & {
  readonly code: string;
  readonly fault: string;
};

/** The text of an error as one word without its numbers: which check refused the input. */
function refusalOf(error: Error & { readonly code: string }): string {
  const check = error.message.replace(/0x[0-9a-f]+|\d+/g, "#").slice(0, 120);
  return `${error.code}:${check.replaceAll(/\s/g, "_")}`;
}

/**
 * Runs a decoder that may refuse its input with its folder's own error only.
 *
 * @param errorClass The class of the folder.
 * @param decode The decoder.
 * @returns Its outcome: what it returned, or the text of its refusal.
 */
export function attempt<T>(
  errorClass: ErrorClass,
  decode: () => T,
): { readonly value: T } | { readonly refusal: string } {
  try {
    return { value: decode() };
  } catch (error) {
    if (!(error instanceof errorClass)) throw error;
    require(
      error.message.length < 500 && !error.message.includes("\n"),
      "an error message is one short line",
    );
    return { refusal: refusalOf(error) };
  }
}

/** How a decoder is tried. */
export interface DecoderTrial<T> {
  /** The class of the folder. */
  readonly errorClass: ErrorClass;
  /** The decoder. */
  readonly decode: (input: Uint8Array) => T;
  /** The encoder: what was decoded has to survive the way there and back. */
  readonly encode?: (value: T) => Uint8Array;
}

/**
 * Tries a decoder: it returns or refuses, and what it returned survives being
 * encoded and decoded again, at another offset of a buffer.
 *
 * @param trial The decoder and its encoder.
 * @param input The input; borrowed.
 * @returns What happened.
 */
export function tryDecoder<T>(
  trial: DecoderTrial<T>,
  input: Uint8Array,
): string {
  const { errorClass, decode, encode } = trial;
  const outcome = attempt(errorClass, () => decode(input));
  if ("refusal" in outcome) return outcome.refusal;
  if (encode !== undefined) {
    const again = decode(atOddOffset(encode(outcome.value)));
    require(
      isDeepStrictEqual(again, outcome.value),
      "what was decoded does not survive being encoded and decoded again",
    );
  }
  return `ok ${signatureOf(outcome.value)}`;
}

/** The same bytes where a view of aligned numbers would fail. */
function atOddOffset(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 8);
  buffer.set(bytes, 3);
  return buffer.subarray(3, 3 + bytes.length);
}

/**
 * A target of one decoder.
 *
 * @param options Name, subject, seeds and the decoder.
 * @returns The target.
 */
export function decoderTarget<T>(
  options: Omit<FuzzTarget, "run"> & DecoderTrial<T>,
): FuzzTarget {
  const { errorClass, decode, encode, ...target } = options;
  const trial = { errorClass, decode, ...(encode ? { encode } : {}) };
  return { ...target, run: (input) => tryDecoder(trial, input) };
}

/**
 * Checks of options: programs without types give other things as well. Each takes
 * the option as the error names it, `Agent: bind` for example; what is `undefined`
 * is absent, and right.
 *
 * @module
 */
import { shown } from "../internal/shown.ts";
import { MAX_TIMEOUT_MS } from "./config.ts";
import { CallError } from "./error.ts";

/** Any time that a timer takes. */
const NO_BOUNDS = {};

/** What an option can be for `typeof`, and how a person is told. */
const KINDS = {
  boolean: "true or false",
  function: "a function",
  object: "an object",
  string: "text",
} as const;

/**
 * Checks what an option is.
 *
 * @param option The option.
 * @param value What the user gave.
 * @param kind What it has to be; `null` is no object.
 * @throws {CallError} `INVALID_ARGUMENT` when it is something else.
 */
export function checkKind(
  option: string,
  value: unknown,
  kind: keyof typeof KINDS,
): void {
  if (value !== undefined) requireKind(option, value, kind);
}

/**
 * As {@linkcode checkKind}, for what cannot be absent.
 *
 * @param option The option.
 * @param value What the user gave.
 * @param kind What it has to be.
 * @throws {CallError} `INVALID_ARGUMENT` when it is something else.
 */
export function requireKind(
  option: string,
  value: unknown,
  kind: keyof typeof KINDS,
): void {
  if (typeof value === kind && value !== null) return;
  throw invalidArgument(`${option} must be ${KINDS[kind]}`);
}

/**
 * Checks an option that is one of a few.
 *
 * @param option The option.
 * @param value What the user gave.
 * @param choices What it may be.
 * @throws {CallError} `INVALID_ARGUMENT` when it is none of them.
 */
export function checkChoice(
  option: string,
  value: unknown,
  choices: readonly unknown[],
): void {
  if (value === undefined || choices.includes(value)) return;
  throw invalidArgument(`${option} must be one of ${choices.join(", ")}`);
}

/**
 * Checks an option that is a list of texts.
 *
 * @param option The option.
 * @param values What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` when it is no array of texts.
 */
export function checkTexts(option: string, values: unknown): void {
  if (values === undefined) return;
  // A text would do for an array of its letters.
  if (!Array.isArray(values)) {
    throw invalidArgument(`${option} must be an array of texts`);
  }
  for (const value of values) {
    if (typeof value === "string") continue;
    throw invalidArgument(`${option}: each must be text`);
  }
}

/**
 * Checks an option that is a time: a timer that is set for none would hold up
 * others.
 *
 * @param option The option.
 * @param value What the user gave, in milliseconds.
 * @param bounds What it may be; from 0 to 2^32-1 when absent.
 * @throws {CallError} `INVALID_ARGUMENT` when it is outside, or no number.
 */
export function checkTime(
  option: string,
  value: unknown,
  bounds: { readonly minMs?: number; readonly maxMs?: number } = NO_BOUNDS,
): void {
  if (value === undefined) return;
  const { minMs = 0, maxMs = MAX_TIMEOUT_MS } = bounds;
  if (typeof value === "number" && value >= minMs && value <= maxMs) return;
  throw invalidArgument(
    `${option} must be ${minMs} to ${maxMs}, got ${shown(value)}`,
  );
}

/**
 * Checks an option that is a count.
 *
 * @param option The option.
 * @param value What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` when it is no whole number from 1 on.
 */
export function checkCount(option: string, value: unknown): void {
  if (value === undefined) return;
  if (Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw invalidArgument(
    `${option} must be a whole number from 1 on, got ${shown(value)}`,
  );
}

/**
 * Checks metadata.
 *
 * @param option The option.
 * @param metadata What the user gave.
 * @throws {CallError} `INVALID_ARGUMENT` when it is a list, and when a value is no
 * text.
 */
export function checkMetadata(option: string, metadata: unknown): void {
  if (metadata === undefined) return;
  // A Map or Headers has no entries of its own: nothing of it would be sent.
  if (
    typeof metadata !== "object" || metadata === null ||
    Symbol.iterator in metadata
  ) throw invalidArgument(`${option} must be an object of texts`);
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === "string") continue;
    throw invalidArgument(`${option} ${JSON.stringify(key)} must be text`);
  }
}

/**
 * Checks a signal: one that is none would be found out when timers run already.
 *
 * @param option The option.
 * @param signal What the caller gave.
 * @throws {CallError} `INVALID_ARGUMENT` when it is no signal.
 */
export function checkSignal(option: string, signal: unknown): void {
  if (signal === undefined) return;
  // It may be of another realm, or another library.
  const { addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof addEventListener === "function") return;
  throw invalidArgument(`${option} must be an AbortSignal`);
}

/**
 * Checks an object by the methods that are called on it.
 *
 * @param option The option.
 * @param value What the user gave.
 * @param methods Their names.
 * @throws {CallError} `INVALID_ARGUMENT` when one of them is missing.
 */
export function checkMethods(
  option: string,
  value: unknown,
  methods: readonly string[],
): void {
  checkKind(option, value, "object");
  for (const name of value === undefined ? [] : methods) {
    if (typeof (value as Record<string, unknown>)[name] === "function") {
      continue;
    }
    throw invalidArgument(`${option} must have the method ${name}`);
  }
}

function invalidArgument(message: string): CallError {
  return new CallError("INVALID_ARGUMENT", message);
}

/**
 * The base of every error that leaves this library.
 *
 * @module
 */

/** Who has to change something so that the operation can succeed. */
export type Fault = "caller" | "peer" | "network" | "internal";

/** Options of an {@linkcode MxpError}. */
export interface MxpErrorOptions {
  /**
   * Who has to change something.
   *
   * @default {"caller"}
   */
  readonly fault?: Fault;
  /** What was thrown below, kept for the log. */
  readonly cause?: unknown;
}

/**
 * Base class of the library's errors. Branch on `code`, never on `message`.
 *
 * @typeParam Code The closed union of codes of one folder.
 */
export abstract class MxpError<Code extends string = string> extends Error {
  /** Stable identifier: never renamed, never reused. */
  readonly code: Code;
  /** Who has to change something. */
  readonly fault: Fault;

  /**
   * Makes an error.
   *
   * @param code Stable identifier.
   * @param message One line for a person: `Subject: detail`.
   * @param options Fault and cause.
   */
  constructor(code: Code, message: string, options: MxpErrorOptions = {}) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.fault = options.fault ?? "caller";
    this.name = new.target.name;
  }

  /**
   * Turns whatever was thrown into one of ours.
   *
   * @param thrown Any value.
   * @returns `thrown` itself when it is an `MxpError`, otherwise an
   * {@linkcode InternalError} that keeps it as its cause.
   */
  static from(thrown: unknown): MxpError {
    if (thrown instanceof MxpError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new InternalError("INTERNAL", text, {
      fault: "internal",
      cause: thrown,
    });
  }
}

/** Something was thrown that is not one of the library's errors. */
export class InternalError extends MxpError<"INTERNAL"> {}

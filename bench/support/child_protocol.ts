/**
 * What a program and a process that it started say to each other: JSON, one
 * value a line, over standard input and output. What there is to be done is for
 * each bench to say.
 *
 * @module
 */

/** Something to be done. */
export interface AnyOrder {
  /** What. */
  readonly do: string;
}

/** What every process does. */
export type CommonOrder =
  /** Answered with what the process takes in memory, after a collection. */
  | { readonly do: "weigh" }
  /** Answered with its processor time so far, in microseconds. */
  | { readonly do: "clock" }
  | { readonly do: "close" };

/** The answer to a question of the process. */
export interface Hear {
  /** Sets it apart from the orders. */
  readonly do: "hear";
  /** Number of the question. */
  readonly question: number;
  /** The answer. */
  readonly value: number;
}

/** To a process. */
export type Command<Order extends AnyOrder> =
  & { readonly id: number }
  & (Order | CommonOrder | Hear);

/** What a process answers with. */
export type Answer = string | number | object;

/** From a process. */
export type Report =
  | { readonly id: number; readonly value: Answer }
  | { readonly id: number; readonly error: string }
  | { readonly question: number; readonly ask: string };

/**
 * Priority classes of streams.
 *
 * @module
 */

/** Class in which a stream's data is sent; stated when the stream opens. */
export const Priority = {
  /** Always first. */
  CONTROL: 0,
  /** Calls and answers. */
  INTERACTIVE: 1,
  /** Transfers; a smaller share, never none. */
  BULK: 2,
} as const;

/** One of the values of {@linkcode Priority}. */
export type Priority = typeof Priority[keyof typeof Priority];

/**
 * Whether a byte names a priority class.
 *
 * @param value Any number.
 * @returns Whether it is 0, 1 or 2.
 */
export function isPriority(value: number): value is Priority {
  return value === 0 || value === 1 || value === 2;
}

/**
 * The numbers that say on the wire how a call ended: the gRPC set.
 *
 * @module
 */

/** Call status codes by name. Numbers are never reused. */
export const StatusCode = {
  /** The call completed. */
  OK: 0,
  /** The caller gave up. */
  CANCELLED: 1,
  /** Something failed that has no better name. */
  UNKNOWN: 2,
  /** The request is wrong whatever the state of the callee. */
  INVALID_ARGUMENT: 3,
  /** The time for the call ran out. */
  DEADLINE_EXCEEDED: 4,
  /** What was asked for, or asked of, does not exist. */
  NOT_FOUND: 5,
  /** What was to be created exists. */
  ALREADY_EXISTS: 6,
  /** The caller is known and may not do this. */
  PERMISSION_DENIED: 7,
  /** A limit was reached: a quota, a budget, calls in flight. */
  RESOURCE_EXHAUSTED: 8,
  /** The callee is not in the state that the call needs. */
  FAILED_PRECONDITION: 9,
  /** The work was stopped half-way, for example by a conflict. */
  ABORTED: 10,
  /** Past the end of what exists. */
  OUT_OF_RANGE: 11,
  /** The callee has no such method, or takes no such message. */
  UNIMPLEMENTED: 12,
  /** A promise of the callee was broken. */
  INTERNAL: 13,
  /** The callee cannot be reached, or takes no calls now: try again later. */
  UNAVAILABLE: 14,
  /** Data is lost or damaged beyond repair. */
  DATA_LOSS: 15,
  /** The caller, or the callee, is not who it has to be. */
  UNAUTHENTICATED: 16,
} as const;

/** Name of a call status. */
export type StatusName = keyof typeof StatusCode;

/** Names in the order of their numbers. */
const NAMES = Object.keys(StatusCode) as StatusName[];

/**
 * Names a status number that came from a peer.
 *
 * @param status Any number.
 * @returns Its name, `"UNKNOWN"` for a number that this version does not have.
 */
export function statusName(status: number): StatusName {
  return NAMES[status] ?? "UNKNOWN";
}

/**
 * What streams tell the application.
 *
 * @module
 */

/** Something happened on a stream, or to the right to open streams. */
export type StreamEvent =
  | {
    /** The peer opened a stream. */
    readonly type: "stream-opened";
    /** The stream. */
    readonly id: number;
  }
  | {
    /** Bytes or the end arrived: read until there is nothing left. */
    readonly type: "stream-readable";
    /** The stream. */
    readonly id: number;
  }
  | {
    /** There is room again after a write was cut short. */
    readonly type: "stream-writable";
    /** The stream. */
    readonly id: number;
  }
  | {
    /** The peer has everything we wrote, and the end. */
    readonly type: "stream-finished";
    /** The stream. */
    readonly id: number;
  }
  | {
    /** The peer gave its side up; what was not read is gone. */
    readonly type: "stream-reset";
    /** The stream. */
    readonly id: number;
    /** The peer's reason. */
    readonly code: number;
  }
  | {
    /** The peer does not want our side; it was reset with the same code. */
    readonly type: "stream-stopped";
    /** The stream. */
    readonly id: number;
    /** The peer's reason. */
    readonly code: number;
  }
  | {
    /** More streams can be opened than before. */
    readonly type: "streams-available";
  };

/**
 * The frames that concern streams, told apart from all others.
 *
 * @module
 */
import type {
  ConnectionMaxDataFrame,
  Frame,
  MaxStreamsFrame,
  ResetStreamFrame,
  StopSendingFrame,
  StreamFrame,
  StreamMaxDataFrame,
} from "../../../protocol/mod.ts";

/** Frames that concern streams. */
export type StreamManagerFrame =
  | ConnectionMaxDataFrame
  | MaxStreamsFrame
  | ResetStreamFrame
  | StopSendingFrame
  | StreamFrame
  | StreamMaxDataFrame;

const STREAM_FRAME_TYPES: ReadonlySet<string> = new Set<
  StreamManagerFrame["type"]
>([
  "connection-max-data",
  "max-streams",
  "reset-stream",
  "stop-sending",
  "stream",
  "stream-max-data",
]);

/**
 * Whether a frame concerns streams.
 *
 * @param frame Any frame.
 */
export function isStreamManagerFrame(
  frame: Pick<Frame, "type">,
): frame is StreamManagerFrame {
  return STREAM_FRAME_TYPES.has(frame.type);
}

/**
 * All targets.
 *
 * @module
 */
import type { FuzzTarget } from "../target.ts";
import { CONNECTION_TARGETS } from "./connection.ts";
import { EARLY_DATA_TARGETS } from "./early_data.ts";
import { ENDPOINT_TARGETS } from "./endpoint.ts";
import { FAULTY } from "./faulty.ts";
import { FRAME_TARGETS } from "./frames.ts";
import { MESSAGE_TARGETS } from "./messages.ts";
import { PACKET_TARGETS } from "./packets.ts";
import { PAYLOAD_TARGETS } from "./payloads.ts";
import { SECRET_TARGETS } from "./secrets.ts";
import { STREAM_TARGETS } from "./streams.ts";
import { TEXT_TARGETS } from "./texts.ts";

/** Every target, in the order in which they are listed and run. */
export const TARGETS: readonly FuzzTarget[] = [
  ...MESSAGE_TARGETS,
  ...PAYLOAD_TARGETS,
  ...TEXT_TARGETS,
  ...FRAME_TARGETS,
  ...PACKET_TARGETS,
  ...SECRET_TARGETS,
  ...ENDPOINT_TARGETS,
  ...EARLY_DATA_TARGETS,
  ...STREAM_TARGETS,
  ...CONNECTION_TARGETS,
  FAULTY,
];

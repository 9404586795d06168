/**
 * Every file of vectors, and what makes it.
 *
 * @module
 */
import { makeAnswers, makeEndings } from "./answers.ts";
import { makeFrames, makeNumbers } from "./frames.ts";
import { makeHandshakes, makeTransportParameters } from "./handshakes.ts";
import { makeHybridHandshakes } from "./hybrid_handshakes.ts";
import { makeChecksums, makeMessages } from "./messages.ts";
import {
  makeKeySchedule,
  makePacketHeaders,
  makeProtectedPackets,
} from "./packets.ts";
import { makePayloads, makeUrls } from "./payloads.ts";
import { makeSealedPayloads } from "./sealed.ts";
import type { VectorFile } from "./vector_file.ts";

/** Names of the files in `tests/vectors`, and what makes their content. */
export const VECTOR_FILES: Readonly<Record<string, () => VectorFile>> = {
  "answers.json": makeAnswers,
  "checksums.json": makeChecksums,
  "endings.json": makeEndings,
  "frames.json": makeFrames,
  "handshakes.json": makeHandshakes,
  "hybrid_handshakes.json": makeHybridHandshakes,
  "key_schedule.json": makeKeySchedule,
  "messages.json": makeMessages,
  "numbers.json": makeNumbers,
  "packet_headers.json": makePacketHeaders,
  "payloads.json": makePayloads,
  "protected_packets.json": makeProtectedPackets,
  "sealed_payloads.json": makeSealedPayloads,
  "transport_parameters.json": makeTransportParameters,
  "urls.json": makeUrls,
};

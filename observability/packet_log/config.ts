/**
 * Bounds of a packet log.
 *
 * @module
 */
import { ObservabilityError } from "../error.ts";

/**
 * Bytes of records that wait for the disk, for each file; what comes while they
 * wait is dropped. A quarter of a second of a saturated loopback.
 */
export const DEFAULT_MAX_QUEUED_BYTES: number = 4 * 1024 * 1024;

/** Size at which a file ends, in bytes: what an analyzer still opens at ease. */
export const DEFAULT_MAX_FILE_BYTES: number = 256 * 1024 * 1024;

/** Size of all qlog files of a log together, in bytes. */
export const DEFAULT_MAX_TOTAL_BYTES: number = 1024 * 1024 * 1024;

/** Connections that get a file, over the life of a log. */
export const DEFAULT_MAX_FILES = 10_000;

/** Connections that have a file open at the same time: a quarter of the usual limit of a process. */
export const DEFAULT_MAX_OPEN_FILES = 256;

/**
 * Bytes that are kept of a connection while it is not known whether the peer is
 * genuine. A handshake without repetitions takes about 1 KiB.
 */
export const MAX_PENDING_TRACE_BYTES: number = 16 * 1024;

/** Bounds of a packet log. */
export interface PacketLogLimits {
  /**
   * Bytes of records that wait for the disk, for each file.
   *
   * @default {4 MiB}
   */
  readonly maxQueuedBytes?: number;
  /**
   * Size at which a file ends, in bytes.
   *
   * @default {256 MiB}
   */
  readonly maxFileBytes?: number;
  /**
   * Size of all qlog files together, in bytes.
   *
   * @default {1 GiB}
   */
  readonly maxTotalBytes?: number;
  /**
   * Connections that get a qlog file.
   *
   * @default {10,000}
   */
  readonly maxFiles?: number;
  /**
   * Connections that have a qlog file open at the same time.
   *
   * @default {256}
   */
  readonly maxOpenFiles?: number;
}

/**
 * Fills in the defaults and checks every value once.
 *
 * @param limits What the user gave.
 * @returns All of them.
 * @throws {ObservabilityError} `INVALID_CONFIG` names the key and the value.
 */
export function createPacketLogLimits(
  limits: PacketLogLimits,
): Required<PacketLogLimits> {
  const checked = {
    maxQueuedBytes: DEFAULT_MAX_QUEUED_BYTES,
    maxFileBytes: DEFAULT_MAX_FILE_BYTES,
    maxTotalBytes: DEFAULT_MAX_TOTAL_BYTES,
    maxFiles: DEFAULT_MAX_FILES,
    maxOpenFiles: DEFAULT_MAX_OPEN_FILES,
    ...limits,
  };
  for (const [key, value] of Object.entries(checked)) {
    if (Number.isFinite(value) && value >= 1) continue;
    throw new ObservabilityError(
      "INVALID_CONFIG",
      `Packet log: ${key} must be a number from 1, got ${value}`,
    );
  }
  return checked;
}

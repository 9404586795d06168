/**
 * Options of every command that opens a transport: what it writes down of the
 * packets.
 *
 * @module
 */
import type { Command } from "commander";
import { PacketLog } from "../observability/mod.ts";
import type { CommandContext } from "./context.ts";
import { parsePath } from "./path_option.ts";

/** Directory of qlog files when no option names one. */
const QLOG_VARIABLE = "MXP_QLOGDIR";

/** The key log when no option names one. */
const KEY_LOG_VARIABLE = "MXP_KEYLOGFILE";

/** What {@linkcode addPacketLogOptions} adds. */
export interface PacketLogCliOptions {
  /** Directory of qlog files. */
  readonly qlog?: string;
  /** Capture file. */
  readonly pcap?: string;
  /** Key log file. */
  readonly keyLog?: string;
}

/**
 * Adds the options.
 *
 * @param command The command.
 * @returns The command.
 */
export function addPacketLogOptions(command: Command): Command {
  return command
    .option(
      "--qlog <dir>",
      `log every connection here, one qlog file each (or ${QLOG_VARIABLE})`,
      parsePath,
    )
    .option(
      "--pcap <file>",
      "capture the encrypted datagrams to this file",
      parsePath,
    )
    .option(
      "--key-log <file>",
      `write the keys to this file: who has it can decrypt (or ${KEY_LOG_VARIABLE})`,
      parsePath,
    );
}

/**
 * Opens the packet log that the options or the environment ask for.
 *
 * @param options What the options say.
 * @param context Knows the environment.
 * @returns The log; close it last. `undefined` when none is asked for.
 * @throws {ObservabilityError} When a file cannot be written.
 */
export function openPacketLog(
  options: PacketLogCliOptions,
  { environment, output }: CommandContext,
): PacketLog | undefined {
  const qlogDirectory = options.qlog ?? environment(QLOG_VARIABLE);
  const keyLogFile = options.keyLog ?? environment(KEY_LOG_VARIABLE);
  const { pcap: pcapFile } = options;
  if ((qlogDirectory ?? pcapFile ?? keyLogFile) === undefined) return undefined;
  return PacketLog.open({
    ...(qlogDirectory === undefined ? {} : { qlogDirectory }),
    ...(pcapFile === undefined ? {} : { pcapFile }),
    ...(keyLogFile === undefined ? {} : { keyLogFile }),
    onWarning: (message) => output.warn(message),
  });
}

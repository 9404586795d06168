/**
 * `mxp start`: runs a node.
 *
 * @module
 */
import process from "node:process";
import type { Command } from "commander";
import { loadIdentity } from "../../crypto/mod.ts";
import { CallError, Node, type NodeOptions } from "../../mesh/mod.ts";
import type { PacketLog } from "../../observability/mod.ts";
import type { Suite } from "../../transport/mod.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../error.ts";
import {
  addPacketLogOptions,
  openPacketLog,
  type PacketLogCliOptions,
} from "../packet_log_options.ts";
import { suitesOption } from "../mesh_options.ts";
import { parsePath } from "../path_option.ts";
import { formatPublicKey } from "../public_key.ts";

interface StartOptions extends PacketLogCliOptions {
  readonly bind: string;
  readonly advertise?: string;
  readonly data?: string;
  readonly identity?: string;
  readonly suites?: readonly Suite[];
}

/** Where a node listens when nobody says otherwise: this machine only. */
const DEFAULT_BIND = "127.0.0.1:9000";

/**
 * Adds the command.
 *
 * @param program Where to.
 * @param context Its surroundings.
 */
export function addStart(program: Command, context: CommandContext): void {
  const start = program.command("start")
    .description("run a node, where agents register and find each other")
    .option(
      "--bind <host:port>",
      "where to listen; port 0 for any, no host for every interface",
      DEFAULT_BIND,
    )
    .option("--advertise <host:port>", "where others reach it, for its URL")
    .option(
      "--data <dir>",
      "keep its key and the registered agents here",
      parsePath,
    )
    .option(
      "--identity <file>",
      "its key file (default: in --data, or a new key)",
      parsePath,
    )
    .addOption(suitesOption())
    .option(
      "--json",
      "print one line of JSON: url, publicKey, fingerprint, pid",
    );
  addPacketLogOptions(start)
    .addHelpText(
      "after",
      "\nOnly this machine reaches it unless --bind says otherwise: 0.0.0.0:9000 and" +
        "\n:9000 are every interface. It runs until Ctrl-C.",
    )
    .action((options: StartOptions) => run(options, context));
}

async function run(
  options: StartOptions,
  context: CommandContext,
): Promise<void> {
  const { interruption } = context;
  const packetLog = openPacketLog(options, context);
  let node: Node | undefined;
  try {
    node = await startNode(options, context, packetLog);
    await announce(node, options, context).catch((error: unknown) => {
      // It ends then as it does once its URL was read.
      if (!interruption.aborted) throw error;
    });
    if (!interruption.aborted) {
      await new Promise((resolve) => {
        interruption.addEventListener("abort", resolve, { once: true });
      });
    }
  } finally {
    await node?.close();
    await packetLog?.close();
  }
}

async function startNode(
  { bind, advertise, data, identity, suites }: StartOptions,
  { output }: CommandContext,
  packetLog: PacketLog | undefined,
): Promise<Node> {
  const options: NodeOptions = {
    bind,
    onWarning: (message) => output.warn(message),
    ...(advertise === undefined ? {} : { advertise }),
    ...(data === undefined ? {} : { dataDir: data }),
    ...(packetLog === undefined ? {} : { observe: packetLog.observe }),
    ...(identity === undefined ? {} : { identity: loadIdentity(identity) }),
    ...(suites === undefined ? {} : { transport: { suites } }),
  };
  try {
    return await Node.start(options);
  } catch (error) {
    if (error instanceof CallError && error.code === "INVALID_ARGUMENT") {
      throw usageError(error.message);
    }
    throw error;
  }
}

async function announce(
  node: Node,
  options: StartOptions,
  { output }: CommandContext,
): Promise<void> {
  const { url } = node;
  if (output.isJson) {
    return await output.json({
      url,
      publicKey: formatPublicKey(node.publicKey),
      fingerprint: node.fingerprint,
      pid: process.pid,
    });
  }
  await output.write(`${url}\n`);
  output.note(`The node runs. ${describeStorage(options)}`);
  output.note(`Try: mxp agent list '${url}'   Stop: Ctrl-C`);
}

/** What outlives the node, and where. */
function describeStorage({ data, identity }: StartOptions): string {
  if (identity === undefined) {
    return data === undefined
      ? "Its key and its registry end with it: --data keeps them."
      : `Its key and its registry are in ${data}.`;
  }
  return data === undefined
    ? `Its key is in ${identity}, its registry ends with it: --data keeps it.`
    : `Its key is in ${identity}, its registry in ${data}.`;
}

/**
 * Agents as the commands show them.
 *
 * @module
 */
import { formatMxpUrl } from "../protocol/mod.ts";
import type { AgentEntry } from "../registry/mod.ts";
import { formatAddress } from "../transport/mod.ts";
import { type Output, table } from "./output.ts";
import { formatPublicKey } from "./public_key.ts";

const HEADING = ["NAME", "STATUS", "CAPABILITIES", "TAGS", "ADDRESS", "ID"];

/**
 * Writes agents: a table for a person, an array with `--json`; and a remark when
 * there may be more of them.
 *
 * @param agents The agents.
 * @param output Where to.
 * @param options How many were asked for, and what to say to a person when there
 * are none.
 */
export async function writeAgents(
  agents: readonly AgentEntry[],
  output: Output,
  options: { readonly limit: number; readonly nothing: string },
): Promise<void> {
  if (output.isJson) await output.json(agents.map(toJson));
  else if (agents.length === 0) output.note(options.nothing);
  else await output.write(table([HEADING, ...agents.map(toRow)]));
  if (agents.length >= options.limit) {
    output.note(
      "mxp: as many agents as were asked for, there may be more (--limit)",
    );
  }
}

function toJson(agent: AgentEntry): Record<string, unknown> {
  const { agentId, name, capabilities, tags, metadata, publicKey } = agent;
  const { hostname, port, status, load } = agent;
  return {
    id: agentId,
    name,
    capabilities,
    tags,
    metadata,
    status,
    load,
    url: formatMxpUrl({ hostname, port, agentId, publicKey }),
    publicKey: formatPublicKey(publicKey),
  };
}

function toRow(agent: AgentEntry): string[] {
  const { name, status, capabilities, tags } = agent;
  return [
    name || "-",
    status,
    capabilities.join(",") || "-",
    tags.join(",") || "-",
    formatAddress(agent),
    agent.agentId,
  ];
}

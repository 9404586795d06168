/**
 * The coordinator: sends what the reader reads to the analyst, and turns what
 * the analyst finds into an answer. It never holds the file: it passes chunks
 * on as fast as the analyst takes them.
 *
 * @module
 */
import type { Agent } from "../../mesh/mod.ts";
import type { JsonValue } from "../../protocol/mod.ts";
import { describeReport, describeSentence } from "../report_text.ts";
import type { Finding } from "./analyst.ts";
import { runAgentProcess } from "./child_process.ts";

/** What the coordinator streams beside the text of its answer. */
export interface Progress {
  /** How much of the file is read, in bytes. */
  readonly readBytes: number;
  /** How long the file is, in bytes. */
  readonly size: number;
}

if (import.meta.main) {
  await runAgentProcess("coordinator", "report", (agent) => {
    agent.onStream("report", () => report(agent));
  });
}

async function* report(agent: Agent): AsyncGenerator<string | JsonValue> {
  const reader = { capability: "read" };
  const { name, size } = await agent.call<{ name: string; size: number }>(
    reader,
    "stat",
  );
  const findings = agent.stream<Finding>(
    { capability: "analyse" },
    "analyse",
    { name },
    { input: agent.stream(reader, "read") },
  );
  let sentenceCount = 0;
  for await (const finding of findings) {
    if ("readBytes" in finding) yield { readBytes: finding.readBytes, size };
    else if ("report" in finding) yield describeReport(name, finding.report);
    else yield describeSentence(++sentenceCount, finding.sentence);
  }
}

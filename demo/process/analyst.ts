/**
 * The analyst: reads what streams in, and says what it is about.
 *
 * @module
 */
import { DocumentAnalysis, type DocumentReport } from "../analysis/document.ts";
import { runAgentProcess } from "./child_process.ts";

/** How often the analyst says how far it is, in bytes. */
const PROGRESS_BYTES = 4 * 1024 * 1024;

/** What the analyst streams. */
export type Finding =
  | {
    /** How much it has read, in bytes. */
    readonly readBytes: number;
  }
  | {
    /** What it found out; the key sentences follow one by one. */
    readonly report: Omit<DocumentReport, "keySentences">;
  }
  | {
    /** A key sentence. */
    readonly sentence: string;
  };

if (import.meta.main) {
  await runAgentProcess("analyst", "analyse", (agent) => {
    agent.onStream("analyse", (request) => {
      const { name } = request.json<{ name: string }>();
      return findings(name, request.input);
    });
  });
}

async function* findings(
  name: string,
  chunks: AsyncIterable<unknown>,
): AsyncGenerator<Finding> {
  const analysis = new DocumentAnalysis(name);
  let saidBytes = 0;
  for await (const chunk of chunks) {
    analysis.add(chunk as Uint8Array);
    if (analysis.byteCount - saidBytes < PROGRESS_BYTES) continue;
    saidBytes = analysis.byteCount;
    yield { readBytes: saidBytes };
  }
  const { keySentences, ...report } = analysis.finish();
  yield { report };
  for (const sentence of keySentences) yield { sentence };
}

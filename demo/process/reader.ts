/**
 * The reader: the only process that may open the file.
 *
 * @module
 */
import { basename } from "node:path";
import { runAgentProcess } from "./child_process.ts";

await runAgentProcess("reader", "read", (agent, { file }) => {
  agent.onCall("stat", async () => {
    const { size } = await Deno.stat(file);
    return { name: basename(file), size };
  });
  agent.onStream("read", async function* () {
    const { readable } = await Deno.open(file);
    yield* readable;
  });
});

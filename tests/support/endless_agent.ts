/**
 * A process with one agent whose stream never ends, to be killed by a test.
 * Its argument is the URL of the node.
 *
 * @module
 */
import { Agent } from "../../mod.ts";

const agent = await Agent.connect(Deno.args[0]!, { name: "endless" });
agent.onStream("count", async function* ({ signal }) {
  for (let count = 0; !signal.aborted; count++) {
    yield count;
    if (count === 9) await new Promise(() => {});
  }
});
agent.onCall("never", () => new Promise<undefined>(() => {}));

/**
 * The node of the demo: agents register here and find each other.
 *
 * @module
 */
import { Node } from "../../mesh/mod.ts";
import { runProcess, say } from "./child_process.ts";

await runProcess(async () => {
  const node = await Node.start({ bind: "127.0.0.1:0" });
  say({ type: "ready", url: node.url, port: node.localAddress.port });
  return node;
});

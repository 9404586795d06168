/**
 * What a rest costs the calls after it: see `internal/hidden_class.ts`.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const AGENTS = fileURLToPath(
  new URL("../support/resting_agents.ts", import.meta.url),
);

/** Without this the process was too slow to lose what the test looks for. */
const MIN_COMPILED = 150;

/**
 * 15 to 40, by how much was compiled until then, where 240 are lost when no class
 * keeps an instance.
 */
const MAX_LOST = 80;

Deno.test("after a rest calls, streams and events still run compiled code", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--v8-flags=--expose-gc,--trace-opt,--trace-deopt",
      "--allow-env",
      "--allow-net=127.0.0.1",
      "--allow-sys",
      AGENTS,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const trace = decoder.decode(stdout);
  assert.equal(code, 0, decoder.decode(stderr));
  const compiled = trace.match(/completed optimizing/g)?.length ?? 0;
  assert.ok(compiled >= MIN_COMPILED, `${compiled} functions were compiled`);
  const lost = [
    ...trace.matchAll(
      /SharedFunctionInfo ([^>]*)>[^\n]*embedded weak objects cleared/g,
    ),
  ].map(([, name]) => name);
  assert.ok(
    lost.length <= MAX_LOST,
    `${lost.length} compiled functions were lost: ${lost.join(" ")}`,
  );
});

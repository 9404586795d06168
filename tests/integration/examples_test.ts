import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { collect, withMesh } from "../support/mesh.ts";

const ROOT = new URL("../../", import.meta.url);
const MAX_LINES = 60;

/** What each example prints. */
const OUTPUTS: Record<string, string> = {
  "hello_call.ts": `Hello, Ada!
INVALID_ARGUMENT: Greet: no name
`,
  "token_stream.ts": `storm-1 storm-2 storm-3 storm-4 storm-5 
[completed after 5 tokens]
rain-1 rain-2 rain-3 
[cancelled]

[the writer stopped]
`,
  "events.ts": `orders.created 1 (number 0)
orders.created 2 (number 1)
orders.created 3 (number 2)
the auditor saw 4 events
`,
  "discovery.ts": `ada: small, speaks en
bob: large, speaks en
the large one is bob
ada did it, bob did it
left: bob
bob did it
`,
  "sealed_payload.ts": `relay can read it: false
doctor reads "my knee hurts", from the patient: true
relay can read the answer: false
patient reads "rest"
`,
};

for (const [name, expected] of Object.entries(OUTPUTS)) {
  Deno.test(`examples/${name} runs with the permissions that it names and prints what it promises`, async () => {
    const text = readFileSync(new URL(`examples/${name}`, ROOT), "utf8");
    const lineCount = text.split("\n").length - 1;
    assert.ok(lineCount < MAX_LINES, `${lineCount} lines`);
    const [, permissions] = /deno run (--allow-\S+) examples\//.exec(text) ??
      [];
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", permissions!, `examples/${name}`],
      cwd: ROOT,
    }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.equal(new TextDecoder().decode(stdout), expected);
    assert.equal(code, 0);
  });
}

Deno.test("examples/summarizer_agent.ts serves calls and streams until it is stopped", async () => {
  await withMesh(async ({ node, connect }) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-net",
        "--allow-env=MXP_NODE",
        "examples/summarizer_agent.ts",
      ],
      cwd: ROOT,
      env: { MXP_NODE: node.url },
      stdout: "piped",
    }).spawn();
    try {
      const lines = child.stdout.pipeThrough(new TextDecoderStream());
      for await (const line of lines.values({ preventCancel: true })) {
        assert.match(line, /^summarizer is registered as /);
        break;
      }
      const client = await connect();
      const target = { capability: "summarize" };
      assert.deepEqual(
        await client.call(target, "summarize", { text: "One. Two." }),
        { summary: "One.", sentenceCount: 2 },
      );
      assert.deepEqual(
        await collect(client.stream(target, "tokens", "one two")),
        ["one ", "two"],
      );
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);
      await lines.cancel();
      assert.deepEqual(await client.discover({ name: "summarizer" }), []);
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended, as it should.
      }
    }
  });
});

Deno.test("examples/summarizer_agent.ts says in one line that its node cannot be used", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "examples/summarizer_agent.ts",
      "http://localhost",
    ],
    cwd: ROOT,
  }).output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stderr), /^URL: [^\n]+\n$/);
});

Deno.test("every example is tested", () => {
  const files = readdirSync(new URL("examples/", ROOT))
    .filter((file) => file.endsWith(".ts"));
  assert.deepEqual(
    files.sort(),
    [...Object.keys(OUTPUTS), "summarizer_agent.ts"].sort(),
  );
});

/**
 * Tokens as they are made: `deno run --allow-net examples/token_stream.ts`
 *
 * @module
 */
import { Agent, Node } from "@mxp/core";

const node = await Node.start({ bind: "127.0.0.1:0" });
const writer = await Agent.connect(node.url, { name: "writer" });

// The generator is asked for the next token only when there is room for it on
// the way: a slow reader holds up the model, not the memory.
writer.onStream("write", async function* (request) {
  const { topic, words } = request.json<{ topic: string; words: number }>();
  try {
    for (let word = 1; word <= words; word++) {
      await Promise.resolve(); // a language model would think here
      yield `${topic}-${word} `;
    }
  } finally {
    if (request.signal.aborted) print("\n[the writer stopped]\n");
  }
});

const reader = await Agent.connect(node.url);

const whole = reader.stream<string>(
  { name: "writer" },
  "write",
  { topic: "storm", words: 5 },
  { idleTimeoutMs: 10_000 }, // each token starts it anew
);
for await (const token of whole) print(token);
const { type, chunkCount } = await whole.ending;
print(`\n[${type} after ${chunkCount} tokens]\n`);

// Leaving the loop cancels the stream, and the generator's `finally` runs.
const endless = reader.stream<string>({ name: "writer" }, "write", {
  topic: "rain",
  words: 1_000_000,
});
for await (const token of endless) {
  print(token);
  if (endless.offset === 3) break;
}
print(`\n[${(await endless.ending).type}]\n`);

await reader.close();
await writer.close();
await node.close();

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../protocol/mod.ts";
import {
  parseAddressed,
  parseCallWords,
  type TargetOptions,
} from "./call_words.ts";
import { CliError } from "./error.ts";

const NODE = `mxp://127.0.0.1:9000?pk=${"A".repeat(43)}`;
const ID = "2a3ea18f-a42e-488e-854b-43fc72d53af7";
const AGENT = `mxp://127.0.0.1:9001/${ID}`;

function parse(
  line: readonly string[],
  targets: TargetOptions = {},
  hasNode = false,
): unknown {
  const { node, target, method, value } = parseCallWords(line, {
    targets,
    hasNode,
  });
  return [node, target, method, value];
}

function isUsageError(error: unknown): boolean {
  return error instanceof CliError && error.code === "USAGE";
}

Deno.test("parseCallWords() takes method and value after a target option", () => {
  const targets = { capability: "summarize" };
  assert.deepEqual(parse(["sum", "{}"], targets), [
    undefined,
    targets,
    "sum",
    "{}",
  ]);
  assert.deepEqual(parse([NODE, "sum"], targets), [
    NODE,
    targets,
    "sum",
    undefined,
  ]);
  // With a target, a word that looks like another one is the method.
  assert.deepEqual(parse(["tag:x"], { name: "a" }), [
    undefined,
    { name: "a" },
    "tag:x",
    undefined,
  ]);
});

Deno.test("parseCallWords() reads a target from a word", () => {
  const cases: [string, unknown][] = [
    ["capability:sum", { capability: "sum" }],
    ["name:a b", { name: "a b" }],
    ["tag:x:y", { tag: "x:y" }],
    [`id:${ID}`, { id: ID }],
    [`url:${AGENT}`, { url: AGENT }],
  ];
  for (const [word, target] of cases) {
    assert.deepEqual(parse([NODE, word, "m", "v"]), [NODE, target, "m", "v"]);
  }
  assert.deepEqual(parse([NODE, AGENT, "m"]), [
    NODE,
    { url: AGENT },
    "m",
    undefined,
  ]);
});

Deno.test("parseCallWords() takes the method for the capability without a target", () => {
  assert.deepEqual(parse(["sum", "text"]), [
    undefined,
    { capability: "sum" },
    "sum",
    "text",
  ]);
  assert.deepEqual(parse(["sum", "short", "text"]), [
    undefined,
    { capability: "sum" },
    "short",
    "text",
  ]);
});

Deno.test("parseCallWords() takes a URL for the node, or for an agent by its id", () => {
  assert.deepEqual(parse([NODE, "m"]), [
    NODE,
    { capability: "m" },
    "m",
    undefined,
  ]);
  assert.deepEqual(parse([AGENT, "m"]), [
    undefined,
    { url: AGENT },
    "m",
    undefined,
  ]);
  // Another node is named: then this one is the agent.
  assert.deepEqual(parse([NODE, "m"], {}, true), [
    undefined,
    { url: NODE },
    "m",
    undefined,
  ]);
});

Deno.test("parseCallWords() says what is wrong with a command line", () => {
  const cases: [string[], TargetOptions, boolean][] = [
    [[], {}, false],
    [[NODE], {}, false],
    [["capability:x"], {}, false],
    [["a", "b", "c", "d"], {}, false],
    [["m", "v", "w"], { name: "x" }, false],
    [["m"], { name: "x", tag: "y" }, false],
    [["m"], { name: "" }, false],
    [["", "m", "v"], {}, false],
    [["capability:", "m"], {}, false],
    [["name:", "m"], {}, false],
    [["url:", "m"], {}, false],
    [[NODE, "id:", "m"], {}, false],
    [[AGENT, "m"], { name: "x" }, false],
    [[NODE, "m"], { name: "x" }, true],
  ];
  for (const [line, targets, hasNode] of cases) {
    assert.throws(() => parse(line, targets, hasNode), isUsageError);
  }
  assert.throws(() => parse(["m"], { id: "x" }), ProtocolError);
  assert.throws(() => parse(["m"], { url: "http://x" }), ProtocolError);
  assert.throws(() => parse(["mxp://", "m"]), ProtocolError);
});

Deno.test("parseAddressed() gives back every word, or one of our errors", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(NODE, AGENT, "name:x", "id:y", "capability:"),
  );
  fc.assert(fc.property(fc.array(word), (line) => {
    try {
      const options = { targets: {}, hasNode: false };
      const { node, target, rest } = parseAddressed(line, options);
      const taken = (node === undefined ? 0 : 1) +
        (target === undefined ? 0 : 1);
      assert.deepEqual(rest, line.slice(taken));
    } catch (error) {
      assert.ok(error instanceof CliError || error instanceof ProtocolError);
    }
  }));
});

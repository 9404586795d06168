import assert from "node:assert/strict";
import { ProtocolError } from "../protocol/mod.ts";
import { type DiscoverQuery, parseDiscoverQuery } from "./discover_query.ts";
import { CallError } from "./error.ts";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

Deno.test("parseDiscoverQuery() names what a program without types asked wrongly", () => {
  const wrong: [unknown, string][] = [
    [null, "its query must be an object"],
    ["summarize", "its query must be an object"],
    [{ limit: 0 }, "limit must be 1 to 1000, got 0"],
    [{ limit: "5" }, "limit must be 1 to 1000, got 5"],
    [{ limit: 5, capabilty: "x" }, "it does not know capabilty"],
    [{ url: "mxp://127.0.0.1" }, "it does not know url"],
    [{ name: 5 }, "name must be text, and not empty"],
    [{ name: null }, "name must be text, and not empty"],
    [{ tag: "" }, "tag must be text, and not empty"],
    [
      { capability: "x", name: "y" },
      "by one of capability, name, tag and id",
    ],
  ];
  for (const [query, detail] of wrong) {
    assert.throws(() => parseDiscoverQuery(query as DiscoverQuery), (error) => {
      assert.ok(error instanceof CallError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.equal(error.message, `Discovery: ${detail}`);
      return true;
    });
  }
  assert.throws(
    () => parseDiscoverQuery({ id: "zz" }),
    (error) =>
      error instanceof ProtocolError && error.code === "INVALID_AGENT_ID",
  );
});

Deno.test("parseDiscoverQuery() asks by one term, for any id in the form that the node knows", () => {
  assert.deepEqual(parseDiscoverQuery({}), { kind: "all" });
  assert.deepEqual(parseDiscoverQuery({ limit: 7 }), { kind: "all", limit: 7 });
  assert.deepEqual(
    parseDiscoverQuery(
      // A program without types leaves out like this.
      { capability: "Read", name: undefined as never, limit: 1 },
    ),
    { kind: "capability", term: "Read", limit: 1 },
  );
  assert.deepEqual(parseDiscoverQuery({ id: ID.toUpperCase() }), {
    kind: "id",
    term: ID,
  });
});

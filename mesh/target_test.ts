import assert from "node:assert/strict";
import { CallError } from "./error.ts";
import { describeTarget, parseTarget, type Target } from "./target.ts";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

Deno.test("parseTarget() reads each form", () => {
  for (const kind of ["capability", "name", "tag"] as const) {
    const target = { [kind]: "x" } as unknown as Target;
    const key = `${kind} x`;
    assert.deepEqual(parseTarget(target), { kind, term: "x", key });
  }
  for (const id of [ID, ID.toUpperCase()]) {
    assert.deepEqual(parseTarget({ id }), {
      kind: "id",
      term: ID,
      key: `id ${ID}`,
    });
  }
  const address = parseTarget({ url: `mxp://127.0.0.1:7/${ID}` });
  assert.equal(address.kind, "url");
  assert.equal(describeTarget(address), "127.0.0.1:7");
  const anyone = parseTarget({ url: "mxp://localhost" });
  assert.ok(anyone.kind === "url");
  assert.deepEqual(anyone.agentId, new Uint8Array(16));
  assert.equal(anyone.url.port, 9000);
});

Deno.test("parseTarget() refuses none, several, empty and unknown terms", () => {
  // @ts-expect-error: two terms
  const two: Target = { name: "a", tag: "b" };
  const wrong = [
    {},
    two,
    { name: "" },
    { colour: "red" },
    { id: "not a uuid" },
    { url: "http://localhost" },
    null,
    "agent",
  ];
  for (const target of wrong) {
    assert.throws(() => parseTarget(target as unknown as Target));
  }
  assert.throws(() => parseTarget({} as unknown as Target), CallError);
});

Deno.test("parseTarget() reads a URL anew once many others came between, to the same end", () => {
  const url = `mxp://127.0.0.1:7/${ID}`;
  const first = parseTarget({ url });
  assert.equal(parseTarget({ url }), first);
  for (let port = 1; port <= 64; port++) {
    parseTarget({ url: `mxp://127.0.0.2:${port}` });
  }
  const again = parseTarget({ url });
  assert.notEqual(again, first);
  assert.deepEqual(again, first);
});

Deno.test("describeTarget() names what was asked for", () => {
  assert.equal(
    describeTarget(parseTarget({ capability: "see" })),
    'capability "see"',
  );
});

Deno.test("parseTarget() gives the same for the same terms, and remembers a few", () => {
  const first = parseTarget({ name: "term-0" });
  assert.equal(parseTarget({ name: "term-0" }), first);
  assert.notEqual(parseTarget({ tag: "term-0" }), first);
  for (let index = 1; index <= 64; index++) {
    parseTarget({ name: `term-${index}` });
  }
  const again = parseTarget({ name: "term-0" });
  assert.notEqual(again, first);
  assert.deepEqual(again, first);
});

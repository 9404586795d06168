/**
 * The table of limits in docs/spec/transport.md and the source, in both
 * directions: no limit without a row, no row without a limit, the same numbers.
 */
import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import { createEndpointConfig } from "../transport/core/endpoint_config.ts";
import { CloseCode } from "../transport/core/error.ts";
import { LIMIT_NAMES } from "../transport/core/limits.ts";
import { readPage, tableOf } from "./support/markdown_table.ts";
import { SeededRandom } from "./support/seeded_random.ts";

const PAGE = "docs/spec/transport.md";
const rows = tableOf(
  readPage(PAGE),
  ["limit", "key", "default", "past it"],
  "## Limits",
);

Deno.test(`${PAGE} gives the default of every limit`, () => {
  const keyPair = generateKeyPair(new SeededRandom(1));
  const config = createEndpointConfig({ keyPair }) as unknown as Readonly<
    Record<string, number>
  >;
  for (const { key, default: text } of rows) {
    assert.equal(Number(text!.replaceAll(",", "")), config[key!], key);
  }
  // Whatever is called a maximum is a limit, unless the owner causes it.
  const OWN = ["maxAckDelayMs", "maxDatagramBytes", "maxStoredTickets"];
  const maxima = Object.keys(config).filter((key) =>
    key.startsWith("max") && !OWN.includes(key)
  );
  const listed = new Set(rows.map(({ key }) => key));
  assert.deepEqual(maxima.filter((key) => !listed.has(key)), []);
});

Deno.test(`${PAGE} says of every limit where it is counted`, () => {
  const counted = rows.filter((row) =>
    row["counted in the statistics"] === "limitsReached"
  );
  assert.deepEqual(
    counted.map(({ key }) => key).toSorted(),
    [...LIMIT_NAMES].toSorted(),
  );
  const stats = readPage("transport/core/stats.ts");
  for (const row of rows) {
    const cell = row["counted in the statistics"]!;
    const reason = /^drops: (.+)$/.exec(cell)?.[1];
    if (reason === undefined) continue;
    assert.ok(stats.includes(`| "${reason}"`), reason);
  }
});

Deno.test(`${PAGE} names close codes of the source for what passes a limit`, () => {
  for (const row of rows) {
    const code = /[A-Z]+(?:_[A-Z]+)+/.exec(row["past it"]!)?.[0];
    if (code !== undefined) assert.ok(code in CloseCode, code);
  }
});

Deno.test("Every limit that known peers can reach has its test", () => {
  const tests = readPage("transport/core/limits_test.ts");
  for (const name of LIMIT_NAMES) assert.ok(tests.includes(name), name);
});

import assert from "node:assert/strict";
import { withDirectory } from "../tests/support/temporary_directory.ts";
import { CliError } from "./error.ts";
import { readValue } from "./value_source.ts";

const MAX_BYTES = 100;

/** Texts of numbers that would arrive as others. */
const LOST_NUMBERS: readonly string[] = [
  "12345678901234567890",
  "-9007199254740992",
  "9007199254740993",
  "1e999",
  "-1.5E+400",
  '{"a":[{"id":12345678901234567890}]}',
  '["\\\\",9007199254740993,"\\""]',
];

function isUsageError(message: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof CliError && error.code === "USAGE" &&
    message.test(error.message);
}

Deno.test("readValue() takes for JSON what can be read as JSON, and the rest for text", async () => {
  const cases: [string, unknown][] = [
    ["true", true],
    ['{"a":[1]}', { a: [1] }],
    ["null", null],
    ["plain", "plain"],
    ["{", "{"],
    ["", ""],
  ];
  for (const [word, expected] of cases) {
    assert.deepEqual(await readValue(word, {}, MAX_BYTES), expected, word);
  }
  await assert.rejects(
    readValue("{", { dataJson: true }, MAX_BYTES),
    isUsageError(/not JSON/),
  );
});

Deno.test("readValue() takes a number that would arrive as another for text", async () => {
  for (const word of LOST_NUMBERS) {
    assert.equal(await readValue(word, {}, MAX_BYTES), word);
    await assert.rejects(
      readValue(word, { dataJson: true }, MAX_BYTES),
      isUsageError(/^the value holds a number beyond 9007199254740991.*$/),
      word,
    );
  }
});

Deno.test("readValue() takes every other number, and digits in strings", async () => {
  const words = [
    "9007199254740991",
    "-9007199254740991",
    "-0",
    "1.10",
    "0.1",
    "0.12345678901234567890",
    "1e300",
    "1e-999",
    '"12345678901234567890"',
    '["\\"12345678901234567890",{"12345678901234567890":1}]',
  ];
  for (const word of words) {
    for (const options of [{}, { dataJson: true }]) {
      const value = await readValue(word, options, MAX_BYTES);
      assert.deepEqual(value, JSON.parse(word), word);
    }
  }
});

Deno.test("readValue() keeps the byte-order mark of a text, and passes over that of JSON", async () => {
  await withDirectory(async (directory) => {
    const file = `${directory}/value`;
    const text = '\ufeff{"a":1}';
    await Deno.writeTextFile(file, text);
    const asText = { file, text: true };
    assert.equal(await readValue(undefined, asText, MAX_BYTES), text);
    const asJson = { file, dataJson: true };
    assert.deepEqual(await readValue(undefined, asJson, MAX_BYTES), { a: 1 });
    const bytes = await readValue(undefined, { file }, MAX_BYTES);
    assert.deepEqual(bytes, new TextEncoder().encode(text));
  });
});

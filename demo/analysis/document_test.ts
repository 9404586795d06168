import assert from "node:assert/strict";
import fc from "fast-check";
import { DocumentAnalysis, type DocumentReport } from "./document.ts";

function analyse(
  text: string | Uint8Array,
  { name = "x.txt", pieceLength = 7 } = {},
): DocumentReport {
  const bytes = typeof text === "string"
    ? new TextEncoder().encode(text)
    : text;
  const analysis = new DocumentAnalysis(name);
  for (let start = 0; start < bytes.length; start += pieceLength) {
    analysis.add(bytes.subarray(start, start + pieceLength));
  }
  return analysis.finish();
}

const TEXT = `A lighthouse warns ships of the rocks near the northern harbour.
The keeper lights the lamp of the lighthouse every evening before the ships
come home. He drinks tea.

The ships of the harbour carry salt, timber and letters to the southern towns!
`;

Deno.test("DocumentAnalysis counts bytes, lines, words and sentences", () => {
  const report = analyse(TEXT);
  assert.equal(report.isText, true);
  assert.equal(report.byteCount, TEXT.length);
  assert.equal(report.lineCount, 5);
  assert.equal(report.sentenceCount, 4);
  assert.equal(report.wordCount, TEXT.match(/\w+/g)!.length);
  assert.deepEqual(report.terms[0], { word: "ships", count: 3 });
  assert.equal(report.readingMinutes, report.wordCount / 238);
});

Deno.test("DocumentAnalysis quotes whole sentences, in the order of the text", () => {
  const { keySentences } = analyse(TEXT);
  assert.equal(keySentences.length, 3);
  const text = TEXT.replaceAll("\n", " ");
  const places = keySentences.map((sentence) => text.indexOf(sentence));
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  assert.ok(places.every((place) => place >= 0));
  assert.ok(!keySentences.includes("He drinks tea."));
});

Deno.test("DocumentAnalysis reads Markdown without code, tables and marks", () => {
  const text = `# Heading of the text that is long enough to be one sentence.

The **keeper** of the \`lamp\` reads [long letters](http://example.org) every night.

\`\`\`
const keeper = "The code is not read as a sentence of the text at all.";
\`\`\`

| The table is | not read as a sentence of the text either. |
`;
  const { keySentences, sentenceCount } = analyse(text, { name: "a.md" });
  assert.deepEqual(keySentences, [
    "The keeper of the lamp reads long letters every night.",
  ]);
  assert.equal(sentenceCount, 1);
});

Deno.test("DocumentAnalysis says the same whatever the pieces", () => {
  const whole = analyse(`${TEXT}äöü 漢字。`, { pieceLength: 10_000 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), (pieceLength) => {
    assert.deepEqual(analyse(`${TEXT}äöü 漢字。`, { pieceLength }), whole);
  }));
});

Deno.test("DocumentAnalysis tells text from other bytes", () => {
  assert.equal(analyse("").isText, true);
  assert.equal(analyse("").byteCount, 0);
  const noise = Uint8Array.from({ length: 4096 }, (_, i) => i * 167 & 0xff);
  const report = analyse(noise);
  assert.equal(report.isText, false);
  assert.equal(report.entropyBits, 8);
  assert.deepEqual(report.keySentences, []);
  const latin1 = Uint8Array.from({ length: 100 }, () => 0xe4);
  assert.equal(analyse(latin1).isText, false);
});

Deno.test("DocumentAnalysis takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
    const report = analyse(bytes, { name: "x.md" });
    assert.equal(report.byteCount, bytes.length);
  }));
});

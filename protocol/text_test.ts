import assert from "node:assert/strict";
import fc from "fast-check";
import { anyText } from "../tests/support/codec_properties.ts";
import { decodeName, encodeText, writeShortText } from "./text.ts";

Deno.test("decodeName() reads any text, as often as it comes", () => {
  // Few different ones, so that many share a place in the memory of names.
  const anyName = fc.oneof(
    anyText,
    fc.string({ unit: fc.constantFrom("a", "b", "\0", "é"), maxLength: 40 }),
  );
  fc.assert(
    fc.property(fc.array(anyName, { maxLength: 60 }), fc.nat(9), (all, at) => {
      for (const name of all) {
        const text = encodeText(name)!;
        const bytes = new Uint8Array(at + text.length + 3);
        bytes.set(text, at);
        assert.equal(decodeName(bytes, at, at + text.length), name);
      }
    }),
  );
});

Deno.test("decodeName() refuses what is not UTF-8", () => {
  for (
    const hex of ["ff", "80", "c3", "eda080", "61ff", "61".repeat(40) + "ff"]
  ) {
    const bytes = Uint8Array.fromHex(hex);
    assert.equal(decodeName(bytes, 0, bytes.length), undefined);
  }
});

Deno.test("writeShortText() writes ASCII and leaves everything else to encodeText()", () => {
  fc.assert(fc.property(anyText, fc.nat(5), (text, at) => {
    const into = new Uint8Array(at + text.length);
    const isWritten = writeShortText(text, into, at);
    const isAscii = [...text].every((unit) => unit < "\u0080");
    assert.equal(isWritten, isAscii && text.length <= 32);
    if (isWritten) assert.deepEqual(into.slice(at), encodeText(text));
  }));
});

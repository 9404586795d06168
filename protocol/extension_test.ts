import assert from "node:assert/strict";
import {
  anyExtensions,
  assertRefused,
  testCodec,
  tooManyExtensions,
} from "../tests/support/codec_properties.ts";
import {
  decodeExtensions,
  encodeExtensions,
  extensionBlockLength,
  extensionsLength,
  readExtensionBlock,
  writeExtensionBlock,
} from "./extension.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

testCodec({
  name: "Extensions",
  encode: encodeExtensions,
  decode: decodeExtensions,
  // One at least, so that there is a byte to damage.
  values: anyExtensions.filter((extensions) => extensions.length > 0),
});

testCodec({
  name: "Extension block",
  encode(extensions) {
    const writer = new PayloadWriter("Test", 0);
    writeExtensionBlock(writer, extensions);
    assert.equal(writer.length, extensionBlockLength(extensions));
    return writer.finish();
  },
  decode(bytes) {
    const reader = new PayloadReader("Test", bytes);
    const extensions = readExtensionBlock(reader);
    reader.end();
    return extensions;
  },
  values: anyExtensions,
});

Deno.test("encodeExtensions() lays out type, length and value", () => {
  const extensions = [
    { type: 0x0102, value: Uint8Array.fromHex("aabbcc") },
    { type: 3, value: new Uint8Array(0) },
  ];
  const bytes = encodeExtensions(extensions);
  assert.equal(bytes.toHex(), "02010300aabbcc" + "03000000");
  assert.equal(extensionsLength(extensions), bytes.length);
});

Deno.test("decodeExtensions() refuses an extension that is cut off", () => {
  const bytes = Uint8Array.fromHex("02010300aabbcc");
  for (let length = 1; length < bytes.length; length++) {
    assertRefused(
      () => decodeExtensions(bytes.subarray(0, length)),
      "PAYLOAD_TRUNCATED",
    );
  }
});

Deno.test("decodeExtensions() refuses more than 1,024 before it goes on", () => {
  assertRefused(
    () => decodeExtensions(new Uint8Array(4 * 1025)),
    "PAYLOAD_INVALID",
  );
  assert.equal(decodeExtensions(new Uint8Array(4 * 1024)).length, 1024);
});

Deno.test("encodeExtensions() refuses what the fields cannot carry", () => {
  const value = new Uint8Array(0);
  for (
    const extensions of [
      [{ type: -1, value }],
      [{ type: 0x10000, value }],
      [{ type: 1.5, value }],
      [{ type: 1, value: new Uint8Array(0x10000) }],
      tooManyExtensions(),
    ]
  ) {
    assertRefused(
      () => encodeExtensions(extensions),
      "INVALID_VALUE",
      "caller",
    );
  }
});

Deno.test("writeExtensionBlock() refuses a block above 65,535 bytes", () => {
  const half = { type: 1, value: new Uint8Array(0x7ffc) };
  const writer = new PayloadWriter("Test", 0);
  assertRefused(
    () => writeExtensionBlock(writer, [half, half]),
    "INVALID_VALUE",
    "caller",
  );
});

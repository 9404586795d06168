import assert from "node:assert/strict";
import { generateKeyPair } from "../crypto/mod.ts";
import {
  ContentType,
  MessageFlags,
  ProtocolError,
  type Value,
} from "../protocol/mod.ts";
import { systemRandom } from "../transport/mod.ts";
import {
  compressMessage,
  packContent,
  readPayload,
  SealedValue,
  sealValue,
  unpackContent,
} from "./content.ts";

const sender = generateKeyPair(systemRandom);
const recipient = generateKeyPair(systemRandom);
const relay = generateKeyPair(systemRandom);
const VALUES: Value[] = [
  new Uint8Array([1, 2]),
  "text",
  "",
  { a: [1, null] },
  null,
  7,
];

Deno.test("unpackContent() gives back what packContent() took", () => {
  for (const value of VALUES) {
    const { flags, ...content } = packContent(value);
    const received = unpackContent(flags, content, relay);
    assert.deepEqual(received.value, value);
    assert.equal(received.sealed, undefined);
  }
});

Deno.test("unpackContent() opens what is sealed for it and names the sealer", () => {
  for (const value of VALUES) {
    const sealed = sealValue(value, {
      recipients: [recipient.publicKey],
      sender,
    });
    const { flags, ...content } = packContent(sealed);
    assert.equal(flags, MessageFlags.ENCRYPTED);
    assert.equal(content.contentType, ContentType.BYTES);
    const received = unpackContent(flags, content, recipient);
    assert.deepEqual(received.value, value);
    assert.deepEqual(received.sealedBy, sender.publicKey);
  }
});

Deno.test("unpackContent() gives a relay the sealed bytes, which pass on unchanged", () => {
  const sealed = sealValue("secret", {
    recipients: [recipient.publicKey],
    sender,
  });
  const first = packContent(sealed);
  const atRelay = unpackContent(first.flags, first, relay);
  assert.ok(atRelay.value instanceof SealedValue);
  assert.equal(atRelay.sealedBy, undefined);
  const second = packContent(atRelay.value);
  assert.equal(
    unpackContent(second.flags, second, recipient).value,
    "secret",
  );
});

// docs/spec/messages.md#end-to-end-encryption
Deno.test("unpackContent() refuses a sealed body beside another content type than that of bytes", () => {
  const sealed = sealValue("text", {
    recipients: [recipient.publicKey],
    sender,
  });
  const { flags, body } = packContent(sealed);
  for (const contentType of [ContentType.TEXT, ContentType.JSON, 3, 255]) {
    for (const keyPair of [recipient, relay]) {
      assert.throws(
        () => unpackContent(flags, { contentType, body }, keyPair),
        (error) =>
          error instanceof ProtocolError && error.code === "PAYLOAD_INVALID" &&
          error.fault === "peer",
      );
    }
  }
});

Deno.test("packContent() and sealValue() refuse JSON that nobody would take, and send it as text", () => {
  const tooMuch = new Array(500_000).fill([]);
  const isTooLarge = (error: unknown): boolean =>
    error instanceof ProtocolError && error.code === "PAYLOAD_TOO_LARGE" &&
    error.fault === "caller";
  const recipients = [recipient.publicKey];
  assert.throws(() => packContent(tooMuch), isTooLarge);
  assert.throws(() => sealValue(tooMuch, { recipients, sender }), isTooLarge);
  const text = JSON.stringify(tooMuch);
  assert.equal(packContent(text).contentType, ContentType.TEXT);
  packContent(tooMuch.slice(0, 400_000));
});

Deno.test("unpackContent() refuses text that is not UTF-8", () => {
  assert.throws(
    () =>
      unpackContent(0, {
        contentType: ContentType.TEXT,
        body: new Uint8Array([0xff]),
      }, relay),
    ProtocolError,
  );
});

Deno.test("compressMessage() compresses where asked for and where it helps", () => {
  const long = new Uint8Array(2_000);
  const short = new Uint8Array(100);
  const random = new Uint8Array(2_000);
  systemRandom.fillPublic(random);
  const { COMPRESSED, ENCRYPTED } = MessageFlags;
  assert.equal(compressMessage(0, long, true).flags, COMPRESSED);
  assert.equal(compressMessage(0, long, "auto").flags, COMPRESSED);
  assert.equal(compressMessage(0, short, true).flags, COMPRESSED);
  assert.equal(compressMessage(0, short, "auto").flags, 0);
  assert.equal(compressMessage(0, long, undefined).flags, 0);
  assert.equal(compressMessage(0, random, true).flags, 0);
  assert.equal(compressMessage(ENCRYPTED, long, true).flags, ENCRYPTED);
  assert.deepEqual(readPayload(compressMessage(0, long, true)), long);
});

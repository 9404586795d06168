import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { fromHex } from "../tests/support/vectors.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64.ts";
import { CryptoError } from "./error.ts";
import { fingerprint } from "./fingerprint.ts";
import { createIdentity, decodeIdentity, encodeIdentity } from "./identity.ts";

const identity = createIdentity(new SeededRandom(1));
const isInvalid = (error: unknown): boolean =>
  error instanceof CryptoError && error.code === "IDENTITY_INVALID";

Deno.test("decodeIdentity() reads what encodeIdentity() wrote", () => {
  assert.deepEqual(decodeIdentity(encodeIdentity(identity)), identity);
});

Deno.test("encodeIdentity() writes the documented fields", () => {
  const text = encodeIdentity(identity);
  const { privateKey, publicKey } = identity.keyPair;
  assert.deepEqual(JSON.parse(text), {
    version: 1,
    type: "mxp-x25519",
    privateKey: Buffer.from(privateKey).toString("base64url"),
    publicKey: Buffer.from(publicKey).toString("base64url"),
  });
  assert(text.endsWith("}\n"));
});

Deno.test("decodeIdentity() refuses everything else, without quoting it", () => {
  const good = JSON.parse(encodeIdentity(identity)) as Record<string, unknown>;
  const secret = good.privateKey as string;
  const other = createIdentity(new SeededRandom(2)).keyPair.publicKey;
  const bad: unknown[] = [
    null,
    [],
    {},
    { ...good, version: 2 },
    { ...good, version: "1" },
    { ...good, type: "ed25519" },
    { ...good, privateKey: undefined },
    { ...good, privateKey: 5 },
    { ...good, privateKey: secret.slice(1) },
    { ...good, privateKey: `${secret}=` },
    { ...good, privateKey: ` ${secret}` },
    { ...good, publicKey: encodeBase64Url(other) },
    { ...good, padding: "x".repeat(5000) },
  ];
  const texts = bad.map((value) => JSON.stringify(value));
  for (const text of [...texts, "", "{", `${secret}`, `{"a":${secret}`]) {
    assert.throws(() => decodeIdentity(text), (error) => {
      assert(!String((error as Error).message).includes(secret.slice(0, 8)));
      assert.equal((error as Error).cause, undefined);
      return isInvalid(error);
    });
  }
});

Deno.test("decodeIdentity() throws nothing but its own error", () => {
  fc.assert(fc.property(fc.string(), fc.json(), (text, json) => {
    assert.throws(() => decodeIdentity(text), isInvalid);
    assert.throws(() => decodeIdentity(json), isInvalid);
  }));
});

Deno.test("fingerprint() is SHA256: and the digest, as OpenSSH shows it", () => {
  const key = identity.keyPair.publicKey;
  const digest = createHash("sha256").update(key).digest("base64");
  assert.equal(fingerprint(key), `SHA256:${digest.replace(/=+$/, "")}`);
  assert.equal(identity.fingerprint, fingerprint(key));
  assert.equal(identity.fingerprint.length, 50);
  assert.equal(
    fingerprint(fromHex(
      "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13",
    )),
    "SHA256:0Zvz8IJ4LIe3g/5xNGmK7/bmbZ+Gr698+em4v0C6s/8",
  );
  assert.throws(
    () => fingerprint(new Uint8Array(31)),
    (error) => error instanceof CryptoError && error.code === "INVALID_KEY",
  );
});

Deno.test("decodeBase64Url() takes the one canonical form", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
    const text = Buffer.from(bytes).toString("base64url");
    assert.equal(encodeBase64Url(bytes), text);
    assert.deepEqual(decodeBase64Url(text), bytes);
  }));
  for (const text of ["A", "AB", "AA=", "AA==", "A A", "+/", "AAA\n", "é"]) {
    assert.equal(decodeBase64Url(text), undefined, text);
  }
});

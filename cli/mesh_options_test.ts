import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { parseSuites } from "./mesh_options.ts";

Deno.test("parseSuites() keeps the order of the names", () => {
  assert.deepEqual(parseSuites("aes-256-gcm"), ["aes-256-gcm"]);
  assert.deepEqual(parseSuites("aes-256-gcm, chacha20-poly1305"), [
    "aes-256-gcm",
    "chacha20-poly1305",
  ]);
});

Deno.test("parseSuites() refuses what is no suite, is named twice, or is nothing", () => {
  for (
    const text of [
      "",
      ",",
      "rot13",
      "aes-256-gcm,",
      "aes-256-gcm,rot13",
      "aes-256-gcm,aes-256-gcm",
      "AES-256-GCM",
    ]
  ) {
    assert.throws(() => parseSuites(text), InvalidArgumentError, text);
  }
});

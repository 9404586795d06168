import assert from "node:assert/strict";
import {
  acceptedSuite,
  encodeSuites,
  SUITE_NAMES,
  suiteAfterRefusal,
  suiteError,
  suiteParts,
} from "./suite.ts";

Deno.test("suiteParts() gives every suite a number of its own that fits a byte", () => {
  const codes = SUITE_NAMES.map((suite) => suiteParts(suite).code);
  assert.equal(new Set(codes).size, codes.length);
  for (const code of codes) assert.ok(code >= 1 && code <= 255);
  assert.deepEqual([...encodeSuites(SUITE_NAMES)], codes);
});

Deno.test("acceptedSuite() takes only the suite that it likes best of those offered", () => {
  const both = ["aes-256-gcm", "chacha20-poly1305"] as const;
  assert.equal(acceptedSuite(Uint8Array.of(1), both), "chacha20-poly1305");
  assert.equal(acceptedSuite(Uint8Array.of(2, 1), both), "aes-256-gcm");
  assert.equal(acceptedSuite(Uint8Array.of(1, 2), both), undefined);
  assert.equal(acceptedSuite(Uint8Array.of(9), both), undefined);
  assert.equal(acceptedSuite(Uint8Array.of(9, 1), both), undefined);
});

Deno.test("suiteAfterRefusal() gives what a responder of that order accepts, or nothing", () => {
  // Every order of every choice of suites, at both ends.
  const choices: ("chacha20-poly1305" | "aes-256-gcm")[][] = [
    ["chacha20-poly1305"],
    ["aes-256-gcm"],
    ["chacha20-poly1305", "aes-256-gcm"],
    ["aes-256-gcm", "chacha20-poly1305"],
  ];
  for (const own of choices) {
    for (const theirs of choices) {
      const common = theirs.find((suite) => own.includes(suite));
      const first = acceptedSuite(encodeSuites(own), theirs);
      if (first !== undefined) {
        assert.equal(first, common);
        continue;
      }
      const next = suiteAfterRefusal(encodeSuites(theirs), own);
      assert.equal(next, common);
      if (next === undefined) continue;
      const rest = own.filter((suite) => suite !== next);
      assert.equal(acceptedSuite(encodeSuites([next, ...rest]), theirs), next);
    }
  }
});

Deno.test("suiteAfterRefusal() does not believe that the refused suite is liked best", () => {
  const own = ["chacha20-poly1305", "aes-256-gcm"] as const;
  assert.equal(suiteAfterRefusal(Uint8Array.of(1, 2), own), undefined);
  assert.equal(suiteAfterRefusal(Uint8Array.of(77), own), undefined);
  assert.equal(suiteAfterRefusal(Uint8Array.of(77, 2), own), "aes-256-gcm");
});

Deno.test("suiteError() names the suites of both ends, known or not", () => {
  const { code, fault, message } = suiteError(
    "aes-256-gcm",
    Uint8Array.of(1, 200),
    ["aes-256-gcm"],
  );
  assert.equal(code, "HANDSHAKE_FAILED");
  assert.equal(fault, "peer");
  assert.match(message, /offers aes-256-gcm,/);
  assert.match(message, /takes chacha20-poly1305, unknown suite 200$/);
});

import assert from "node:assert/strict";
import { CryptoError } from "../error.ts";
import {
  handshakePattern,
  PATTERN_NAMES,
  pskCount,
} from "./handshake_pattern.ts";

const isUnsupported = (error: unknown): boolean =>
  error instanceof CryptoError && error.code === "UNSUPPORTED_PROTOCOL";

Deno.test("handshakePattern() knows the fifteen patterns of Noise §7.4 and §7.5", () => {
  const names = "N K X NN KN NK KK NX KX XN IN XK IK XX IX".split(" ");
  assert.deepEqual([...PATTERN_NAMES].sort(), names.sort());
});

Deno.test("handshakePattern() names agree with what the patterns carry", () => {
  for (const name of PATTERN_NAMES.filter((name) => name.length === 2)) {
    const pattern = handshakePattern(name);
    const [initiator, responder] = name;
    const sends = (parity: number) =>
      pattern.messages.flatMap((tokens, index) =>
        index % 2 === parity ? tokens : []
      );
    assert.equal(pattern.isInitiatorStaticKnown, initiator === "K");
    assert.equal(pattern.isResponderStaticKnown, responder === "K");
    assert.equal(sends(0).includes("s"), "XI".includes(initiator!));
    assert.equal(sends(1).includes("s"), responder === "X");
    const tokens = pattern.messages.flat();
    assert.equal(tokens.includes("se"), initiator !== "N", name);
    assert.equal(tokens.includes("es"), responder !== "N", name);
  }
});

// Noise §9.4
Deno.test("handshakePattern() puts psk tokens where the modifier says", () => {
  assert.deepEqual(handshakePattern("NNpsk0").messages, [["psk", "e"], [
    "e",
    "ee",
  ]]);
  assert.deepEqual(handshakePattern("IKpsk1").messages[0], [
    "e",
    "es",
    "s",
    "ss",
    "psk",
  ]);
  assert.deepEqual(handshakePattern("XXpsk3").messages[2], ["s", "se", "psk"]);
  const both = handshakePattern("NNpsk0+psk2");
  assert.deepEqual(both.messages, [["psk", "e"], ["e", "ee", "psk"]]);
  assert.equal(pskCount(both), 2);
  assert.deepEqual(handshakePattern("NN").messages, [["e"], ["e", "ee"]]);
});

Deno.test("handshakePattern() refuses every other name", () => {
  for (
    const name of [
      "",
      "ZZ",
      "nn",
      "IKpsk",
      "IKpsk3",
      "NNpsk9",
      "Npsk2",
      "IKpsk1+",
      "IKpsk1+psk1",
      "IKpsk01",
      "IKpsk1psk2",
      "XXfallback",
      "IK ",
      "__proto__",
      "constructor",
    ]
  ) assert.throws(() => handshakePattern(name), isUnsupported, name);
});

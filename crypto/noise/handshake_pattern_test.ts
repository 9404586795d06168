import assert from "node:assert/strict";
import { CryptoError } from "../error.ts";
import {
  handshakePattern,
  isHybrid,
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

// "Hybrid Forward Secrecy" §5
Deno.test("handshakePattern() puts e1 and ekem1 where the modifier hfs says", () => {
  const messages = (name: string): string[] =>
    handshakePattern(name).messages.map((tokens) => tokens.join(" "));
  assert.deepEqual(messages("NNhfs"), ["e e1", "e ee ekem1"]);
  assert.deepEqual(messages("IKhfs"), ["e es e1 s ss", "e ee ekem1 se"]);
  assert.deepEqual(messages("XXhfs"), ["e e1", "e ee ekem1 s es", "s se"]);
  assert.deepEqual(messages("KKhfs"), ["e es ss e1", "e ee ekem1 se"]);
  assert.deepEqual(messages("IXhfs"), ["e e1 s", "e ee ekem1 se s es"]);
  assert.deepEqual(messages("XXhfs+psk3"), [
    "e e1",
    "e ee ekem1 s es",
    "s se psk",
  ]);
  assert.deepEqual(messages("NNpsk0+hfs"), ["psk e e1", "e ee ekem1"]);
  assert.deepEqual(messages("IKpsk2+hfs"), messages("IKhfs+psk2"));
  assert.equal(isHybrid(handshakePattern("IKhfs")), true);
  assert.equal(isHybrid(handshakePattern("IKpsk2")), false);
  // The table itself is not changed by a modifier.
  assert.deepEqual(messages("IK"), ["e es s ss", "e ee se"]);
});

Deno.test("handshakePattern() has hybrid forms of all patterns but the one-way ones", () => {
  for (const name of PATTERN_NAMES) {
    if (name.length === 1) {
      assert.throws(() => handshakePattern(`${name}hfs`), isUnsupported, name);
      continue;
    }
    const tokens = handshakePattern(`${name}hfs`).messages.flat();
    for (const token of ["e1", "ekem1"] as const) {
      assert.equal(tokens.indexOf(token), tokens.lastIndexOf(token));
      assert.ok(tokens.includes(token), name);
    }
  }
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
      "IKhfs2",
      "IKhfs+",
      "IKhfs+hfs",
      "IKhfspsk2",
      "IKHFS",
      "IK ",
      "__proto__",
      "constructor",
    ]
  ) assert.throws(() => handshakePattern(name), isUnsupported, name);
});

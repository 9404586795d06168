import assert from "node:assert/strict";
import { chacha20 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { fromHex, toHex } from "../tests/support/vectors.ts";
import { CryptoError } from "./error.ts";
import {
  createHeaderProtection,
  HEADER_MASK_LENGTH,
} from "./header_protection.ts";

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length });

Deno.test("HeaderProtection.mask() gives the mask of RFC 9001 A.5", () => {
  const protection = createHeaderProtection(fromHex(
    "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
  ));
  const mask = new Uint8Array(HEADER_MASK_LENGTH);
  protection.mask(fromHex("5e5cd55c41f69080575d7999c25a5bfb"), mask);
  assert.equal(toHex(mask.subarray(0, 5)), "aefefe7d03");
});

Deno.test("HeaderProtection.mask() is the start of a ChaCha20 block", () => {
  fc.assert(fc.property(bytes(32), bytes(16), (key, sample) => {
    const counter = new DataView(sample.buffer, sample.byteOffset)
      .getUint32(0, true);
    // The other implementation refuses the very last counter.
    fc.pre(counter < 0xffffffff);
    const zeros = new Uint8Array(HEADER_MASK_LENGTH);
    const expected = chacha20(
      key,
      sample.slice(4),
      zeros,
      undefined,
      counter,
    );
    const mask = new Uint8Array(HEADER_MASK_LENGTH + 2).fill(0xee);
    createHeaderProtection(key).mask(sample, mask);
    assert.deepEqual(mask.subarray(0, HEADER_MASK_LENGTH), expected);
    assert.deepEqual([...mask.subarray(HEADER_MASK_LENGTH)], [0xee, 0xee]);
  }));
});

Deno.test("HeaderProtection.maskAt() takes the sample from within a packet", () => {
  fc.assert(
    fc.property(
      bytes(32),
      fc.uint8Array({ minLength: 16, maxLength: 60 }),
      fc.nat(44),
      (key, packet, at) => {
        fc.pre(at + 16 <= packet.length);
        const protection = createHeaderProtection(key);
        const expected = new Uint8Array(HEADER_MASK_LENGTH);
        protection.mask(packet.slice(at, at + 16), expected);
        const mask = new Uint8Array(HEADER_MASK_LENGTH);
        protection.maskAt(packet, at, mask);
        assert.deepEqual(mask, expected);
      },
    ),
  );
});

Deno.test("HeaderProtection.maskAt() refuses a sample that is not all there", () => {
  const protection = createHeaderProtection(new Uint8Array(32));
  const packet = new Uint8Array(40), mask = new Uint8Array(21);
  protection.maskAt(packet, 24, mask);
  for (const offset of [25, 40, 41, -1, NaN]) {
    assert.throws(
      () => protection.maskAt(packet, offset, mask),
      (error) =>
        error instanceof CryptoError && error.code === "INVALID_LENGTH",
    );
  }
});

Deno.test("createHeaderProtection() copies its key, and wipe() forgets it", () => {
  const key = new Uint8Array(32).fill(7);
  const protection = createHeaderProtection(key);
  const [before, after] = [new Uint8Array(21), new Uint8Array(21)];
  protection.mask(new Uint8Array(16), before);
  key.fill(0);
  protection.mask(new Uint8Array(16), after);
  assert.deepEqual(after, before);
  protection.wipe();
  assert.throws(
    () => protection.mask(new Uint8Array(16), after),
    (error) => error instanceof CryptoError && error.code === "STATE",
  );
});

Deno.test("createHeaderProtection() refuses other sizes", () => {
  const isCode = (code: string) => (error: unknown) =>
    error instanceof CryptoError && error.code === code;
  for (const length of [0, 16, 31, 33]) {
    assert.throws(
      () => createHeaderProtection(new Uint8Array(length)),
      isCode("INVALID_KEY"),
    );
  }
  const protection = createHeaderProtection(new Uint8Array(32));
  const mask = new Uint8Array(21);
  for (const length of [0, 15, 17]) {
    assert.throws(
      () => protection.mask(new Uint8Array(length), mask),
      isCode("INVALID_LENGTH"),
    );
  }
  assert.throws(
    () => protection.mask(new Uint8Array(16), mask.subarray(1)),
    isCode("INVALID_LENGTH"),
  );
});

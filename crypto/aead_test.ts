import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { fromHex, testVectors, toHex } from "../tests/support/vectors.ts";
import {
  aead,
  AEAD_TAG_LENGTH,
  type AeadSuite,
  createPacketAead,
  type ProviderName,
} from "./aead.ts";
import { CryptoError } from "./error.ts";
import { isFfiGranted } from "../internal/ffi_permission.ts";
import { cipherLibraryProblem, defaultProvider } from "./provider/select.ts";

const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];
const IS_FFI_GRANTED = isFfiGranted();
const HAS_LIBCRYPTO = IS_FFI_GRANTED && cipherLibraryProblem() === undefined;
const PROVIDERS: readonly ProviderName[] = [
  "native",
  "wasm",
  ...(HAS_LIBCRYPTO ? ["libcrypto"] as const : []),
  "portable",
];
const VARIANTS = SUITES.flatMap((suite) =>
  PROVIDERS.map((provider) => ({ suite, provider }))
);
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length });
const shortBytes = fc.uint8Array({ maxLength: 200 });

interface AeadVectors {
  testGroups: {
    ivSize: number;
    keySize: number;
    tagSize: number;
    tests: Record<"key" | "iv" | "aad" | "msg" | "ct" | "tag", string>[];
  }[];
}

for (
  const [suite, file] of [
    ["chacha20-poly1305", "wycheproof_chacha20_poly1305.json"],
    ["aes-256-gcm", "wycheproof_aes_gcm.json"],
  ] as const
) {
  for (const provider of PROVIDERS) {
    testVectors<AeadVectors>(
      `aead() passes Wycheproof: ${suite}, ${provider}`,
      file,
      ({ testGroups }) => {
        const cipher = aead(suite, provider);
        let count = 0;
        for (const group of testGroups) {
          const { ivSize, keySize, tagSize } = group;
          if (ivSize !== 96 || keySize !== 256 || tagSize !== 128) continue;
          for (const test of group.tests) {
            const key = fromHex(test.key), nonce = fromHex(test.iv);
            const data = fromHex(test.aad);
            const sealed = test.ct + test.tag;
            const opened = cipher.open(key, nonce, data, fromHex(sealed));
            const isValid = (test as { result?: string }).result === "valid";
            assert.equal(
              opened && toHex(opened),
              isValid ? test.msg : undefined,
            );
            if (isValid) {
              const again = cipher.seal(key, nonce, data, fromHex(test.msg));
              assert.equal(toHex(again), sealed);
            }
            count++;
          }
        }
        assert(count > 50);
      },
    );
  }
}

for (const suite of SUITES) {
  Deno.test(`aead() gives the same bytes with every provider: ${suite}`, () => {
    const ciphers = PROVIDERS.map((provider) => aead(suite, provider));
    fc.assert(
      fc.property(
        bytes(32),
        bytes(12),
        shortBytes,
        shortBytes,
        (key, nonce, data, plaintext) => {
          const expected = ciphers[0]!.seal(key, nonce, data, plaintext);
          for (const cipher of ciphers) {
            const sealed = cipher.seal(key, nonce, data, plaintext);
            assert.deepEqual(sealed, expected);
            assert.deepEqual(cipher.open(key, nonce, data, sealed), plaintext);
          }
        },
      ),
      { numRuns: 50 },
    );
  });
}

for (const { suite, provider } of VARIANTS) {
  const name = `${suite}, ${provider}`;

  Deno.test(`PacketAead.openInto() refuses every flipped bit: ${name}`, () => {
    const cipher = createPacketAead(
      suite,
      new Uint8Array(32).fill(1),
      provider,
    );
    const nonce = new Uint8Array(12);
    const data = Uint8Array.of(9, 8, 7);
    const sealed = new Uint8Array(5 + AEAD_TAG_LENGTH);
    cipher.sealInto(nonce, data, Uint8Array.of(1, 2, 3, 4, 5), sealed);
    const into = new Uint8Array(5).fill(0xee);
    const eachFlip = (target: Uint8Array): void => {
      for (let bit = 0; bit < target.length * 8; bit++) {
        target[bit >> 3]! ^= 1 << (bit & 7);
        assert.equal(cipher.openInto(nonce, data, sealed, into), -1);
        target[bit >> 3]! ^= 1 << (bit & 7);
      }
    };
    eachFlip(sealed);
    eachFlip(data);
    eachFlip(nonce);
    // Nothing that did not authenticate reaches the caller.
    assert.deepEqual(into, new Uint8Array(5).fill(0xee));
    assert.equal(cipher.openInto(nonce, data, sealed, into), 5);
  });

  Deno.test(`PacketAead.openInto() never throws for truncated input: ${name}`, () => {
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const nonce = new Uint8Array(12), none = new Uint8Array();
    const sealed = new Uint8Array(40);
    cipher.sealInto(nonce, none, new Uint8Array(24), sealed);
    for (let length = 0; length < sealed.length; length++) {
      const cut = sealed.subarray(0, length);
      assert.equal(cipher.openInto(nonce, none, cut, new Uint8Array(40)), -1);
    }
  });

  Deno.test(`PacketAead works in place at any offset: ${name}`, () => {
    const cipher = createPacketAead(
      suite,
      new Uint8Array(32).fill(2),
      provider,
    );
    fc.assert(
      fc.property(
        shortBytes,
        shortBytes,
        bytes(12),
        fc.nat(9),
        (plaintext, data, nonce, offset) => {
          const length = plaintext.length + AEAD_TAG_LENGTH;
          const apart = new Uint8Array(length);
          cipher.sealInto(nonce, data, plaintext, apart);
          const buffer = new Uint8Array(offset + length + 3).fill(0xaa);
          buffer.set(plaintext, offset);
          const room = buffer.subarray(offset);
          const inner = room.subarray(0, plaintext.length);
          assert.equal(cipher.sealInto(nonce, data, inner, room), length);
          assert.deepEqual(room.subarray(0, length), apart);
          assert.deepEqual(room.subarray(length), new Uint8Array(3).fill(0xaa));
          const sealed = room.subarray(0, length);
          assert.equal(
            cipher.openInto(nonce, data, sealed, sealed),
            plaintext.length,
          );
          assert.deepEqual(sealed.subarray(0, plaintext.length), plaintext);
        },
      ),
      { numRuns: 50 },
    );
  });

  Deno.test(`PacketAead.sealPacket() does what sealInto() does, in place: ${name}`, () => {
    const cipher = createPacketAead(
      suite,
      new Uint8Array(32).fill(4),
      provider,
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 50 }),
        shortBytes,
        fc.nat(9),
        (header, plaintext, offset) => {
          const length = plaintext.length + AEAD_TAG_LENGTH;
          const sealed = new Uint8Array(length);
          cipher.sealInto(header.subarray(-12), header, plaintext, sealed);
          const bodyAt = offset + header.length;
          const packet = new Uint8Array(bodyAt + length + 3).fill(0xaa);
          packet.set(header, offset);
          packet.set(plaintext, bodyAt);
          cipher.sealPacket(packet, offset, header.length, plaintext.length);
          const expected = new Uint8Array(packet.length).fill(0xaa);
          expected.set(header, offset);
          expected.set(sealed, bodyAt);
          assert.deepEqual(packet, expected);

          const into = new Uint8Array(plaintext.length + 1).fill(0xbb);
          const open = (): number =>
            cipher.openPacket(header, packet, bodyAt, length, into);
          packet[bodyAt + length - 1]! ^= 1;
          assert.equal(open(), -1);
          assert.deepEqual(into, new Uint8Array(into.length).fill(0xbb));
          packet[bodyAt + length - 1]! ^= 1;
          assert.equal(open(), plaintext.length);
          assert.deepEqual(into.subarray(0, -1), plaintext);
          assert.deepEqual(packet, expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  Deno.test(`PacketAead refuses packets that the buffer does not hold: ${name}`, () => {
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const isLength = (error: unknown): boolean =>
      error instanceof CryptoError && error.code === "INVALID_LENGTH";
    const buffer = new Uint8Array(64), header = new Uint8Array(32);
    cipher.sealPacket(buffer, 0, 32, 16);
    for (
      const [offset, headerLength, length] of [
        [0, 32, 17],
        [1, 32, 16],
        [-1, 32, 1],
        [0, 32, -1],
        [0, 11, 1],
        [0, NaN, 1],
      ] as const
    ) {
      assert.throws(
        () => cipher.sealPacket(buffer, offset, headerLength, length),
        isLength,
      );
    }
    for (
      const [from, offset, length] of [
        [header, 33, 32],
        [header, -1, 32],
        [header, 0, 65],
        [header, 0, -1],
        [header.subarray(0, 11), 0, 32],
      ] as const
    ) {
      assert.throws(
        () => cipher.openPacket(from, buffer, offset, length, buffer.slice()),
        isLength,
      );
    }
    const small = new Uint8Array(15);
    assert.throws(
      () => cipher.openPacket(header, buffer, 32, 32, small),
      isLength,
    );
    for (let length = 0; length < AEAD_TAG_LENGTH; length++) {
      assert.equal(cipher.openPacket(header, buffer, 0, length, small), -1);
    }
  });

  Deno.test(`PacketAead refuses wrong sizes of the caller: ${name}`, () => {
    const isCode = (code: string) => (error: unknown) =>
      error instanceof CryptoError && error.code === code &&
      error.fault === "caller";
    for (const length of [0, 16, 31, 33]) {
      assert.throws(
        () => createPacketAead(suite, new Uint8Array(length), provider),
        isCode("INVALID_KEY"),
      );
    }
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const none = new Uint8Array(), nonce = new Uint8Array(12);
    const wrong = isCode("INVALID_LENGTH");
    for (const length of [0, 8, 11, 13]) {
      const nonce = new Uint8Array(length), box = new Uint8Array(16);
      assert.throws(() => cipher.sealInto(nonce, none, none, box), wrong);
      assert.throws(() => cipher.openInto(nonce, none, box, none), wrong);
    }
    const small = new Uint8Array(19);
    const four = new Uint8Array(4);
    assert.throws(() => cipher.sealInto(nonce, none, four, small), wrong);
    assert.throws(
      () => cipher.openInto(nonce, none, new Uint8Array(24), new Uint8Array(7)),
      wrong,
    );
  });

  Deno.test(`PacketAead copies its key, a Buffer's too: ${name}`, () => {
    const key = Buffer.alloc(32, 3);
    const cipher = createPacketAead(suite, key, provider);
    key.fill(0);
    const nonce = new Uint8Array(12), none = new Uint8Array();
    const sealed = new Uint8Array(16);
    cipher.sealInto(nonce, none, none, sealed);
    const expected = aead(suite, provider)
      .seal(new Uint8Array(32).fill(3), nonce, none, none);
    assert.deepEqual(sealed, expected);
  });
}

for (const { suite, provider } of VARIANTS) {
  Deno.test(`PacketAead.wipe() leaves nothing to seal with: ${suite}, ${provider}`, () => {
    const cipher = createPacketAead(suite, new Uint8Array(32), provider);
    const box = new Uint8Array(16), nonce = new Uint8Array(12);
    const none = new Uint8Array();
    cipher.wipe();
    const isState = (error: unknown): boolean =>
      error instanceof CryptoError && error.code === "STATE";
    assert.throws(() => cipher.sealInto(nonce, none, none, box), isState);
    assert.throws(() => cipher.openInto(nonce, none, box, none), isState);
    const packet = new Uint8Array(48);
    assert.throws(() => cipher.sealPacket(packet, 0, 32, 0), isState);
    assert.throws(() => cipher.openPacket(packet, packet, 0, 16, box), isState);
  });
}

Deno.test("createPacketAead() refuses a suite that it does not know", () => {
  assert.throws(
    () => createPacketAead("rot13" as AeadSuite, new Uint8Array(32)),
    (error) =>
      error instanceof CryptoError && error.code === "UNSUPPORTED_PROTOCOL",
  );
});

Deno.test("defaultProvider() is the fastest one of this runtime", () => {
  assert.equal(defaultProvider(), HAS_LIBCRYPTO ? "libcrypto" : "wasm");
  assert.equal(
    defaultProvider("aes-256-gcm"),
    HAS_LIBCRYPTO ? "libcrypto" : "native",
  );
  assert.equal(defaultProvider("x25519"), "native");
});

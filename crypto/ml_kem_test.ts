import assert from "node:assert/strict";
import type { RandomSource } from "../internal/random_source.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { fromHex, testVectors, toHex } from "../tests/support/vectors.ts";
import { CryptoError, type CryptoErrorCode } from "./error.ts";
import {
  ML_KEM_768,
  ML_KEM_CIPHERTEXT_LENGTH,
  ML_KEM_PUBLIC_KEY_LENGTH,
} from "./ml_kem.ts";

const isCode = (code: CryptoErrorCode) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

/** A source that gives out these bytes and no others. */
function fixed(bytes: Uint8Array): RandomSource {
  const fill = (into: Uint8Array): void => {
    assert.equal(into.length, bytes.length);
    into.set(bytes);
  };
  return { fillPublic: fill, fillSecret: fill };
}

// C2SP CCTV, ML-KEM "strcmp" vector (Wycheproof mlkem_768_test, tcId 1): a
// ciphertext that begins with a zero byte and has to be rejected implicitly.
const CCTV = {
  seed: "cbfc4405d1b2a3a386c94c25e0f2d5f5ee92cb0388ff4d6aa04223086d51c3fd" +
    "24752da14c9fc3b8ae0d9e4a8b1016b8d8fc69e229c03ea2ef08a4ae0cffc37f",
  ciphertext:
    "00e96c44eb5f5380d80b4cb05d608971a28fbe838b912b558bf9676c6c67c9692ed6ea063fc47b70d5d6004825c269b9cb8e68b5728d67f44844d97686a11154e3cbd4a6f9e47524d93d851bdce480d7762ded09be53d17cce3ee28dc5a06911c062b99b218355dd5822108c55e2c67f7ea0b74b6189b33b4589d8ff9d0c867d13edaaf1c5f724675320beda3e6acc673c048fa04a1b30f899227d5a555e08a412a47b7db75eb118a8844a71b186880426f6bb6e77186d18e753cbcce93c9fb76c729875b4d473eeca8dab9941969faef04df9ce3178e7341eab416d28bb7aee12bfb8f4c3df814eff45a0187329079acfc41a8e8dba7b08d111f02e37a1d2b69e57eef808fcc6ae23385534a420a93dfb6a95c73e2f1016177c4fe9d3ced769e277293aaceded6d07efc7890eaa885bd1e73f9e5da2b9cfda0d44cbc9090705ac2ce3e7bcd7775b593c706e45ddc97d3a65d9b7e73673f9473df5bfec689671f73e7f6ee77c730a8ebda1f0b2c112a71904d6f28a51d8d479f8323fb485e722f5c4d5857e95989a9cbaf273efd04fc3cbde98baa9969e095e88accecfbd12ef2155497a5b15fe91a70d1106b91a568363bfc2d6736cc8138cbc41ddf1e54fd40511e27d89e2c26c027b63c156e2bbb998faaed3d72186f0cc626dad39a782dcda2087fd13a9498e10b41b685646a227ea1166a5632c195983f4aba2b718b4074030d57126d34c38349892007acbea9e393b967dc3146b270f080a1f0bee90d65a095a6352a7718ed1717a8025a2bd38c66d120baf4247676a1fe044a57ce268c078f8ff46cc26fe4f9c7a03d6467adacb8418d26273662bce1f7bc00b906e0088e95dc0fb419e2232e85aac77b9e7cd563e604de5e1d3e9693dcd3b19865cf4250773691e7e0af9c2755cd31f49d1f96708f3ba2f0b98184525abb869e12d5cea0ac1740181a875035300b05a54b8d42ee3b4ae92b06e43cd807e2b096c977f23c61ef8c989c52ed83754076dea1323f639250bef61bdf903bf7961cec89ba6942d9d0647ac9c8195d93ed8abcedf25754644035719a5a0a1c8c0798912726a9a8258e4c10ae7485322ed9ba331f6f090c4b492a4fcf53d753cd34f28ec0443fce0724f43c89a3942169d5099a8f7430f38691ebce2e3fe4f600d82c7ccedf60673f8e5d4c1a9f84b8b5b23f5ed63defb6a7205e0a8b105bdc6ff4568fc78cb4456b02fedb7f4c48f6fd6b69216a3319821039db40e19a31a0b0c9d471d5a7a73865d26f8be3595525b1ec4a8579efd07ea98e2602e2bffdfd8febc5c7b4c736d326b5030ccc6faf9420a9c156a8f4516b9fff675459dfdcd4ef85d7adbdffd60f4a39628e399cc752c2e99ab2f431dc765e7c9d206bfe32649fbef4ef48b1d7936fc74766d724350ee2245a8d5f23fbc6c7ed8b57168ce1e864e49d7f8c475dcda140bd42473825b3c72eb8c54780188813011e1962a503f9b516e13226de6375b204733b0192183c8f55e870e61cf8947c3191790bc0b657bc43aebc9d86c",
  sharedSecret:
    "76c10bb1d86d96d7eb18e298363e51f7728e113f455df7d15017940ed3541451",
};

Deno.test("ML_KEM_768 gives the secret of the published vector (C2SP CCTV)", () => {
  const key = ML_KEM_768.generateKey(fixed(fromHex(CCTV.seed)));
  const ciphertext = fromHex(CCTV.ciphertext);
  assert.equal(ciphertext.length, ML_KEM_CIPHERTEXT_LENGTH);
  assert.equal(toHex(key.decapsulate(ciphertext)), CCTV.sharedSecret);
});

interface FipsVector {
  readonly seed?: string;
  readonly m?: string;
  readonly ek: string;
  readonly c?: string;
  readonly K?: string;
}

testVectors<readonly FipsVector[]>(
  "ML_KEM_768 passes the vectors of FIPS 203",
  "ml_kem_768.json",
  (vectors) => {
    for (const { seed, m, ek, c, K } of vectors) {
      if (seed !== undefined) {
        const key = ML_KEM_768.generateKey(fixed(fromHex(seed)));
        assert.equal(toHex(key.publicKey), ek);
        if (c !== undefined) {
          assert.equal(toHex(key.decapsulate(fromHex(c))), K);
        }
      }
      if (m !== undefined) {
        const made = ML_KEM_768.encapsulate(fromHex(ek), fixed(fromHex(m)));
        assert.equal(toHex(made.ciphertext), c);
        assert.equal(toHex(made.sharedSecret), K);
      }
    }
  },
);

Deno.test("ML_KEM_768 has the sizes of FIPS 203, and both ends get one secret", () => {
  const random = new SeededRandom(1);
  const key = ML_KEM_768.generateKey(random);
  assert.equal(key.publicKey.length, ML_KEM_PUBLIC_KEY_LENGTH);
  const secrets = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const made = ML_KEM_768.encapsulate(key.publicKey, random);
    assert.equal(made.ciphertext.length, ML_KEM_CIPHERTEXT_LENGTH);
    assert.equal(made.sharedSecret.length, 32);
    assert.deepEqual(key.decapsulate(made.ciphertext), made.sharedSecret);
    secrets.add(toHex(made.sharedSecret));
  }
  assert.equal(secrets.size, 5);
});

Deno.test("ML_KEM_768 makes the same of the same seeds, and leaves its arguments alone", () => {
  const run = (): string => {
    const random = new SeededRandom(7);
    const key = ML_KEM_768.generateKey(random);
    const before = key.publicKey.slice();
    const { ciphertext } = ML_KEM_768.encapsulate(key.publicKey, random);
    assert.deepEqual(key.publicKey, before);
    return toHex(key.publicKey) + toHex(ciphertext);
  };
  assert.equal(run(), run());
});

Deno.test("A ciphertext for another key, or a changed one, gives another secret and no error (FIPS 203 §6.3)", () => {
  const random = new SeededRandom(2);
  const key = ML_KEM_768.generateKey(random);
  const other = ML_KEM_768.generateKey(random);
  const { ciphertext, sharedSecret } = ML_KEM_768.encapsulate(
    key.publicKey,
    random,
  );
  assert.notDeepEqual(other.decapsulate(ciphertext), sharedSecret);
  for (let at = 0; at < ciphertext.length; at += 97) {
    const changed = ciphertext.slice();
    changed[at]! ^= 1;
    const rejected = key.decapsulate(changed);
    assert.notDeepEqual(rejected, sharedSecret);
    // The same every time: nothing tells it from a genuine one.
    assert.deepEqual(key.decapsulate(changed), rejected);
  }
});

Deno.test("ML_KEM_768 refuses public keys of another size or out of range (FIPS 203 §7.2)", () => {
  const random = new SeededRandom(3);
  const { publicKey } = ML_KEM_768.generateKey(random);
  for (const length of [0, 32, 1183, 1185]) {
    assert.throws(
      () => ML_KEM_768.encapsulate(new Uint8Array(length), random),
      isCode("INVALID_KEY"),
    );
  }
  // The first coefficient is 12 bits: 3,329 is the smallest that is not reduced.
  for (const coefficient of [3_329, 3_330, 4_095]) {
    const bad = publicKey.slice();
    bad[0] = coefficient & 255;
    bad[1] = (bad[1]! & 0xf0) | (coefficient >> 8);
    assert.throws(
      () => ML_KEM_768.encapsulate(bad, random),
      isCode("INVALID_KEY"),
      `${coefficient}`,
    );
  }
  const fine = publicKey.slice();
  fine[0] = 3_328 & 255;
  fine[1] = (fine[1]! & 0xf0) | (3_328 >> 8);
  ML_KEM_768.encapsulate(fine, random);
});

Deno.test("A wiped ML-KEM key, and a ciphertext of another size, are refused", () => {
  const random = new SeededRandom(4);
  const key = ML_KEM_768.generateKey(random);
  for (const length of [0, 1087, 1089]) {
    assert.throws(
      () => key.decapsulate(new Uint8Array(length)),
      isCode("INVALID_LENGTH"),
    );
  }
  key.wipe();
  key.wipe();
  assert.throws(
    () => key.decapsulate(new Uint8Array(ML_KEM_CIPHERTEXT_LENGTH)),
    isCode("STATE"),
  );
});

/** What the runtime's own ML-KEM offers, where it has one (WICG "Modern Algorithms"). */
interface RuntimeKem {
  importKey(
    format: "raw-seed" | "raw-public",
    key: Uint8Array,
    algorithm: "ML-KEM-768",
    isExtractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  encapsulateBits(
    algorithm: "ML-KEM-768",
    key: CryptoKey,
  ): Promise<{ ciphertext: ArrayBuffer; sharedKey: ArrayBuffer }>;
  decapsulateBits(
    algorithm: "ML-KEM-768",
    key: CryptoKey,
    ciphertext: Uint8Array,
  ): Promise<ArrayBuffer>;
}

const subtle = crypto.subtle as unknown as RuntimeKem;
const hasRuntimeKem = "encapsulateBits" in crypto.subtle;

Deno.test({
  name: hasRuntimeKem
    ? "ML_KEM_768 and the ML-KEM of the runtime understand each other"
    : "ML_KEM_768 against the runtime (ignored: this one has no ML-KEM)",
  ignore: !hasRuntimeKem,
  async fn() {
    const random = new SeededRandom(5);
    for (let round = 0; round < 5; round++) {
      const seed = random.nextBytes(64);
      const key = ML_KEM_768.generateKey(fixed(seed));
      const theirs = await subtle.importKey(
        "raw-seed",
        seed,
        "ML-KEM-768",
        false,
        ["decapsulateBits"],
      );
      // Ours to theirs: their private key of the same seed opens it.
      const made = ML_KEM_768.encapsulate(key.publicKey, random);
      const opened = await subtle.decapsulateBits(
        "ML-KEM-768",
        theirs,
        made.ciphertext,
      );
      assert.deepEqual(new Uint8Array(opened), made.sharedSecret);
      // Theirs to ours, with our public key.
      const publicKey = await subtle.importKey(
        "raw-public",
        key.publicKey,
        "ML-KEM-768",
        false,
        ["encapsulateBits"],
      );
      const sent = await subtle.encapsulateBits("ML-KEM-768", publicKey);
      assert.deepEqual(
        key.decapsulate(new Uint8Array(sent.ciphertext)),
        new Uint8Array(sent.sharedKey),
      );
      // What neither of them made is rejected with the same secret.
      const noise = random.nextBytes(ML_KEM_CIPHERTEXT_LENGTH);
      assert.deepEqual(
        new Uint8Array(
          await subtle.decapsulateBits("ML-KEM-768", theirs, noise),
        ),
        key.decapsulate(noise),
      );
    }
  },
});

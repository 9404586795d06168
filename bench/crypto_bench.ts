/**
 * What do sealing, opening, X25519 and a whole handshake cost in WebAssembly and
 * with the runtime's own primitives, beside the portable ones? And what does
 * ML-KEM-768 add to them? With `--allow-ffi` the system's library has rows too.
 *
 * @module
 */
import {
  type AeadSuite,
  createHeaderProtection,
  createPacketAead,
  defaultProvider,
  deriveTrafficKeys,
  generateKeyPair,
  type HandshakeOptions,
  type HandshakeRole,
  HandshakeState,
  importAgreementKey,
  type KeyPair,
  ML_KEM_768,
  type ProviderName,
  publicKeyOf,
  sha256,
  StaticKey,
} from "../crypto/mod.ts";
import { SeededRandom } from "../tests/support/seeded_random.ts";

const SIZES: readonly number[] = [64, 1_200, 32_500, 60_000];
const SUITES: readonly AeadSuite[] = ["chacha20-poly1305", "aes-256-gcm"];
const PROVIDERS: readonly ProviderName[] = ["native", "portable"];
/** There with `--allow-ffi`, where the system has the library. */
const LIBRARY: readonly ProviderName[] = defaultProvider() === "libcrypto"
  ? ["libcrypto"]
  : [];
const CIPHERS: readonly (readonly [AeadSuite, ProviderName])[] = [
  ["chacha20-poly1305", "wasm"],
  ...SUITES.flatMap((suite) =>
    [...LIBRARY, ...PROVIDERS].map((provider) => [suite, provider] as const)
  ),
];
const TAG_LENGTH = 16;
const PROTOCOL_NAMES = {
  "Noise IK": "Noise_IK_25519_ChaChaPoly_SHA256",
  "Noise IKhfs (X25519 and ML-KEM-768)":
    "Noise_IKhfs_25519+MLKEM768_ChaChaPoly_SHA256",
} as const;

const random = new SeededRandom(1);
const key = random.nextBytes(32);
const nonce = new Uint8Array(12);
const header = random.nextBytes(32);

for (const size of SIZES) {
  for (const [suite, provider] of CIPHERS) {
    const aead = createPacketAead(suite, key, provider);
    const plaintext = random.nextBytes(size);
    const sealed = new Uint8Array(size + TAG_LENGTH);
    const opened = new Uint8Array(size);
    aead.sealInto(nonce, header, plaintext, sealed);
    const name = `${suite}, ${provider}, ${size} bytes`;
    Deno.bench(`seal ${name}`, { group: `seal ${size} bytes` }, () => {
      aead.sealInto(nonce, header, plaintext, sealed);
    });
    Deno.bench(`open ${name}`, { group: `open ${size} bytes` }, () => {
      aead.openInto(nonce, header, sealed, opened);
    });
  }
}

const protection = createHeaderProtection(key);
const sample = random.nextBytes(16);
const mask = new Uint8Array(21);
Deno.bench("header protection mask", () => protection.mask(sample, mask));
Deno.bench("SHA-256 of 64 bytes", () => void sha256(header, header));
Deno.bench("derive traffic keys", () => void deriveTrafficKeys(key));

const initiatorKeys = generateKeyPair(random);
const responderKeys = generateKeyPair(random);
for (const provider of PROVIDERS) {
  const imported = importAgreementKey(initiatorKeys.privateKey, provider);
  Deno.bench(`X25519 agree, ${provider}`, { group: "X25519 agree" }, () => {
    imported.agree(responderKeys.publicKey);
  });
  Deno.bench(
    `X25519 key pair, ${provider}`,
    { group: "X25519 key pair" },
    () => {
      publicKeyOf(key, provider);
    },
  );
  for (const [name, protocolName] of Object.entries(PROTOCOL_NAMES)) {
    Deno.bench(`${name}, both ends, ${provider}`, { group: "Noise" }, () => {
      handshake({ protocolName, provider }, (own, role) => ({
        staticPrivateKey: own.privateKey,
        remoteStaticPublicKey: pinnedKeyOf(role),
      }));
    });
  }
}

const staticKeys = new Map([initiatorKeys, responderKeys].map((own) => [
  own,
  new StaticKey(own.privateKey),
]));
for (const [name, protocolName] of Object.entries(PROTOCOL_NAMES)) {
  Deno.bench(
    `${name}, both ends, default providers, peers that met before`,
    { group: "Noise" },
    () => {
      handshake({ protocolName }, (own, role) => ({
        staticKey: staticKeys.get(own),
        remoteStaticPublicKey: pinnedKeyOf(role),
      }));
    },
  );
}
Deno.bench(
  "Noise NNpsk0 (with a ticket), both ends, default providers",
  { group: "Noise" },
  () => {
    handshake({ protocolName: "Noise_NNpsk0_25519_ChaChaPoly_SHA256" }, () => ({
      psks: [key],
    }));
  },
);

/** IK: the initiator knows the responder. */
function pinnedKeyOf(role: HandshakeRole): Uint8Array | undefined {
  return role === "initiator" ? responderKeys.publicKey : undefined;
}

/** A whole handshake, both ends. */
function handshake(
  shared: Pick<HandshakeOptions, "protocolName" | "provider">,
  keysOf: (own: KeyPair, role: HandshakeRole) => Partial<HandshakeOptions>,
): void {
  const end = (role: HandshakeRole, own: KeyPair): HandshakeState =>
    new HandshakeState({ ...shared, ...keysOf(own, role), role, random });
  const initiator = end("initiator", initiatorKeys);
  const responder = end("responder", responderKeys);
  responder.readMessage(initiator.writeMessage());
  initiator.readMessage(responder.writeMessage());
  initiator.splitKeys();
  responder.splitKeys();
}

const kemKey = ML_KEM_768.generateKey(random);
const { ciphertext } = ML_KEM_768.encapsulate(kemKey.publicKey, random);
Deno.bench("ML-KEM-768 key pair", { group: "ML-KEM-768" }, () => {
  ML_KEM_768.generateKey(random);
});
Deno.bench("ML-KEM-768 encapsulate", { group: "ML-KEM-768" }, () => {
  ML_KEM_768.encapsulate(kemKey.publicKey, random);
});
Deno.bench("ML-KEM-768 decapsulate", { group: "ML-KEM-768" }, () => {
  kemKey.decapsulate(ciphertext);
});

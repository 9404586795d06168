/**
 * Keys, ciphers and handshakes: what keeps agents' messages secret and tells
 * who sent them.
 *
 * Synchronous throughout, so that a state machine can call it. It knows no
 * sockets and no clock; random bytes come from a `RandomSource` that the
 * caller hands in. Four providers stand behind one interface: the runtime's own,
 * one in WebAssembly, the system's library where `--allow-ffi` is granted, and a
 * portable one; the fastest one that works is chosen for each primitive at the
 * first use.
 *
 * @module
 */
export { CryptoError, type CryptoErrorCode } from "./error.ts";
export {
  type Fault,
  MxpError,
  type MxpErrorOptions,
} from "../internal/error.ts";
export * from "./aead.ts";
export * from "./constant_time.ts";
export * from "./fingerprint.ts";
export * from "./hash.ts";
export * from "./header_protection.ts";
export * from "./identity.ts";
export * from "./identity_file.ts";
export type { Encapsulation, Kem, KemPrivateKey } from "./kem.ts";
export * from "./key_schedule.ts";
export * from "./ml_kem.ts";
export * from "./sealed_payload.ts";
export * from "./small_order.ts";
export * from "./static_key.ts";
export * from "./x25519.ts";
export * from "./noise/cipher_state.ts";
export {
  type EphemeralKeySource,
  type HandshakeOptions,
  type HandshakeRole,
  MAX_NOISE_MESSAGE_LENGTH,
  PSK_LENGTH,
} from "./noise/handshake_options.ts";
export * from "./noise/handshake_state.ts";
export { cipherLibraryProblem, defaultProvider } from "./provider/select.ts";
export type { AgreementKey, Primitive } from "./provider/provider.ts";
export { X25519_KEY_LENGTH } from "./provider/provider.ts";
export type { RandomSource } from "../internal/random_source.ts";

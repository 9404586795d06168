/**
 * Which provider serves: the fastest one that has the primitive here, or the
 * one that the caller names.
 *
 * @module
 */
import { CryptoError } from "../error.ts";
import { createLibcryptoProvider } from "./libcrypto.ts";
import { type Libcrypto, loadLibcrypto } from "./libcrypto_library.ts";
import { createNativeProvider } from "./native.ts";
import { PORTABLE_PROVIDER } from "./noble.ts";
import type {
  AgreementKey,
  CryptoProvider,
  PacketAead,
  Primitive,
  ProviderName,
} from "./provider.ts";
import { createWasmProvider } from "./wasm.ts";
import {
  platformWebAssembly,
  type WebAssemblyLike,
} from "../../internal/wasm_instance.ts";

/** What a runtime has beside the portable provider. */
export interface RuntimeProviders {
  /** The runtime's own primitives; absent where it has none. */
  readonly native?: CryptoProvider | undefined;
  /** The cipher in WebAssembly; absent without WebAssembly or its SIMD. */
  readonly wasm?: CryptoProvider | undefined;
  /** The system's library; absent where it is not granted or not there. */
  readonly libcrypto?: CryptoProvider | undefined;
  /** Why the library is not used although it is granted. */
  readonly libraryProblem?: string | undefined;
}

/** Set at the first use. */
let runtimeProviders: RuntimeProviders | undefined;

/**
 * Finds out what a runtime has.
 *
 * @param platform Its `WebAssembly`, where it has one.
 * @param library The system's library, a reason why it cannot be had, or nothing.
 * @returns The providers beside the portable one.
 */
export function findProviders(
  platform: WebAssemblyLike | undefined,
  library?: Libcrypto | string,
): RuntimeProviders {
  const native = createNativeProvider();
  const wasm = createWasmProvider(combine("wasm", { native }), platform);
  if (library === undefined) return { native, wasm };
  if (typeof library === "string") {
    return { native, wasm, libraryProblem: library };
  }
  const rest = combine("libcrypto", { native, wasm });
  const libcrypto = createLibcryptoProvider(library, rest);
  return libcrypto === undefined
    ? { native, wasm, libraryProblem: "its ciphers do not work" }
    : { native, wasm, libcrypto };
}

/** What a provider that lacks something falls back to: the fastest of some. */
function combine(
  name: ProviderName,
  providers: RuntimeProviders,
): CryptoProvider {
  return {
    name,
    has: (): boolean => true,
    createAead: (suite, key): PacketAead =>
      chooseProvider(providers, suite).createAead(suite, key),
    importAgreementKey: (privateKey): AgreementKey =>
      chooseProvider(providers, "x25519").importAgreementKey(privateKey),
  };
}

/**
 * Finds the implementation of a primitive among those of a runtime.
 *
 * @param providers What the runtime has.
 * @param primitive What is needed.
 * @param name Which provider; the fastest one when absent.
 * @returns A provider that has the primitive.
 * @throws {CryptoError} `PROVIDER_UNAVAILABLE` when the named one lacks it, or
 * none has that name.
 */
export function chooseProvider(
  providers: RuntimeProviders,
  primitive: Primitive,
  name?: ProviderName,
): CryptoProvider {
  const { native, wasm, libcrypto } = providers;
  if (name === undefined) {
    if (primitive !== "x25519" && libcrypto !== undefined) return libcrypto;
    if (primitive === "chacha20-poly1305" && wasm !== undefined) return wasm;
    return native?.has(primitive) ? native : PORTABLE_PROVIDER;
  }
  const named = new Map<ProviderName, CryptoProvider | undefined>([
    ["native", native],
    ["wasm", wasm],
    ["libcrypto", libcrypto],
    ["portable", PORTABLE_PROVIDER],
  ]);
  const provider = named.get(name);
  if (provider?.has(primitive)) return provider;
  const reason = !named.has(name)
    ? `it is none of ${[...named.keys()].join(", ")}`
    : name === "libcrypto"
    ? providers.libraryProblem ?? "it needs Deno with --allow-ffi"
    : `this runtime has no ${primitive}`;
  throw new CryptoError("PROVIDER_UNAVAILABLE", `Provider ${name}: ${reason}`);
}

/**
 * The provider that serves a primitive when the caller names none. The runtime
 * is asked once, at the first use.
 *
 * @param primitive A cipher suite or `x25519`.
 * @returns `libcrypto` for a cipher where `--allow-ffi` is granted and the system
 * has OpenSSL 3; `wasm` for ChaCha20-Poly1305 where WebAssembly has SIMD; otherwise
 * `native` where the runtime has the primitive, else `portable`.
 *
 * @example Usage
 * ```ts
 * import { defaultProvider } from "@mxp/core/crypto";
 * import assert from "node:assert/strict";
 *
 * assert.match(defaultProvider("x25519"), /native|portable/);
 * ```
 */
export function defaultProvider(
  primitive: Primitive = "chacha20-poly1305",
): ProviderName {
  return selectProvider(primitive).name;
}

/**
 * Finds the implementation of a primitive.
 *
 * @param primitive What is needed.
 * @param name Which provider; the default one when absent.
 * @returns A provider that has the primitive.
 * @throws {CryptoError} `PROVIDER_UNAVAILABLE` when the named one lacks it.
 */
export function selectProvider(
  primitive: Primitive,
  name?: ProviderName,
): CryptoProvider {
  return chooseProvider(providersHere(), primitive, name);
}

/**
 * Why the system's cipher library is not used, for a line to a person.
 *
 * @returns The reason; `undefined` where it is used, or `--allow-ffi` is not
 * granted and nobody expects it.
 */
export function cipherLibraryProblem(): string | undefined {
  return providersHere().libraryProblem;
}

function providersHere(): RuntimeProviders {
  return runtimeProviders ??= findProviders(
    platformWebAssembly(),
    loadLibcrypto(),
  );
}

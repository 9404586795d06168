/**
 * Which provider serves: the fastest one that has the primitive here, or the
 * one that the caller names.
 *
 * @module
 */
import { CryptoError } from "../error.ts";
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
}

/** Set at the first use. */
let runtimeProviders: RuntimeProviders | undefined;

/**
 * Finds out what a runtime has.
 *
 * @param platform Its `WebAssembly`, where it has one.
 * @returns The providers beside the portable one.
 */
export function findProviders(
  platform: WebAssemblyLike | undefined,
): RuntimeProviders {
  const native = createNativeProvider();
  const rest: CryptoProvider = {
    name: "wasm",
    has: (): boolean => true,
    createAead: (suite, key): PacketAead =>
      chooseProvider({ native }, suite).createAead(suite, key),
    importAgreementKey: (privateKey): AgreementKey =>
      chooseProvider({ native }, "x25519").importAgreementKey(privateKey),
  };
  return { native, wasm: createWasmProvider(rest, platform) };
}

/**
 * Finds the implementation of a primitive among those of a runtime.
 *
 * @param providers What the runtime has.
 * @param primitive What is needed.
 * @param name Which provider; the fastest one when absent.
 * @returns A provider that has the primitive.
 * @throws {CryptoError} `PROVIDER_UNAVAILABLE` when the named one lacks it.
 */
export function chooseProvider(
  providers: RuntimeProviders,
  primitive: Primitive,
  name?: ProviderName,
): CryptoProvider {
  const { native, wasm } = providers;
  if (name === undefined) {
    if (primitive === "chacha20-poly1305" && wasm !== undefined) return wasm;
    return native?.has(primitive) ? native : PORTABLE_PROVIDER;
  }
  if (name === "portable") return PORTABLE_PROVIDER;
  const provider = name === "native" ? native : wasm;
  if (!provider?.has(primitive)) {
    throw new CryptoError(
      "PROVIDER_UNAVAILABLE",
      `Provider ${name}: this runtime has no ${primitive}`,
    );
  }
  return provider;
}

/**
 * The provider that serves a primitive when the caller names none. The runtime
 * is asked once, at the first use.
 *
 * @param primitive A cipher suite or `x25519`.
 * @returns `wasm` for ChaCha20-Poly1305 where WebAssembly has SIMD; otherwise
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
  runtimeProviders ??= findProviders(platformWebAssembly());
  return chooseProvider(runtimeProviders, primitive, name);
}

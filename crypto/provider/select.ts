/**
 * Which provider serves: the native one where the runtime has the primitive,
 * the portable one elsewhere, or the one that the caller names.
 *
 * @module
 */
import { CryptoError } from "../error.ts";
import { createNativeProvider } from "./native.ts";
import { PORTABLE_PROVIDER } from "./noble.ts";
import type { CryptoProvider, Primitive, ProviderName } from "./provider.ts";

/** `null` before the runtime was asked, `undefined` when it has nothing. */
let native: CryptoProvider | undefined | null = null;

function nativeProvider(): CryptoProvider | undefined {
  if (native === null) native = createNativeProvider();
  return native;
}

/**
 * The provider that serves a primitive when the caller names none. The runtime
 * is asked once, at the first use.
 *
 * @param primitive A cipher suite or `x25519`.
 * @returns `native` where the runtime has the primitive, else `portable`.
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
  return nativeProvider()?.has(primitive) ? "native" : "portable";
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
  if ((name ?? defaultProvider(primitive)) === "portable") {
    return PORTABLE_PROVIDER;
  }
  const provider = nativeProvider();
  if (!provider?.has(primitive)) {
    throw new CryptoError(
      "PROVIDER_UNAVAILABLE",
      `Native provider: this runtime has no ${primitive}`,
    );
  }
  return provider;
}

/**
 * The ciphers of the system's OpenSSL 3, through `Deno.dlopen`: only where
 * `--allow-ffi` is granted already.
 *
 * @module
 */
import { isFfiGranted } from "../../internal/ffi_permission.ts";
import type { AeadSuite } from "./provider.ts";

/** Name of the library on Linux; other systems have none that may be relied on. */
const LIBRARY = "libcrypto.so.3";

/**
 * `OPENSSL_INIT_NO_ATEXIT`: the library clears nothing away when the process ends.
 * It would do so while other threads, which used it, end as well and free the same.
 */
const INIT_NO_ATEXIT = 0x0008_0000n;

/** Something of the library's, at an address. */
export type Handle = Deno.PointerObject | null;

/**
 * What is called, as in the manual page `EVP_EncryptInit(3)`. The result is 1,
 * or something else for a failure. Bytes are borrowed for the call: nothing is
 * moved or collected in the middle of it.
 */
export interface LibcryptoFunctions {
  /** A new context; `null` without memory. */
  EVP_CIPHER_CTX_new(): Handle;
  /** Wipes and frees a context. */
  EVP_CIPHER_CTX_free(context: Handle): void;
  /** Key (with a cipher) or nonce of what is to be sealed. */
  EVP_EncryptInit_ex(
    context: Handle,
    cipher: Handle,
    engine: null,
    key: Uint8Array<ArrayBuffer> | null,
    nonce: Uint8Array<ArrayBuffer> | null,
  ): number;
  /** Associated data, without an output, or plaintext. */
  EVP_EncryptUpdate(
    context: Handle,
    output: Uint8Array<ArrayBuffer> | null,
    outputLength: Handle,
    input: Uint8Array<ArrayBuffer>,
    inputLength: number,
  ): number;
  /** Ends sealing. */
  EVP_EncryptFinal_ex(
    context: Handle,
    output: Handle,
    outputLength: Handle,
  ): number;
  /** Key (with a cipher) or nonce of what is to be opened. */
  EVP_DecryptInit_ex(
    context: Handle,
    cipher: Handle,
    engine: null,
    key: Uint8Array<ArrayBuffer> | null,
    nonce: Uint8Array<ArrayBuffer> | null,
  ): number;
  /** Associated data, without an output, or ciphertext. */
  EVP_DecryptUpdate(
    context: Handle,
    output: Uint8Array<ArrayBuffer> | null,
    outputLength: Handle,
    input: Uint8Array<ArrayBuffer>,
    inputLength: number,
  ): number;
  /** Ends opening: 1 when the tag is right. */
  EVP_DecryptFinal_ex(
    context: Handle,
    output: Handle,
    outputLength: Handle,
  ): number;
  /** Reads the tag after sealing, or says which it must be. */
  EVP_CIPHER_CTX_ctrl(
    context: Handle,
    command: number,
    length: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): number;
}

/** The library, loaded. */
export interface Libcrypto {
  /** Its functions. */
  readonly functions: LibcryptoFunctions;
  /** Its ciphers. */
  readonly ciphers: Readonly<Record<AeadSuite, Handle>>;
  /** Where it may write lengths, and an end that is always empty. */
  readonly scrap: Handle;
}

/**
 * Loads the library. Called once for the process.
 *
 * @returns The library; a reason where it is granted and cannot be had;
 * `undefined` where it is not granted.
 */
export function loadLibcrypto(): Libcrypto | string | undefined {
  if (!isFfiGranted()) return undefined;
  try {
    const { symbols } = Deno.dlopen(LIBRARY, {
      OPENSSL_init_crypto: { parameters: ["u64", "pointer"], result: "i32" },
      EVP_CIPHER_CTX_new: { parameters: [], result: "pointer" },
      EVP_CIPHER_CTX_free: { parameters: ["pointer"], result: "void" },
      EVP_chacha20_poly1305: { parameters: [], result: "pointer" },
      EVP_aes_256_gcm: { parameters: [], result: "pointer" },
      EVP_EncryptInit_ex: INIT,
      EVP_EncryptUpdate: UPDATE,
      EVP_EncryptFinal_ex: FINAL,
      EVP_DecryptInit_ex: INIT,
      EVP_DecryptUpdate: UPDATE,
      EVP_DecryptFinal_ex: FINAL,
      EVP_CIPHER_CTX_ctrl: {
        parameters: ["pointer", "i32", "i32", "buffer"],
        result: "i32",
      },
    });
    // Every other function would initialise the library, without this option.
    if (symbols.OPENSSL_init_crypto(INIT_NO_ATEXIT, null) !== 1) {
      return "OPENSSL_init_crypto failed";
    }
    return {
      functions: symbols,
      ciphers: {
        "chacha20-poly1305": symbols.EVP_chacha20_poly1305(),
        "aes-256-gcm": symbols.EVP_aes_256_gcm(),
      },
      scrap: Deno.UnsafePointer.of(SCRAP),
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const INIT = {
  parameters: ["pointer", "pointer", "pointer", "buffer", "buffer"],
  result: "i32",
} as const;

const UPDATE = {
  parameters: ["pointer", "buffer", "pointer", "buffer", "i32"],
  result: "i32",
} as const;

const FINAL = {
  parameters: ["pointer", "pointer", "pointer"],
  result: "i32",
} as const;

/** Alive as long as its address is: for good. */
const SCRAP = new Uint8Array(128);

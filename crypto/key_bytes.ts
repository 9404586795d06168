/**
 * Where ciphers keep their keys.
 *
 * @module
 */
import { KeptBytes } from "../internal/kept_bytes.ts";

/** Slabs of keys; whoever allocates from them wipes his own, and only those. */
export const KEY_BYTES: KeptBytes = new KeptBytes();

/**
 * Where connections keep their ids, tokens and secrets.
 *
 * @module
 */
import { KeptBytes } from "../../internal/kept_bytes.ts";

/** Slabs of what a connection keeps as long as it stands; none of it is given away. */
export const CONNECTION_BYTES: KeptBytes = new KeptBytes();

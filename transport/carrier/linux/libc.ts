/**
 * The functions of the C library that move many datagrams with one call, and
 * the few that prepare a socket for it. Linux with the GNU C library only.
 *
 * Nothing here is done without `--allow-ffi`, and nothing asks for it: whoever
 * grants it lets the process call anything in any library.
 *
 * @module
 */
import { isFfiGranted } from "../../../internal/ffi_permission.ts";

/** What the carrier calls. A negative result is a failure. */
export interface Libc {
  /** `socket(2)`. */
  socket(family: number, type: number, protocol: number): number;
  /** `getsockname(2)`. */
  getsockname(
    descriptor: number,
    address: Uint8Array<ArrayBuffer>,
    lengthBytes: Uint32Array<ArrayBuffer>,
  ): number;
  /** `getsockopt(2)`. */
  getsockopt(
    descriptor: number,
    level: number,
    option: number,
    value: Int32Array<ArrayBuffer>,
    lengthBytes: Uint32Array<ArrayBuffer>,
  ): number;
  /** `setsockopt(2)`. */
  setsockopt(
    descriptor: number,
    level: number,
    option: number,
    value: Int32Array<ArrayBuffer>,
    lengthBytes: number,
  ): number;
  /** `sendmmsg(2)`: how many messages were sent. */
  sendmmsg(
    descriptor: number,
    messages: Uint8Array<ArrayBuffer>,
    count: number,
    flags: number,
  ): number;
  /** `recvmmsg(2)` without a time limit: how many messages were received. */
  recvmmsg(
    descriptor: number,
    messages: Uint8Array<ArrayBuffer>,
    count: number,
    flags: number,
    timeout: null,
  ): number;
  /** `close(2)`. */
  close(descriptor: number): number;
}

/** Name of the GNU C library, the same on every architecture. */
const LIBRARY = "libc.so.6";

/** Processors for which the layouts of this folder are right: 64-bit, little-endian. */
const ARCHITECTURES: readonly string[] = ["x86_64", "aarch64"];

/** Set at the first use; a reason where it cannot be used. */
let loaded: Libc | string | undefined;

/**
 * Loads the functions, once for the process.
 *
 * @returns The functions, or the reason why there are none.
 */
export function loadLibc(): Libc | string {
  return loaded ??= tryLoad();
}

function tryLoad(): Libc | string {
  if (!isFfiGranted()) return "--allow-ffi is not granted";
  const { os, arch } = Deno.build;
  if (os !== "linux" || !ARCHITECTURES.includes(arch)) {
    return `${os} on ${arch} is not supported`;
  }
  try {
    return Deno.dlopen(LIBRARY, {
      socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
      getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
      getsockopt: {
        parameters: ["i32", "i32", "i32", "buffer", "buffer"],
        result: "i32",
      },
      setsockopt: {
        parameters: ["i32", "i32", "i32", "buffer", "u32"],
        result: "i32",
      },
      sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
      recvmmsg: {
        parameters: ["i32", "buffer", "u32", "i32", "pointer"],
        result: "i32",
      },
      close: { parameters: ["i32"], result: "i32" },
    }).symbols;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Where bytes stand in memory. They stay there: the memory of a typed array
 * that is larger than 64 bytes, or whose `buffer` was asked for, never moves.
 *
 * @param bytes Must be alive as long as the address is used.
 * @returns The address, exact: user space ends below 2^53.
 */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

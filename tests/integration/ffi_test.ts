/**
 * What only exists with `--allow-ffi`, in a process that has it: the other tests
 * run without, and so prove that nothing depends on it.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withDirectory } from "../support/temporary_directory.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Tests that cover more when the permission is there. */
const FILES = [
  "crypto/aead_test.ts",
  "crypto/provider/libcrypto_test.ts",
  "transport/carrier",
  "tests/conformance/carrier_test.ts",
  "tests/integration/transport_ffi_test.ts",
];

/** Marks what was left out for want of the permission. */
const LEFT_OUT = /no --allow-ffi|--allow-ffi is not granted/;

Deno.test({
  name:
    "with --allow-ffi the C library carries, and the system's library seals" +
    (Deno.build.os === "linux" ? "" : " (not Linux)"),
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "test",
        "--no-check",
        "--no-prompt",
        "--allow-ffi",
        "--allow-env",
        "--allow-net=127.0.0.1,127.0.0.2,[::1],[::],localhost,0.0.0.0",
        "--allow-read",
        "--allow-sys",
        "--v8-flags=--expose-gc",
        ...FILES,
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    const report = decoder.decode(stdout);
    assert.equal(code, 0, report + decoder.decode(stderr));
    assert.doesNotMatch(report, LEFT_OUT);
    assert.match(report, /LinuxUdpCarrier sends a batch .*ok/);
    assert.match(report, /sends nowhere that the net permission .*ok/);
    assert.match(report, /libcrypto frees .* collected .*ok/);
  },
});

/**
 * Loads the library as the package does, or not, and has it call `abort` when it
 * clears itself away. `RAND_bytes` sets it up, as every use of a cipher does.
 */
const ABORT_AT_CLEANUP = `
  import { loadLibcrypto } from "./crypto/provider/libcrypto_library.ts";
  if (Deno.args[0] === "package" && typeof loadLibcrypto() !== "object") {
    Deno.exit(2);
  }
  const { abort } = Deno.dlopen("libc.so.6", { abort: { type: "pointer" } })
    .symbols;
  const { OPENSSL_atexit, RAND_bytes } = Deno.dlopen("libcrypto.so.3", {
    OPENSSL_atexit: { parameters: ["pointer"], result: "i32" },
    RAND_bytes: { parameters: ["buffer", "i32"], result: "i32" },
  }).symbols;
  if (RAND_bytes(new Uint8Array(8), 8) !== 1) Deno.exit(3);
  if (OPENSSL_atexit(abort) !== 1) Deno.exit(4);
`;

/** @returns The signal that ended the process, if one did. */
async function endingSignal(
  directory: string,
  loader: "package" | "runtime",
): Promise<string | null> {
  const file = `${directory}/ends.ts`;
  const root = new URL("../../", import.meta.url).href;
  await Deno.writeTextFile(file, ABORT_AT_CLEANUP.replace('"./', `"${root}`));
  const { code, signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-ffi", file, loader],
    cwd: ROOT,
  }).output();
  if (signal === null) assert.equal(code, 0, new TextDecoder().decode(stderr));
  return signal;
}

Deno.test({
  name: "the system's library clears nothing away when the process ends: " +
    "threads that used it may be ending, too" +
    (Deno.build.os === "linux" ? "" : " (not Linux)"),
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withDirectory(async (directory) => {
      assert.equal(await endingSignal(directory, "package"), null);
      // It would have been heard.
      assert.equal(await endingSignal(directory, "runtime"), "SIGABRT");
    }),
});

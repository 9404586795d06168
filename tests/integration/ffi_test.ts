/**
 * What only exists with `--allow-ffi`, in a process that has it: the other tests
 * run without, and so prove that nothing depends on it.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

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
        "--allow-net=127.0.0.1,127.0.0.2,[::1],localhost,0.0.0.0",
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

import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  createLogDirectory,
  type ExistingFile,
  openLogFile,
} from "./log_file.ts";
import type { Appender } from "./log_sink.ts";
import { withDirectory } from "../../tests/support/temporary_directory.ts";

async function modeOf(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}

const TEXT: Uint8Array = new TextEncoder().encode("line\n");

Deno.test("openLogFile() makes files that only their owner can read", async () => {
  await withDirectory(async (directory) => {
    createLogDirectory(`${directory}/a/b`);
    assert.equal(await modeOf(`${directory}/a/b`), 0o700);
    for (
      const existing of ["replace", "append-if-private", "refuse"] as const
    ) {
      const path = `${directory}/a/b/${existing}`;
      const file = openLogFile(path, existing);
      await file.append(TEXT);
      await file.append(TEXT);
      await file.close();
      assert.equal(await modeOf(path), 0o600);
      assert.equal(await Deno.readTextFile(path), "line\nline\n");
    }
  });
});

Deno.test("openLogFile() replaces, adds to or leaves what is there", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/log`;
    await Deno.writeTextFile(path, "old\n", { mode: 0o600 });
    assert.throws(() => openLogFile(path, "refuse"), {
      code: "LOG_UNAVAILABLE",
    });
    const added = openLogFile(path, "append-if-private");
    await added.append(TEXT);
    await added.close();
    assert.equal(await Deno.readTextFile(path), "old\nline\n");
    const replaced = openLogFile(path, "replace");
    await replaced.append(TEXT);
    await replaced.close();
    assert.equal(await Deno.readTextFile(path), "line\n");
  });
});

Deno.test("openLogFile() writes to a pipe that somebody reads, and waits for no reader", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/pipe`;
    const make = new Deno.Command("mkfifo", { args: ["-m", "600", path] });
    if (Deno.build.os === "windows" || !make.outputSync().success) return;
    for (const existing of ["replace", "append-if-private"] as const) {
      const reader = new Deno.Command("cat", { args: [path], stdout: "piped" })
        .spawn();
      const file = await openWhenRead(path, existing);
      await file.append(TEXT);
      await file.append(TEXT);
      await file.close();
      const { stdout } = await reader.output();
      assert.equal(new TextDecoder().decode(stdout), "line\nline\n");
    }
  });
});

/** Opens a pipe, which is refused until the other process reads it. */
async function openWhenRead(
  path: string,
  existing: ExistingFile,
): Promise<Appender> {
  for (;;) {
    try {
      return openLogFile(path, existing);
    } catch (error) {
      assert.match((error as Error).message, /ENXIO/);
      await delay(10);
    }
  }
}

Deno.test("openLogFile() puts no keys into a file that others may read", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/keys`;
    await Deno.writeTextFile(path, "");
    for (const mode of [0o640, 0o604, 0o660]) {
      await Deno.chmod(path, mode);
      assert.throws(() => openLogFile(path, "append-if-private"), {
        code: "LOG_PERMISSIONS",
      });
    }
    assert.equal(await Deno.readTextFile(path), "");
  });
});

Deno.test("openLogFile() and createLogDirectory() say what cannot be written", async () => {
  await withDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    assert.throws(() => openLogFile(`${directory}/no/file`, "replace"), {
      code: "LOG_UNAVAILABLE",
      message: /ENOENT/,
    });
    assert.throws(() => createLogDirectory(`${directory}/file/below`), {
      code: "LOG_UNAVAILABLE",
    });
  });
});

Deno.test({
  name:
    "openLogFile() and createLogDirectory() name a permission that is missing",
  permissions: {},
  fn() {
    const isNamed = { code: "LOG_UNAVAILABLE", message: /--allow-write/ };
    assert.throws(() => openLogFile("log", "replace"), isNamed);
    assert.throws(() => createLogDirectory("logs"), isNamed);
  },
});

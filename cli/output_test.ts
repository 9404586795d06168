import assert from "node:assert/strict";
import { CliError } from "./error.ts";
import { Output, table } from "./output.ts";
import type { OutputStream } from "./standard_stream.ts";

function open(
  isJson: boolean,
  isTTY: boolean = false,
): { output: Output; text: () => string } {
  const parts: Uint8Array[] = [];
  const stdout: OutputStream = {
    isTTY,
    write: (data, callback) => {
      parts.push(
        typeof data === "string"
          ? new TextEncoder().encode(data)
          : data.slice(),
      );
      callback();
    },
  };
  const output = new Output({ isJson, stdout, stderr: stdout });
  return {
    output,
    text: () => parts.map((part) => new TextDecoder().decode(part)).join(""),
  };
}

Deno.test("Output.value() writes text and bytes as they are, and the rest as JSON", async () => {
  const cases: [unknown, string][] = [
    ["text", "text"],
    ["line\n", "line\n"],
    ["", ""],
    [new Uint8Array([97, 98]), "ab"],
    [{ a: 1 }, '{\n  "a": 1\n}\n'],
    [undefined, "null\n"],
  ];
  for (const [value, expected] of cases) {
    const { output, text } = open(false);
    await output.value(value);
    assert.equal(text(), expected);
  }
});

Deno.test("Output.value() gives text for a terminal the line break that it lacks", async () => {
  const cases: [unknown, string][] = [
    ["text", "text\n"],
    ["line\n", "line\n"],
    ["", "\n"],
    [new Uint8Array([97, 98]), "ab"],
    [1, "1\n"],
  ];
  for (const [value, expected] of cases) {
    const { output, text } = open(false, true);
    await output.value(value);
    assert.equal(text(), expected);
  }
});

Deno.test("Output.value() writes one line of JSON with --json", async () => {
  const cases: [unknown, string][] = [
    ["text", '"text"\n'],
    [new Uint8Array([97, 98]), '{"base64":"YWI="}\n'],
    [{ a: [1] }, '{"a":[1]}\n'],
    [{ id: 7n }, '{"id":"7"}\n'],
    [null, "null\n"],
  ];
  for (const [value, expected] of cases) {
    const { output, text } = open(true);
    await output.value(value);
    assert.equal(text(), expected);
  }
});

Deno.test("Output.chunk() joins text and gives everything else a line", async () => {
  const { output, text } = open(false);
  for (const chunk of ["a", "b ", { c: 1 }, 2]) await output.chunk(chunk);
  assert.equal(text(), 'ab {"c":1}\n2\n');
  const json = open(true);
  for (const chunk of ["a", "b", 3]) await json.output.chunk(chunk);
  assert.equal(json.text(), '"a"\n"b"\n3\n');
});

Deno.test("Output.write() fails with OUTPUT_CLOSED when nobody reads, note() does not", async () => {
  const gone = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  const closed: OutputStream = {
    write: (_data, callback) => callback(gone),
  };
  const output = new Output({ isJson: false, stdout: closed, stderr: closed });
  await assert.rejects(
    output.write("x"),
    (error) => error instanceof CliError && error.code === "OUTPUT_CLOSED",
  );
  output.note("a remark");
  await output.end();
});

Deno.test("Output.write() says why else it fails, and does not write again", async () => {
  const full = Object.assign(new Error("disk full"), { code: "ENOSPC" });
  const isFailed = (error: unknown): boolean =>
    error instanceof CliError && error.code === "OUTPUT_FAILED" &&
    error.message === "Output: it cannot be written (disk full)";
  const fail: OutputStream["write"][] = [
    (_data, callback) => callback(full),
    () => {
      throw full;
    },
  ];
  for (const write of fail) {
    let writes = 0;
    const stdout: OutputStream = {
      write: (data, callback) => {
        // Deno's stream never calls back after it has thrown.
        if (++writes === 1) write(data, callback);
      },
    };
    const output = new Output({ isJson: true, stdout, stderr: stdout });
    await assert.rejects(output.write("x"), isFailed);
    await assert.rejects(output.json({ error: "y" }), isFailed);
    assert.equal(writes, 1);
  }
});

Deno.test("Output.write() waits for whoever reads until it is interrupted", async () => {
  const stdout: OutputStream = { write: () => {} };
  const interruption = new AbortController();
  const output = new Output({
    isJson: false,
    interruption: interruption.signal,
    stdout,
  });
  const written = output.write("x");
  const reason = new CliError("INTERRUPTED", "Interrupted");
  interruption.abort(reason);
  await assert.rejects(written, (error) => error === reason);
});

Deno.test("Output.note() makes no remarks beyond 64 KiB that nobody reads, end() still says why it failed", async () => {
  const written: string[] = [];
  const callbacks: (() => void)[] = [];
  const stderr: OutputStream = {
    write: (data, callback) => {
      written.push(String(data));
      callbacks.push(callback);
    },
  };
  const output = new Output({ isJson: false, stderr });
  const remark = (index: number): string => `${index}`.padEnd(1024, ".");
  for (let index = 0; index < 100; index++) output.note(remark(index));
  assert.equal(written.length, 64);
  // It ends although nothing was read.
  await output.end({ line: "mxp: why", json: null });
  assert.equal(written.at(-1), "mxp: why\n");
  for (const callback of callbacks) callback();
  await output.end();
  output.note(remark(99));
  assert.equal(written.at(-1), `${remark(99)}\n`);
});

Deno.test("Output.end() waits until the last words are written, with --json also to standard output", async () => {
  const written: string[] = [];
  const stream: OutputStream = {
    write: (data, callback) => {
      setTimeout(() => {
        written.push(String(data));
        callback();
      });
    },
  };
  const output = new Output({
    isJson: true,
    interruption: AbortSignal.abort(),
    stdout: stream,
    stderr: stream,
  });
  output.note("a remark");
  await output.end({ line: "mxp: why", json: { error: "why" } });
  assert.deepEqual(written, [
    "a remark\n",
    "mxp: why\n",
    '{"error":"why"}\n',
  ]);
});

Deno.test("Output.value() says that a value is nested too deeply, and writes on", async () => {
  const value: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  for (const isJson of [false, true]) {
    const { output, text } = open(isJson);
    await assert.rejects(
      output.value(value),
      (error) =>
        error instanceof CliError && error.code === "OUTPUT_FAILED" &&
        error.message === "Output: the value is nested too deeply to be shown",
    );
    await output.json({ error: "why" });
    assert.equal(text(), '{"error":"why"}\n');
  }
});

Deno.test("Output.warn() writes one line without control characters", () => {
  const written: (string | Uint8Array)[] = [];
  const stderr: OutputStream = {
    write: (data, callback) => {
      written.push(data);
      callback();
    },
  };
  const output = new Output({ isJson: false, stderr });
  output.warn("Node x: lost\nmxp: type your key:\x1b[2J");
  assert.deepEqual(written, ["mxp: Node x: lost mxp: type your key:?[2J\n"]);
});

Deno.test("table() sets out columns and disarms control characters", () => {
  assert.equal(
    table([["NAME", "ID"], ["a\x1b[31m", "1"], ["bb", ""]]),
    "NAME    ID\na?[31m  1\nbb\n",
  );
});

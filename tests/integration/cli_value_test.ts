import assert from "node:assert/strict";
import { Agent, Node } from "../../mesh/mod.ts";
import { maxValueBytes } from "../../cli/value_source.ts";
import { MXP_PERMISSIONS, run, Running } from "../support/mxp_process.ts";
import { bundleMxp, hasNode } from "../support/mxp_bundle.ts";
import { withDirectory } from "../support/temporary_directory.ts";

/** More than a pipe holds: who has written it knows that it is being read. */
const MORE_THAN_A_PIPE = new Uint8Array(1 << 18);

/** Nobody is there, and nobody is asked before there is a value. */
const NOBODY = "mxp://127.0.0.1:9";

/** More than enough time for a process to refuse a file. */
const WAKE_MS = 20_000;

/** A pipe with a name, or `undefined` where the system has none. */
function makePipe(directory: string): string | undefined {
  try {
    const path = `${directory}/pipe`;
    const made = new Deno.Command("mkfifo", { args: [path] }).outputSync();
    return made.success ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Opens a pipe for writing, which waits until it is opened for reading. */
async function openPipe(path: string): Promise<Deno.FsFile> {
  return await Deno.open(path, { write: true });
}

for (const runtime of ["Deno", "Node"] as const) {
  Deno.test({
    name: `mxp call ends at the first signal while it reads, on ${runtime}`,
    ignore: runtime === "Node" && !hasNode(),
    async fn() {
      await withDirectory(async (directory) => {
        const program = runtime === "Node"
          ? { program: await bundleMxp(directory) }
          : {};
        const words = ["call", NOBODY, "name:nobody", "echo"];
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
          const running = Running.start([...words, "-"], {
            ...program,
            holdsInput: true,
          });
          await running.write(MORE_THAN_A_PIPE);
          const { code, stderr } = await running.stop(signal);
          assert.deepEqual([code, stderr], [130, "mxp: Interrupted\n"]);
        }
        const pipe = makePipe(directory);
        if (pipe === undefined) return;
        const running = Running.start([...words, "--file", pipe], program);
        const writer = await openPipe(pipe);
        const { code, stderr } = await running.stop();
        writer.close();
        assert.deepEqual([code, stderr], [130, "mxp: Interrupted\n"]);
      });
    },
  });
}

Deno.test("mxp waits for no pipe in place of a key file, known peers or a log", async () => {
  await withDirectory(async (directory) => {
    const pipe = makePipe(directory);
    if (pipe === undefined) return;
    const words = ["ping", NOBODY, "--timeout", "500"];
    for (
      const [option, reason] of [
        ["--identity", /Key file .*: not a file/],
        ["--known-peers", /Known peers file .*: is not a file/],
        ["--pcap", /Log file .*ENXIO/],
        ["--key-log", /Log file .*ENXIO/],
      ] as const
    ) {
      const running = Running.start([...words, option, pipe]);
      // One that waits for the pipe's other end is woken, and does not refuse it.
      const waking = setTimeout(() => {
        Deno.openSync(pipe, { read: true, write: true }).close();
      }, WAKE_MS);
      const { code, stderr } = await running.finish();
      clearTimeout(waking);
      assert.match(stderr, reason);
      assert.equal(code, 1);
    }
  });
});

Deno.test("mxp call --timeout limits reading too, and counts from the beginning", async () => {
  const words = ["call", NOBODY, "name:nobody", "echo", "-"];
  const running = Running.start([...words, "--timeout", "700"], {
    holdsInput: true,
  });
  const { code, stderr } = await running.finish();
  assert.deepEqual([code, stderr], [3, "mxp: No value within 700 ms\n"]);
});

Deno.test("mxp call reads at most the largest value, from whatever has no end", async () => {
  await withDirectory(async (directory) => {
    const node = await Node.start({ port: 0 });
    const agent = await Agent.connect(node.url, { name: "scales" });
    agent.onCall("weigh", (request) => request.bytes().length);
    agent.onStream("gauge", async function* (request) {
      yield await Promise.resolve(request.bytes().length);
    });
    const max = maxValueBytes("weigh");
    const file = `${directory}/value`;
    await Deno.writeFile(file, new Uint8Array(max));
    const words = [node.url, "name:scales", "--timeout", "60000", "--file"];
    for (
      const [verb = "", method = ""] of [["call", "weigh"], ["stream", "gauge"]]
    ) {
      const largest = await run([verb, ...words, file, method]);
      assert.equal(largest.stdout, `${max}\n`, largest.stderr);
    }
    await Deno.writeFile(file, new Uint8Array(1), { append: true });
    const sources = [file, ...(Deno.build.os === "linux" ? ["/dev/zero"] : [])];
    for (const source of sources) {
      const { code, stderr } = await run(["call", ...words, source, "weigh"]);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`at most ${max} bytes`));
    }
    await agent.close();
    await node.close();
  });
});

Deno.test({
  name: "mxp call - refuses a directory, which would be an empty value",
  ignore: Deno.build.os === "windows",
  async fn() {
    const mxp = [Deno.execPath(), "run", ...MXP_PERMISSIONS, "cli/main.ts"];
    const words = ["call", NOBODY, "name:nobody", "echo", "-"];
    const { code, stderr } = await run([], {
      program: {
        command: "sh",
        args: ["-c", '"$@" </', "sh", ...mxp, ...words],
      },
    });
    assert.deepEqual(
      [code, stderr],
      [1, "mxp: Standard input: it is a directory\n"],
    );
  },
});

Deno.test("mxp call --file names the permission that is missing", async () => {
  const { code, stderr } = await run(
    ["call", NOBODY, "name:nobody", "echo", "--file", "deno.json"],
    {
      program: {
        command: Deno.execPath(),
        args: ["run", "--no-prompt", "--allow-net", "cli/main.ts"],
      },
    },
  );
  assert.equal(code, 1);
  assert.match(stderr, /^mxp: File deno\.json: .*--allow-read[^\n]*\n$/);
});

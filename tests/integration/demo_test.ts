import assert from "node:assert/strict";
import { kill } from "node:process";
import config from "../../deno.json" with { type: "json" };
import {
  type Finished,
  type Program,
  Running,
} from "../support/mxp_process.ts";

const ROOT = new URL("../../", import.meta.url);

/** As the task runs it: with its permissions, and no others. */
const DEMO: Program = {
  command: Deno.execPath(),
  args: [
    "run",
    ...config.tasks.demo.split(" ").filter((word) =>
      word.startsWith("--") && !word.startsWith("--allow-run")
    ),
    `--allow-run=${Deno.execPath()}`,
    new URL("demo/main.ts", ROOT).href,
  ],
};

function start(words: readonly string[]): Running {
  const env = { INIT_CWD: new URL(".", ROOT).pathname };
  return Running.start(words, { program: DEMO, env });
}

/** Process ids that the demo shows. */
function pidsIn(text: string): number[] {
  return [...text.matchAll(/process (\d+)/g)].map((match) => Number(match[1]));
}

function isRunning(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch {
    return false;
  }
}

function assertStopped({ stdout }: Finished): void {
  const pids = pidsIn(stdout);
  assert.equal(pids.length, 4, stdout);
  assert.deepEqual(pids.filter(isRunning), []);
}

async function withFile(
  content: string | Uint8Array,
  use: (path: string) => Promise<void>,
  suffix: string = ".txt",
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix });
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("the demo says what the README is about, and who called whom", async () => {
  const result = await start([]).finish();
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, "");
  assert.match(result.stdout, /README\.md holds [\d,]+ words in /);
  assert.match(result.stdout, /In its own words:\n {2}1\. /);
  for (
    const call of [
      "you → coordinator: report",
      "├─ coordinator → reader: stat",
      "├─ coordinator → reader: read",
      "└─ coordinator → analyst: analyse",
    ]
  ) assert.ok(result.stdout.includes(call), result.stdout);
  assert.match(result.stdout, /datagrams, [\d.]+ kB, all encrypted/);
  assert.match(result.stdout, /pieces of the file .* none was in any of them/);
  assertStopped(result);
});

Deno.test("the demo takes small, empty and binary files, several at a time", async () => {
  await withFile("Hello there.\n", async (small) => {
    await withFile("", async (empty) => {
      await withFile(new Uint8Array(200_000), async (binary) => {
        const results = await Promise.all(
          [small, empty, binary].map((path) => start([path]).finish()),
        );
        const [smallText, emptyText, binaryText] = results.map((result) => {
          assert.equal(result.code, 0, result.stderr);
          assertStopped(result);
          return result.stdout;
        });
        assert.match(smallText!, /holds 2 words in 1 line/);
        assert.match(emptyText!, /is empty\./);
        assert.match(binaryText!, /is not text: 200\.0 kB with 0\.00 bits/);
      });
    });
  });
});

Deno.test("the demo says in one line that there is no such file", async () => {
  const [missing, directory] = await Promise.all([
    start(["no/such/file"]).finish(),
    start(["docs"]).finish(),
  ]);
  assert.deepEqual([missing.code, missing.stdout], [1, ""]);
  assert.match(
    missing.stderr,
    /^demo: .*no\/such\/file: there is no such file\n$/,
  );
  assert.equal(directory.code, 1);
  assert.match(directory.stderr, /^demo: .*docs: it is not a file\n$/);
});

Deno.test("the demo says in one line that the reader cannot be given a path with a comma", async () => {
  await withFile("Hello there.\n", async (path) => {
    const { code, stdout, stderr } = await start([path]).finish();
    assert.deepEqual([code, stdout], [1, ""]);
    assert.equal(
      stderr,
      `demo: ${path}: no permission can name a path with a comma\n`,
    );
  }, ",txt");
});

Deno.test("the demo stops everything at Ctrl-C, at SIGTERM and when a process dies", async () => {
  await withFile("A line of a long text.\n".repeat(2_000_000), async (path) => {
    const [interrupted, terminated, orphaned] = await Promise.all(
      [
        (running: Running) => kill(running.pid, "SIGINT"),
        (running: Running) => kill(running.pid, "SIGTERM"),
        (_: Running, text: string) => kill(pidsIn(text)[2]!, "SIGKILL"),
      ].map(async (end) => {
        const running = start([path]);
        end(running, await running.until(/coordinator +process \d+/));
        return await running.finish();
      }),
    );
    for (const result of [interrupted!, terminated!, orphaned!]) {
      assertStopped(result);
    }
    assert.deepEqual([interrupted!.code, interrupted!.stderr], [130, ""]);
    assert.deepEqual([terminated!.code, terminated!.stderr], [143, ""]);
    assert.equal(orphaned!.code, 1);
    assert.match(orphaned!.stderr, /^demo: analyst: .*\n$/);
  });
});

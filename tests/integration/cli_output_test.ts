import assert from "node:assert/strict";
import { Agent, Node } from "../../mesh/mod.ts";
import { MXP, run } from "../support/mxp_process.ts";

/** A process whose output nobody reads until somebody asks for it. */
class Unread implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #hasEnded = false;

  /**
   * @param words The command line.
   * @param isRemarkUnread Whether standard error is full before it starts.
   */
  constructor(words: readonly string[], isRemarkUnread: boolean) {
    // Whoever writes without end stays behind, and keeps the pipe full.
    const script = isRemarkUnread ? 'yes >&2 & exec "$@"' : 'exec "$@"';
    this.#process = new Deno.Command("sh", {
      args: ["-c", script, "sh", MXP.command, ...MXP.args, ...words],
      env: { MXP_NODE: "", NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** What it writes, once it is read. */
  get stdout(): ReadableStream<Uint8Array> {
    return this.#process.stdout;
  }

  /** What it remarks, once it is read. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.#process.stderr;
  }

  /**
   * Waits for the end.
   *
   * @returns Its exit code.
   */
  async end(): Promise<number> {
    const { code } = await this.#process.status;
    this.#hasEnded = true;
    return code;
  }

  /**
   * Sends a signal.
   *
   * @param signal The signal.
   */
  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.kill("SIGKILL");
    await this.#process.status;
    for (const pipe of [this.stdout, this.stderr]) {
      if (!pipe.locked) await pipe.cancel();
    }
  }
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

/** Reads what is there, once there is something. */
async function readSome(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  await reader.read();
  reader.releaseLock();
}

async function firstLineOf(
  stream: ReadableStream<Uint8Array>,
): Promise<string> {
  let text = "";
  const decoded = stream.pipeThrough(new TextDecoderStream());
  for await (const part of decoded.values({ preventCancel: true })) {
    text += part;
    if (text.includes("\n")) break;
  }
  return text.slice(0, text.indexOf("\n"));
}

Deno.test({
  name: "A node whose remarks nobody reads answers, and ends at SIGTERM",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using node = new Unread(["start", "--bind", "127.0.0.1:0"], true);
    const url = await firstLineOf(node.stdout);
    for (let round = 0; round < 2; round++) {
      const { code, stderr } = await run(["ping", url]);
      assert.equal(code, 0, stderr);
    }
    node.kill("SIGTERM");
    assert.equal(await node.end(), 0);
  },
});

Deno.test({
  name: "A command that fails ends although nobody reads why",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using ping = new Unread(["ping", "http://127.0.0.1/"], true);
    assert.equal(await ping.end(), 2);
  },
});

Deno.test({
  name: "mxp stream whose output nobody reads ends in time, and at SIGTERM",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    await using node = await Node.start({ bind: "127.0.0.1:0" });
    await using agent = await Agent.connect(node.url, { name: "writer" });
    let full = Promise.withResolvers<void>();
    let stopped = Promise.withResolvers<void>();
    agent.onStream("endless", async function* () {
      try {
        for (let count = 0;; count++) {
          // More than a pipe holds is on its way.
          if (count === 50) full.resolve();
          yield "y".repeat(20_000);
        }
      } finally {
        stopped.resolve();
      }
    });
    const words = ["stream", node.url, "name:writer", "endless"];
    for (const options of [["--json"], []]) {
      const form = options[0] ?? "text";
      await t.step(`SIGTERM: 130 (${form})`, async () => {
        full = Promise.withResolvers();
        stopped = Promise.withResolvers();
        await using stream = new Unread([...words, ...options], false);
        await readSome(stream.stdout);
        await full.promise;
        stream.kill("SIGTERM");
        assert.equal(await stream.end(), 130);
        await stopped.promise;
        assert.match(
          await textOf(stream.stderr),
          /^mxp: stream cancelled after \d+ chunks?\nmxp: Interrupted\n$/,
        );
      });
    }
    await t.step("--timeout: 3", async () => {
      await using stream = new Unread([...words, "--timeout", "4000"], false);
      assert.equal(await stream.end(), 3);
      assert.match(await textOf(stream.stderr), /within \d+ ms\n$/);
    });
  },
});

Deno.test({
  name: "mxp call whose answer nobody reads ends at --timeout and SIGTERM",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    await using node = await Node.start({ bind: "127.0.0.1:0" });
    await using agent = await Agent.connect(node.url, { name: "writer" });
    const answer = "z".repeat(2_000_000);
    agent.onCall("big", () => answer);
    const words = ["call", node.url, "name:writer", "big"];
    await t.step("--timeout: 3", async () => {
      await using call = new Unread([...words, "--timeout", "4000"], false);
      assert.equal(await call.end(), 3);
    });
    await t.step("SIGTERM: 130", async () => {
      await using call = new Unread(words, false);
      await readSome(call.stdout);
      call.kill("SIGTERM");
      assert.equal(await call.end(), 130);
    });
  },
});

Deno.test({
  name: "mxp stream writes all that a slow reader reads, and nothing more",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    await using node = await Node.start({ bind: "127.0.0.1:0" });
    await using agent = await Agent.connect(node.url, { name: "writer" });
    const chunk = (index: number): string => `${index} `.repeat(300_000);
    agent.onStream("long", async function* () {
      for (let index = 10; index < 30; index++) yield chunk(index);
    });
    const words = ["stream", node.url, "name:writer", "long"];
    await t.step("all of it, in order", async () => {
      const expected = Array.from({ length: 20 }, (_, at) => chunk(at + 10));
      await using stream = new Unread(words, false);
      // Read only once it waits for that.
      await run(["ping", node.url]);
      assert.ok(await textOf(stream.stdout) === expected.join(""));
      assert.equal(await stream.end(), 0);
      assert.equal(
        await textOf(stream.stderr),
        "mxp: stream completed after 20 chunks\n",
      );
    });
    await t.step("a reader that leaves ends it without a word", async () => {
      await using stream = new Unread(words, false);
      await readSome(stream.stdout);
      await stream.stdout.cancel();
      assert.equal(await stream.end(), 1);
      assert.match(
        await textOf(stream.stderr),
        /^mxp: stream cancelled after \d+ chunks?\n$/,
      );
    });
  },
});

import assert from "node:assert/strict";
import { Agent } from "../../mesh/mod.ts";
import { bundleMxp, hasNode } from "../support/mxp_bundle.ts";
import { type Finished, MXP, run, Running } from "../support/mxp_process.ts";

const ROOT = new URL("../../", import.meta.url);

/** Keys are base64url: another first character is another key. */
function withWrongKey(url: string): string {
  return url.replace(/pk=(.)/, (_, first) => `pk=${first === "A" ? "B" : "A"}`);
}

/** Runs command lines side by side: one after the other takes too long. */
async function runAll<Name extends string>(
  lines: Record<Name, readonly string[]>,
  env: Record<string, string> = {},
): Promise<Record<Name, Finished>> {
  const entries = Object.entries(lines) as [Name, readonly string[]][];
  const results: [Name, Finished][] = [];
  const work = async (): Promise<void> => {
    for (let next = entries.shift(); next; next = entries.shift()) {
      results.push([next[0], await run(next[1], { env })]);
    }
  };
  await Promise.all([work(), work(), work()]);
  return Object.fromEntries(results) as Record<Name, Finished>;
}

function isOneLine(text: string): boolean {
  return /^[^\n]+\n$/.test(text);
}

function assertFailed(
  result: Finished,
  exitCode: number,
  message: RegExp,
): void {
  assert.equal(result.code, exitCode, result.stderr);
  assert.ok(isOneLine(result.stderr), result.stderr);
  assert.match(result.stderr, message);
}

async function startNode(words: readonly string[] = []): Promise<{
  node: Running;
  url: string;
  announced: Record<string, unknown>;
}> {
  const node = Running.start([
    "start",
    "--json",
    "--bind",
    "127.0.0.1:0",
    ...words,
  ]);
  const announced = JSON.parse(await node.until(/\n/));
  return { node, url: announced.url, announced };
}

Deno.test("mxp start prints one line, runs until SIGINT, SIGTERM or SIGHUP and ends with 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const { node, announced } = await startNode();
    assert.equal(announced.pid, node.pid);
    assert.match(String(announced.publicKey), /^[\w-]{43}$/);
    assert.match(
      String(announced.url),
      new RegExp(`^mxp://127\\.0\\.0\\.1:\\d+\\?pk=${announced.publicKey}$`),
    );
    const { code, stdout, stderr } = await node.stop(signal);
    assert.equal(code, 0);
    assert.ok(isOneLine(stdout));
    assert.equal(stderr, "");
  }
});

Deno.test("mxp start --data keeps key and agents over a restart", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const data = ["--data", `${directory}/node`];
    const first = await startNode(data);
    const agent = await Agent.connect(first.url, { name: "keeper" });
    await first.node.stop();
    const second = await startNode(data);
    assert.equal(second.announced.publicKey, first.announced.publicKey);
    const { stdout, stderr } = await run([
      "agent",
      "list",
      "--node",
      second.url,
      "--json",
    ]);
    assert.equal(JSON.parse(stdout)[0]?.name, "keeper", stderr);
    await second.node.stop();
    await agent.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("mxp finds, calls and streams from an agent, as the README says", async (t) => {
  const { node, url } = await startNode();
  const program = {
    command: Deno.execPath(),
    args: [
      "run",
      "--no-prompt",
      "--unstable-net",
      "--allow-net",
      new URL("examples/summarizer_agent.ts", ROOT).href,
    ],
  };
  const example = Running.start([url], { program });
  await example.until(/registered/);
  const value = '{"text":"First sentence. Second."}';
  const results = await runAll({
    list: ["agent", "list"],
    discover: ["discover", "--capability", "summarize"],
    discoverJson: [
      "discover",
      "capability:summarize",
      "--json",
      "--limit",
      "1",
    ],
    call: ["call", "--capability", "summarize", "summarize", value],
    callJson: ["call", "name:summarizer", "summarize", value, "--json"],
    callShort: ["call", "summarize", "Only this."],
    stream: ["stream", "--capability", "summarize", "tokens", "one by one"],
    streamJson: ["stream", "name:summarizer", "tokens", "a b", "--json"],
    ping: ["ping"],
    pingAgent: ["ping", "name:summarizer", "--json"],
    nothing: ["discover", "--tag", "nope"],
    nothingJson: ["discover", "--tag", "nope", "--json"],
  }, { MXP_NODE: url });

  await t.step("agent list and discover show it", () => {
    for (const { code, stdout, stderr } of [results.list, results.discover]) {
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^NAME .*\nsummarizer +available +summarize /);
      assert.equal(stderr, "");
    }
    const [agent, ...others] = JSON.parse(results.discoverJson.stdout);
    assert.deepEqual(others, []);
    assert.equal(agent.name, "summarizer");
    assert.deepEqual(agent.capabilities, ["summarize"]);
    assert.ok(agent.url.endsWith(`/${agent.id}?pk=${agent.publicKey}`));
  });
  await t.step("discover says when there may be more than it shows", () => {
    assert.equal(
      results.discoverJson.stderr,
      "mxp: as many agents as were asked for, there may be more (--limit)\n",
    );
  });
  await t.step("discover says that there is nobody, and ends with 0", () => {
    const { code, stdout, stderr } = results.nothing;
    assert.deepEqual([code, stdout], [0, ""]);
    assert.equal(stderr, 'No agent with tag "nope" is registered\n');
    assert.deepEqual(JSON.parse(results.nothingJson.stdout), []);
  });
  await t.step("call prints the answer", () => {
    const answer = { summary: "First sentence.", sentenceCount: 2 };
    const { code, stdout, stderr } = results.call;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, `${JSON.stringify(answer, null, 2)}\n`);
    assert.equal(results.callJson.stdout, `${JSON.stringify(answer)}\n`);
    assert.equal(JSON.parse(results.callShort.stdout).summary, "Only this.");
  });
  await t.step("stream prints the chunks", () => {
    const { code, stdout, stderr } = results.stream;
    assert.deepEqual([code, stdout], [0, "one by one"], stderr);
    assert.equal(stderr, "mxp: stream completed after 3 chunks\n");
    assert.equal(results.streamJson.stdout, '"a "\n"b"\n');
  });
  await t.step("ping prints the round trip", () => {
    assert.match(results.ping.stdout, /^127\.0\.0\.1:\d+: \d+\.\d\d ms\n$/);
    const { rttMs, target } = JSON.parse(results.pingAgent.stdout);
    assert.equal(target, "name:summarizer");
    assert.ok(rttMs > 0);
  });
  assert.equal((await example.stop()).code, 0);
  assert.equal((await node.stop()).code, 0);
});

Deno.test("mxp call takes values and targets in every form", async (t) => {
  const { node, url } = await startNode();
  const agent = await Agent.connect(url, {
    name: "echo",
    capabilities: ["echo"],
    tags: ["plain"],
  });
  agent.onCall("echo", (request) => request.value);
  agent.onCall("kind", (request) => ({
    contentType: request.contentType,
    length: request.bytes().length,
  }));
  const { localAddress, id } = agent;
  const agentUrl = `mxp://127.0.0.1:${localAddress.port}/${id}`;
  const directory = await Deno.makeTempDir();
  const file = `${directory}/value`;
  await Deno.writeFile(file, new Uint8Array([0, 255, 10]));
  const results = await runAll({
    json: ["call", url, "name:echo", "kind", "[1]"],
    text: ["call", url, "name:echo", "kind", "[1]", "--text"],
    none: ["call", url, "name:echo", "echo", "--json"],
    file: ["call", url, "tag:plain", "kind", "--file", file, "--json"],
    id: ["call", url, `id:${id}`, "echo", "by id"],
    direct: ["call", agentUrl, "echo", "no node"],
    notJson: ["call", url, "echo", "{", "--data-json"],
    noFile: ["call", url, "echo", "--file", `${file}x`],
    unknownMethod: ["call", url, "name:echo", "nope"],
  });
  await t.step("JSON, text, bytes and nothing", () => {
    assert.deepEqual(JSON.parse(results.json.stdout), {
      contentType: 2,
      length: 3,
    });
    assert.equal(JSON.parse(results.text.stdout).contentType, 1);
    assert.deepEqual(JSON.parse(results.file.stdout), {
      contentType: 0,
      length: 3,
    });
    assert.equal(results.none.stdout, "null\n");
  });
  await t.step("standard input", async () => {
    const words = ["call", url, "name:echo", "echo", "-"];
    assert.equal((await run(words, { input: "typed" })).stdout, "typed");
  });
  await t.step("an id, and an address without a node", () => {
    assert.equal(results.id.stdout, "by id");
    assert.equal(results.direct.stdout, "no node");
    assert.match(results.direct.stderr, /key was not checked.*SHA256:/);
  });
  await t.step("what cannot be sent, and what is not there", () => {
    assertFailed(results.notJson, 2, /not JSON/);
    assertFailed(results.noFile, 1, /there is no such file/);
    assertFailed(results.unknownMethod, 1, /nope/);
  });
  await Deno.remove(directory, { recursive: true });
  await agent.close();
  await node.stop();
});

Deno.test("mxp call and stream go straight to the address that is given, wherever the node is", async () => {
  const { node, url } = await startNode();
  const agent = await Agent.connect(url, { name: "direct" });
  agent.onCall("echo", (request) => request.value);
  agent.onStream("tokens", async function* (request) {
    yield request.value;
  });
  const agentUrl = `mxp://127.0.0.1:${agent.localAddress.port}/${agent.id}`;
  await node.stop();
  const configuration = await Deno.makeTempDir();
  try {
    const { call, stream, word } = await runAll({
      call: ["call", "--url", agentUrl, "echo", "called"],
      stream: ["stream", "--url", agentUrl, "tokens", "streamed"],
      word: ["call", agentUrl, "echo", "called", "--node", url],
    }, {
      // Documentation only: nothing is there, and it is not this machine.
      MXP_NODE: "mxp://192.0.2.1:9000",
      XDG_CONFIG_HOME: configuration,
    });
    assert.equal(call.stdout, "called", call.stderr);
    assert.equal(stream.stdout, "streamed", stream.stderr);
    assert.equal(word.stdout, "called", word.stderr);
    // Peers on this machine are not remembered, whatever the node's host is.
    assert.match(call.stderr, /key was not checked/);
    assert.deepEqual([...Deno.readDirSync(configuration)], []);
  } finally {
    await Deno.remove(configuration, { recursive: true });
    await agent.close({ drainMs: 0 });
  }
});

Deno.test("mxp stream ends with what became of the stream", async (t) => {
  const { node, url } = await startNode();
  const agent = await Agent.connect(url, { name: "writer" });
  const stopped = Promise.withResolvers<void>();
  agent.onStream("endless", async function* () {
    try {
      for (let index = 0;; index++) yield { index };
    } finally {
      stopped.resolve();
    }
  });
  agent.onStream("broken", async function* () {
    yield "half";
    throw new Error("the pen broke");
  });
  agent.onStream("silent", async function* (request) {
    yield "once";
    await new Promise((resolve) => {
      request.signal.addEventListener("abort", resolve);
    });
  });
  await t.step("Ctrl-C cancels the handler and ends with 130", async () => {
    const words = ["stream", url, "name:writer", "endless"];
    const running = Running.start(words);
    await running.until(/^\{"index":0\}\n/);
    const { code, stderr } = await running.stop("SIGINT");
    await stopped.promise;
    assert.equal(code, 130);
    assert.match(stderr, /^mxp: stream cancelled .*\nmxp: Interrupted\n$/);
  });
  const results = await runAll({
    broken: ["stream", url, "name:writer", "broken"],
    brokenJson: ["stream", url, "name:writer", "broken", "--json"],
    idle: ["stream", url, "name:writer", "silent", "--idle-timeout", "2000"],
    total: ["stream", url, "name:writer", "silent", "--timeout", "6000"],
  });
  await t.step("a handler that fails ends it with 1", () => {
    const { code, stdout, stderr } = results.broken;
    assert.deepEqual([code, stdout], [1, "half"]);
    assert.match(stderr, /stream failed after 1 chunk\nmxp: .*the pen broke\n/);
    const lines = results.brokenJson.stdout.trimEnd().split("\n");
    const [chunk, last] = lines.map((line) => JSON.parse(line));
    assert.equal(chunk, "half");
    assert.equal(last.error.message, "the pen broke");
  });
  await t.step("silence and the total limit end it with 3", () => {
    for (const { code, stdout, stderr } of [results.idle, results.total]) {
      assert.deepEqual([code, stdout], [3, "once"], stderr);
    }
    const over = "mxp: No end of the stream within 6000 ms\n";
    assert.ok(results.total.stderr.endsWith(over), results.total.stderr);
  });
  await agent.close();
  await node.stop();
});

Deno.test("mxp says in one line why it failed", async (t) => {
  const { node, url } = await startNode();
  const silent = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  const nobody = `mxp://127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
  const directory = await Deno.makeTempDir();
  const known = `${directory}/known`;
  const address = /^mxp:\/\/([^?]+)/.exec(url)![1]!;
  const plain = `mxp://${address}`;
  const first = await run(["ping", plain, "--known-peers", known]);
  const remembered = await Deno.readTextFile(known);
  const [, otherKey] = /pk=(.+)$/.exec(withWrongKey(url))!;
  await Deno.writeTextFile(`${directory}/changed`, `${address} ${otherKey}\n`);
  const results = await runAll({
    wrongKey: ["call", "--node", withWrongKey(url), "summarize", "x"],
    wrongKeyPing: ["ping", withWrongKey(url)],
    // Connecting ends seconds before the whole, also on a slow machine.
    nobody: ["call", "--node", nobody, "summarize"],
    nobodyPing: ["ping", nobody, "--json"],
    unknown: ["call", url, "--capability", "translate", "x"],
    unknownJson: ["call", url, "--capability", "translate", "x", "--json"],
    again: ["ping", plain, "--known-peers", known],
    changed: ["ping", plain, "--known-peers", `${directory}/changed`],
    noUrl: ["ping", "http://127.0.0.1/"],
    badUrl: ["ping", "mxp://127.0.0.1:0"],
    noNode: ["agent", "list"],
    noCommand: ["fly"],
    noOption: ["call", "--fly"],
    noMethod: ["call", url],
    badTimeout: ["ping", url, "--timeout", "soon"],
    usageJson: ["call", "--json"],
    badBind: ["start", "--bind", "nowhere"],
    taken: ["start", "--bind", address],
    noIdentity: ["ping", url, "--identity", `${directory}/none`],
  });
  silent.close();
  await t.step("a wrong key: 1", () => {
    assertFailed(results.wrongKey, 1, /does not hold the key .*SHA256:/);
    assertFailed(results.wrongKeyPing, 1, /does not hold the key .*SHA256:/);
  });
  await t.step("nobody listening: 3, within the time limit", () => {
    assertFailed(results.nobody, 3, /did not answer within \d+ ms/);
    assertFailed(results.nobodyPing, 3, /did not answer within \d+ ms/);
    const { error } = JSON.parse(results.nobodyPing.stdout);
    assert.equal(error.code, "HANDSHAKE_TIMEOUT");
  });
  await t.step("an unknown capability: 1, and its name", () => {
    assertFailed(results.unknown, 1, /capability "translate"/);
    assert.equal(results.unknown.stdout, "");
    assertFailed(results.unknownJson, 1, /capability "translate"/);
    const { error } = JSON.parse(results.unknownJson.stdout);
    assert.equal(error.code, "NOT_FOUND");
    assert.equal(error.capability, "translate");
    assert.equal(error.method, "x");
  });
  await t.step(
    "a key that is new is remembered, one that changed is refused",
    () => {
      assert.match(first.stderr, /met for the first time.*SHA256:/);
      assert.ok(remembered.includes(`${address} `));
      assert.deepEqual([results.again.code, results.again.stderr], [0, ""]);
      assertFailed(results.changed, 1, /does not hold the key .*changed/);
    },
  );
  await t.step("wrong usage: 2, and what to do", () => {
    assertFailed(results.noUrl, 2, /what is http.*mxp ping --help/);
    assertFailed(results.badUrl, 2, /port 0/);
    assertFailed(results.noNode, 2, /--node.*MXP_NODE/);
    assertFailed(results.noCommand, 2, /unknown command 'fly'/);
    assertFailed(results.noOption, 2, /unknown option '--fly'/);
    assertFailed(results.noMethod, 2, /method.*missing.*mxp call --help/);
    assertFailed(results.badTimeout, 2, /--timeout.*milliseconds/);
    assertFailed(results.badBind, 2, /host:port/);
    const { error } = JSON.parse(results.usageJson.stdout);
    assert.equal(error.code, "USAGE");
  });
  await t.step("a port that is taken: 4, a key file that is missing: 1", () => {
    assertFailed(results.taken, 4, /in use|taken/i);
    assertFailed(results.noIdentity, 1, /there is none/);
  });
  await Deno.remove(directory, { recursive: true });
  await node.stop();
});

Deno.test("mxp keygen, version and help need no mesh", async (t) => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/sub/me.key`;
  const made = await run(["keygen", "--out", file, "--json"]);
  const results = await runAll({
    again: ["keygen", "--out", file],
    printed: ["keygen"],
    printedJson: ["keygen", "--json"],
    version: ["version"],
    versionJson: ["version", "--json"],
    versionFlag: ["--version"],
    help: ["call", "--help"],
    helpCommand: ["help", "call"],
    helpBelow: ["help", "agent", "list"],
    helpUnknown: ["help", "fly"],
    helpUnknownBelow: ["agent", "help", "fly"],
    nothing: [],
  });
  await t.step(
    "keygen writes a file for its owner, and never over another",
    async () => {
      const { publicKey, fingerprint, file: path } = JSON.parse(made.stdout);
      assert.equal(path, file);
      assert.ok(made.stderr.includes(fingerprint));
      const written = JSON.parse(await Deno.readTextFile(file));
      assert.equal(written.publicKey, publicKey);
      const { mode } = await Deno.stat(file);
      if (mode !== null) assert.equal(mode & 0o777, 0o600);
      assertFailed(results.again, 1, /not overwritten/);
    },
  );
  await t.step("keygen prints a key file without one", () => {
    for (const { stdout, stderr } of [results.printed, results.printedJson]) {
      assert.match(JSON.parse(stdout).privateKey, /^[\w-]{43}$/);
      assert.match(stderr, /^Key SHA256:/);
    }
    assert.ok(isOneLine(results.printedJson.stdout));
  });
  await t.step("version and help", () => {
    assert.match(results.version.stdout, /^mxp \d+\.\d+\.\d+ \(deno 2\.\d+/);
    const { version } = JSON.parse(results.versionJson.stdout);
    assert.equal(results.versionFlag.stdout, `${version}\n`);
    assert.match(results.help.stdout, /^Usage: mxp call .*--capability/s);
    assert.equal(results.helpCommand.stdout, results.help.stdout);
    assert.match(results.helpBelow.stdout, /^Usage: mxp agent list /);
    assertFailed(results.helpUnknown, 2, /unknown command 'fly'/);
    assertFailed(results.helpUnknownBelow, 2, /unknown command 'fly'/);
    assert.deepEqual([results.nothing.code, results.nothing.stdout], [2, ""]);
    assert.match(results.nothing.stderr, /^Usage: mxp /);
  });
  await Deno.remove(directory, { recursive: true });
});

Deno.test({
  name: "mxp says that its output cannot be written (needs /dev/full)",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const directory = await Deno.makeTempDir();
    const programs = [MXP, ...(hasNode() ? [await bundleMxp(directory)] : [])];
    for (const { command, args } of programs) {
      const words = [...args, "version", "--json"];
      const program = {
        command: "sh",
        args: ["-c", '"$@" > /dev/full', "sh", command, ...words],
      };
      const refused = await run([], { program });
      assertFailed(refused, 1, /Output: it cannot be written .*no space/i);
    }
    await Deno.remove(directory, { recursive: true });
  },
});

Deno.test({
  name: "mxp as a bundle talks from Node to a node on Deno (needs node)",
  ignore: !hasNode(),
  async fn() {
    const directory = await Deno.makeTempDir();
    const [{ node, url }, program] = await Promise.all([
      startNode(),
      bundleMxp(directory),
    ]);
    const agent = await Agent.connect(url, { name: "echo" });
    agent.onCall("echo", (request) => request.value);
    const [ping, call] = await Promise.all([
      run(["ping", url, "--json"], { program }),
      run(["call", url, "name:echo", "echo", "from Node"], { program }),
    ]);
    assert.equal(ping.code, 0, ping.stderr);
    assert.ok(JSON.parse(ping.stdout).rttMs > 0);
    assert.deepEqual([call.code, call.stdout], [0, "from Node"], call.stderr);
    if (!hasNode("import 'node:sqlite'")) {
      const data = `${directory}/data`;
      const refused = await run(["start", "--data", data], { program });
      assertFailed(refused, 1, /registry\.sqlite: this runtime has no SQLite/);
      assert.deepEqual([...Deno.readDirSync(data)], []);
    }
    await agent.close();
    await node.stop();
    await Deno.remove(directory, { recursive: true });
  },
});

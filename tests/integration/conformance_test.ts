/**
 * The conformance kit passes against our node, and fails with the clause named
 * against nodes that deviate on purpose.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClauseResult,
  CLAUSES,
  runConformance,
  selectClauses,
} from "../../conformance/mod.ts";
import { Agent, Node } from "../../mesh/mod.ts";
import { parseMxpUrl } from "../../protocol/mod.ts";
import { SUITE_NAMES } from "../../transport/core/suite.ts";
import { LAYERS } from "../../tools/layers.ts";
import { type Deviation, DEVIATIONS } from "../conformance/deviations.ts";
import {
  MXP,
  MXP_PERMISSIONS,
  type Program,
  run,
  Running,
} from "../support/mxp_process.ts";
import { UdpRelay } from "../support/udp_relay.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGES = new URL("docs/spec/", ROOT);

async function startNode(
  program: Program,
  words: readonly string[] = [],
): Promise<[Running, string]> {
  const node = Running.start(
    ["start", "--json", "--bind", "127.0.0.1:0", ...words],
    { program },
  );
  return [node, JSON.parse(await node.until(/\n/)).url];
}

/** The JSON values of an output, one a line. */
function values<Value>(text: string): Value[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** A heading as the address of its section, as forges make it. */
function slug(heading: string): string {
  return heading.toLowerCase().replaceAll("`", "").replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

Deno.test("mxp conformance passes against our node", async () => {
  // Every suite, so that no clause is skipped.
  const [node, url] = await startNode(MXP, ["--suites", SUITE_NAMES.join()]);
  try {
    let ids: readonly string[] = CLAUSES.map(({ id }) => id);
    for (let isLast = false;; isLast = true) {
      const only = isLast ? ["--only", ids.join()] : [];
      const { code, stdout, stderr } = await run(
        ["conformance", url, "--json", ...only],
      );
      const lines = values<ClauseResult>(stdout);
      const results = lines.slice(0, ids.length);
      assert.deepEqual(results.map(({ id }) => id), ids);
      const failed = results.filter(({ outcome }) => outcome !== "passed");
      // A host that stands still for seconds fails what has a time.
      if (failed.length > 0 && !isLast) {
        ids = failed.map(({ id }) => id);
        continue;
      }
      assert.deepEqual(failed, [], stderr);
      assert.deepEqual(
        lines.slice(ids.length),
        [{ passed: ids.length, failed: 0, skipped: 0 }],
      );
      assert.equal(code, 0, stderr);
      break;
    }
  } finally {
    await node.stop();
  }
});

Deno.test("mxp conformance asks the node for its key when the URL names none", async () => {
  const [node, url] = await startNode(MXP);
  try {
    const { code, stdout } = await run([
      "conformance",
      url.replace(/\?.*/, ""),
      "--only",
      "handshake.ik,message.echo",
    ]);
    assert.match(stdout, /^passed +handshake\.ik .*\npassed +message\.echo /);
    assert.equal(code, 0);
  } finally {
    await node.stop();
  }
});

Deno.test("The conformance kit judges an agent by what needs no node", async () => {
  const node = await Node.start({ port: 0 });
  const agent = await Agent.connect(node.url, { name: "judged" });
  const outcomes: string[] = [];
  try {
    const [entry] = await node.agents();
    const { hostname, port, publicKey } = entry!;
    for await (
      const { id, outcome, detail } of runConformance({
        address: { hostname, port },
        publicKey,
        only: ["handshake.ik", "stream.limit", "message.echo"],
      })
    ) outcomes.push(`${id} ${outcome} ${detail.split(":")[0]}`);
  } finally {
    await agent.close();
    await node.close();
  }
  assert.match(outcomes[0]!, /^handshake\.ik passed /);
  assert.deepEqual(outcomes.slice(1), [
    "stream.limit passed ",
    "message.echo skipped this peer has no method mxp.ping",
  ]);
});

/** Clauses to which it matters how a handshake goes, and one beside them. */
const SUITE_CLAUSES = [
  "hello",
  "handshake",
  "hybrid",
  "ticket",
  "message.echo",
];

for (
  const [suite, skipped] of [
    ["aes-256-gcm", ["hybrid"]],
    // A hybrid hello has two datagrams, and there are no tickets.
    ["x25519-mlkem768-chacha20-poly1305", [
      "handshake.replayed-hello",
      "ticket",
    ]],
  ] as const
) {
  Deno.test(`The conformance kit judges a node that takes ${suite} alone`, async () => {
    const node = await Node.start({ port: 0, transport: { suites: [suite] } });
    const outcomes = new Map<string, string>();
    const judge = async (only: readonly string[]): Promise<void> => {
      const address = node.localAddress;
      for await (const { id, outcome } of runConformance({ address, only })) {
        outcomes.set(id, outcome);
      }
    };
    try {
      await judge(SUITE_CLAUSES);
      // As above.
      const failed = [...outcomes.keys()]
        .filter((id) => outcomes.get(id) === "failed");
      if (failed.length > 0) await judge(failed);
    } finally {
      await node.close();
    }
    const expected = selectClauses(SUITE_CLAUSES)
      .map(({ id }) => [
        id,
        skipped.some((name) => `${id}.`.startsWith(`${name}.`))
          ? "skipped"
          : "passed",
      ]);
    assert.deepEqual([...outcomes], expected);
  });
}

Deno.test("The conformance kit sends no more than a node with little credit grants", async () => {
  const node = await Node.start({
    port: 0,
    transport: { maxDataBytes: 3_000, maxStreamDataBytes: 1_200 },
  });
  const only = ["packet.size-sent", "stream", "message"];
  const wrong: string[] = [];
  try {
    for await (
      const { id, outcome, detail } of runConformance({
        address: node.localAddress,
        publicKey: node.publicKey,
        only,
      })
    ) if (outcome !== "passed") wrong.push(`${id} ${outcome}: ${detail}`);
  } finally {
    await node.close();
  }
  assert.deepEqual(wrong, []);
});

Deno.test("The conformance kit takes the late answer to a hello that was repeated for what it is", async () => {
  const node = await Node.start({
    port: 0,
    transport: { suites: SUITE_NAMES },
  });
  const relay = await UdpRelay.start({
    target: node.localAddress,
    toTarget: { duplicateRate: 1 },
    toClient: {},
  });
  const results: ClauseResult[] = [];
  try {
    for await (
      const result of runConformance({
        address: relay.address,
        publicKey: node.publicKey,
        only: ["hybrid"],
      })
    ) results.push(result);
  } finally {
    await relay.close();
    await node.close();
  }
  assert.deepEqual(
    results.map(({ id, outcome, detail }) => [id, outcome, detail]),
    [["hybrid.handshake", "passed", ""], ["hybrid.rest", "passed", ""]],
  );
});

Deno.test("mxp conformance says so when nobody is there, and when no clause is meant", async () => {
  const silent = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  const { port } = silent.addr as Deno.NetAddr;
  try {
    const [nobody, unknown, list] = await Promise.all([
      run(["conformance", `mxp://127.0.0.1:${port}`]),
      run(["conformance", `mxp://127.0.0.1:${port}`, "--only", "hello,nope"]),
      run(["conformance", "--list", "--json"]),
    ]);
    assert.deepEqual([nobody.code, nobody.stdout], [3, ""]);
    assert.match(nobody.stderr, /nobody answers/);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /no clause nope/);
    assert.deepEqual(
      values<{ id: string }>(list.stdout).map(({ id }) => id),
      CLAUSES.map(({ id }) => id),
    );
  } finally {
    silent.close();
  }
});

Deno.test("mxp conformance fails where bytes come back, but no handshake completes", async () => {
  const echo = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  const answering = (async () => {
    for await (const [bytes, from] of echo) await echo.send(bytes, from);
  })();
  const url = `mxp://127.0.0.1:${(echo.addr as Deno.NetAddr).port}`;
  try {
    const [judged, skipped] = await Promise.all([
      run(["conformance", url, "--only", "handshake.ik,handshake.xx"]),
      run(["conformance", url, "--only", "ack", "--json"]),
    ]);
    assert.match(judged.stdout, /^skipped +handshake\.ik .*public key/m);
    assert.match(judged.stdout, /^failed +handshake\.xx /m);
    assert.match(judged.stderr, /1 of 2 clauses failed/);
    const [counts, failure] = values<Record<string, unknown>>(skipped.stdout)
      .slice(-2);
    assert.deepEqual([counts?.passed, counts?.failed], [0, 0]);
    assert.equal((failure?.error as { code: string }).code, "NOTHING_JUDGED");
    assert.deepEqual([judged.code, skipped.code], [1, 1]);
  } finally {
    echo.close();
    await answering;
  }
});

/** A copy of the library in which faults can be planted. */
class SourceCopy {
  readonly #directory = mkdtempSync(join(tmpdir(), "mxp-conformance-"));

  constructor() {
    const folders = new Set(LAYERS.map(({ folder }) => folder.split("/")[0]!));
    for (const part of [...folders, "mod.ts", "deno.json", "deno.lock"]) {
      const from = new URL(part, ROOT);
      if (!existsSync(from)) continue;
      cpSync(from, join(this.#directory, part), { recursive: true });
    }
  }

  /** Refuses edits of what is not in the sources any more. */
  check({ edits, name }: Deviation): void {
    for (const { folder, from } of edits) this.#fileWith(folder, from, name);
  }

  /** Starts a node from the sources with the edits in them. */
  async start(deviation: Deviation): Promise<[Running, string]> {
    const originals = new Map<string, string>();
    try {
      for (const { folder, from, to } of deviation.edits) {
        const path = this.#fileWith(folder, from, deviation.name);
        const source = readFileSync(path, "utf8");
        if (!originals.has(path)) originals.set(path, source);
        writeFileSync(path, source.replace(from, () => to));
      }
      return await startNode({
        command: MXP.command,
        args: ["run", ...MXP_PERMISSIONS, join(this.#directory, "cli/main.ts")],
      });
    } finally {
      // The node has read its sources: the next one starts from clean ones.
      for (const [path, source] of originals) writeFileSync(path, source);
    }
  }

  /** The one file of a folder that holds a text, once. */
  #fileWith(folder: string, text: string, name: string): string {
    const root = join(this.#directory, folder);
    const found = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.endsWith("_test.ts"))
      .map((file) => join(root, file))
      .filter((path) => readFileSync(path, "utf8").includes(text));
    const [path = ""] = found;
    const isOnce = found.length === 1 &&
      readFileSync(path, "utf8").split(text).length === 2;
    assert.ok(isOnce, `"${name}": its text is not in ${folder} once`);
    return path;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Nodes that run at the same time. */
const NODE_COUNT = 3;

/** Some nodes; with `--all`, as `deno task test:deviations`, all of them. */
const CHOSEN: readonly Deviation[] = Deno.args.includes("--all")
  ? DEVIATIONS
  : DEVIATIONS.filter((_, index) => index % 5 === 0);

function groupOf(clause: string): string {
  return clause.split(".")[0]!;
}

/** Runs the clause that a deviating node breaks; what is wrong with the result. */
async function judge(
  { clause, name }: Deviation,
  url: string,
): Promise<string | undefined> {
  const { hostname, port, publicKey } = parseMxpUrl(url);
  const results: ClauseResult[] = [];
  for await (
    const result of runConformance({
      address: { hostname, port },
      publicKey,
      only: [clause],
    })
  ) results.push(result);
  const [result] = results;
  return results.length === 1 && result!.id === clause &&
      result!.outcome === "failed" && result!.detail !== ""
    ? undefined
    : `${clause} did not notice a node that ${name}`;
}

Deno.test("The conformance kit ends at once when its signal fires, while it looks for the node too", async () => {
  const silent = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  const { port } = silent.addr as Deno.NetAddr;
  const stop = new AbortController();
  let helloCount = 0;
  const listening = (async () => {
    for await (const _ of silent) {
      helloCount++;
      stop.abort(new Error("enough"));
    }
  })();
  const results = runConformance({
    address: { hostname: "127.0.0.1", port },
    signal: stop.signal,
  });
  await assert.rejects(results.next(), /enough/);
  silent.close();
  await listening;
  // A hello is repeated four times a second, for three seconds.
  assert.ok(helloCount < 6, `${helloCount} hellos`);
});

Deno.test("The conformance kit names the clause that a deviating node breaks", async () => {
  const wrong: string[] = [];
  const waiting = [...CHOSEN];
  const work = async (): Promise<void> => {
    const copy = new SourceCopy();
    try {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [node, url] = await copy.start(next);
        const problem = await judge(next, url).finally(() => node.stop());
        if (problem !== undefined) wrong.push(problem);
      }
    } finally {
      copy.remove();
    }
  };
  await Promise.all(Array.from({ length: NODE_COUNT }, work));
  assert.deepEqual(wrong, []);
});

Deno.test("Every deviation can be planted in the sources of today", () => {
  const copy = new SourceCopy();
  try {
    for (const deviation of DEVIATIONS) copy.check(deviation);
  } finally {
    copy.remove();
  }
});

Deno.test("mxp conformance ends with 1 when a clause failed", async () => {
  const copy = new SourceCopy();
  try {
    const deviation = DEVIATIONS[0]!;
    const { clause } = deviation;
    const [node, url] = await copy.start(deviation);
    const [text, json] = await Promise.all([
      run(["conformance", url, "--only", clause]),
      run(["conformance", url, "--only", clause, "--json"]),
    ]);
    await node.stop();
    assert.match(
      text.stdout,
      new RegExp(`^failed +${clause} .*\n +.*docs/spec`),
    );
    assert.match(text.stderr, /1 of 1 clauses failed/);
    const [result, counts, error] = values<
      ClauseResult & { failed: number; error: { code: string } }
    >(json.stdout);
    assert.deepEqual([result?.id, result?.outcome], [clause, "failed"]);
    assert.equal(counts?.failed, 1);
    assert.equal(error?.error.code, "CLAUSES_FAILED");
    assert.deepEqual([text.code, json.code], [1, 1]);
  } finally {
    copy.remove();
  }
});

Deno.test("Each group of clauses has a node that breaks one of them", () => {
  const groupsOf = (ids: readonly string[]): string[] =>
    [...new Set(ids.map(groupOf))].toSorted();
  const groups = groupsOf(CLAUSES.map(({ id }) => id))
    // A node does not take the hybrid suite by itself.
    .filter((group) => group !== "hybrid");
  assert.deepEqual(groupsOf(DEVIATIONS.map(({ clause }) => clause)), groups);
});

Deno.test("Each clause has a name of its own and a section of the specification", () => {
  const ids = CLAUSES.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const { id, title, spec } of CLAUSES) {
    assert.match(id, /^[a-z]+\.[a-z-]+$/);
    assert.match(title, /^(mxp\.|[A-Z])[^.]+$/);
    const [page, section] = spec.split("#");
    const sections = Deno.readTextFileSync(new URL(page!, PAGES)).split("\n")
      .filter((line) => /^#+ /.test(line))
      .map((line) => slug(line.replace(/^#+ /, "")));
    assert.ok(sections.includes(section!), `${id}: ${spec}`);
  }
});

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
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClauseResult, CLAUSES } from "../../conformance/mod.ts";
import { LAYERS } from "../../tools/layers.ts";
import { type Deviation, DEVIATIONS } from "../conformance/deviations.ts";
import {
  MXP,
  MXP_PERMISSIONS,
  type Program,
  run,
  Running,
} from "../support/mxp_process.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGES = new URL("docs/spec/", ROOT);

async function startNode(program: Program): Promise<[Running, string]> {
  const node = Running.start(["start", "--json", "--bind", "127.0.0.1:0"], {
    program,
  });
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
  const [node, url] = await startNode(MXP);
  try {
    const { code, stdout, stderr } = await run(["conformance", url, "--json"]);
    const lines = values<ClauseResult>(stdout);
    const results = lines.slice(0, CLAUSES.length);
    assert.deepEqual(results.map(({ id }) => id), CLAUSES.map(({ id }) => id));
    assert.deepEqual(
      results.filter(({ outcome }) => outcome !== "passed"),
      [],
      stderr,
    );
    assert.deepEqual(
      lines.slice(CLAUSES.length),
      [{ passed: CLAUSES.length, failed: 0, skipped: 0 }],
    );
    assert.equal(code, 0, stderr);
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

  /** Starts a node from the sources with the edits in them. */
  async start(deviation: Deviation): Promise<[Running, string]> {
    const originals = new Map<string, string>();
    try {
      for (const { file, from, to } of deviation.edits) {
        const path = join(this.#directory, file);
        const source = readFileSync(path, "utf8");
        assert.equal(
          source.split(from).length,
          2,
          `"${deviation.name}": its text is not in ${file} once`,
        );
        originals.set(path, source);
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

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

Deno.test("mxp conformance names the clause that a deviating node breaks", async (t) => {
  const copy = new SourceCopy();
  try {
    for (const deviation of DEVIATIONS) {
      const { name, clause } = deviation;
      await t.step(`${clause}: a node that ${name}`, async () => {
        const [node, url] = await copy.start(deviation);
        try {
          const { code, stdout, stderr } = await run(
            ["conformance", url, "--only", clause, "--json"],
          );
          const [result, , error] = values<
            ClauseResult & { error?: { code: string } }
          >(stdout);
          assert.equal(result?.id, clause, stderr);
          assert.equal(result.outcome, "failed");
          assert.notEqual(result.detail, "");
          assert.equal(error?.error?.code, "CLAUSES_FAILED");
          assert.equal(code, 1, stderr);
        } finally {
          await node.stop();
        }
      });
    }
  } finally {
    copy.remove();
  }
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

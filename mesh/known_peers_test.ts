import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CallError } from "./error.ts";
import { KnownPeers } from "./known_peers.ts";

function inFolder(test: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "mxp-"));
  try {
    test(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

Deno.test("KnownPeers.remember() keeps keys for the next process, for the owner only", () => {
  inFolder((folder) => {
    const path = join(folder, "state", "known_peers");
    const one = new Uint8Array(32).fill(1);
    const two = new Uint8Array(32).fill(2);
    const peers = new KnownPeers(path);
    assert.equal(peers.find("localhost:9000"), undefined);
    peers.remember("localhost:9000", one);
    peers.remember("[::1]:9000", two);
    assert.deepEqual(new KnownPeers(path).find("localhost:9000"), one);
    assert.deepEqual(new KnownPeers(path).find("[::1]:9000"), two);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(folder, "state")), ["known_peers"]);
    assert.match(readFileSync(path, "utf8"), /^# .*\nlocalhost:9000 \S{43}\n/);
  });
});

Deno.test("KnownPeers.remember() leaves what is in the file as it is, and the last line counts", () => {
  inFolder((folder) => {
    const path = join(folder, "known_peers");
    const link = join(folder, "link");
    writeFileSync(path, "");
    symlinkSync(path, link);
    const one = new Uint8Array(32).fill(1);
    const two = new Uint8Array(32).fill(2);
    const peers = new KnownPeers(link);
    peers.remember("a:1", one);
    // A person wrote this, and no line break at the end.
    const written = `${readFileSync(path, "utf8")}\n# mine\nb:1 ${
      "A".repeat(43)
    }`;
    writeFileSync(path, written);
    peers.remember("b:1", new Uint8Array(32));
    assert.equal(readFileSync(path, "utf8"), written);
    peers.remember("b:1", one);
    peers.remember("b:1", two);
    const text = readFileSync(path, "utf8");
    assert.ok(text.startsWith(`${written}\nb:1 `));
    assert.match(text.slice(written.length), /^\n(b:1 \S{43}\n){2}$/);
    assert.deepEqual([peers.find("a:1"), peers.find("b:1")], [one, two]);
    assert.deepEqual(readdirSync(folder).sort(), ["known_peers", "link"]);
  });
});

Deno.test("KnownPeers.remember() loses nothing of what other processes remember meanwhile", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mxp-"));
  const path = join(folder, "known_peers");
  const each = 50;
  const program = `
    import { KnownPeers } from ${
    JSON.stringify(new URL("known_peers.ts", import.meta.url).href)
  };
    const [path, name] = Deno.args;
    const peers = new KnownPeers(path);
    await Deno.stdin.read(new Uint8Array(1));
    for (let port = 1; port <= ${each}; port++) {
      peers.remember(name + ":" + port, new Uint8Array(32));
    }`;
  try {
    const names = ["a", "b", "c"];
    const processes = names.map((name) =>
      new Deno.Command(Deno.execPath(), {
        args: ["eval", program, path, name],
        stdin: "piped",
      }).spawn()
    );
    await Promise.all(processes.map(async ({ stdin }) => {
      const writer = stdin.getWriter();
      await writer.write(new Uint8Array(1));
      await writer.close();
    }));
    for (const { status } of processes) assert.equal((await status).code, 0);
    const peers = new KnownPeers(path);
    const lost: string[] = [];
    for (const name of names) {
      for (let port = 1; port <= each; port++) {
        const address = `${name}:${port}`;
        if (peers.find(address) === undefined) lost.push(address);
      }
    }
    assert.deepEqual(lost, []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

Deno.test("KnownPeers.find() waits for the end of a line that another process is writing", () => {
  inFolder((folder) => {
    const path = join(folder, "known_peers");
    const line = `b:1 ${"A".repeat(43)}`;
    for (let written = 1; written < line.length; written++) {
      writeFileSync(path, `a:1 ${"A".repeat(43)}\n${line.slice(0, written)}`);
      let pauses = 0;
      const peers = new KnownPeers(path, () => {
        if (++pauses === 3) appendFileSync(path, `${line.slice(written)}\n`);
      });
      assert.deepEqual(peers.find("b:1"), new Uint8Array(32));
      assert.equal(pauses, 3);
    }
  });
});

Deno.test("KnownPeers.find() names the line that it does not understand", () => {
  inFolder((folder) => {
    const path = join(folder, "known_peers");
    for (const line of ["localhost:9000", "localhost:9000 abc", "a b c"]) {
      writeFileSync(path, `# comment\n\n${line}\n`);
      assert.throws(
        () => new KnownPeers(path).find("localhost:9000"),
        (error) =>
          error instanceof CallError && error.code === "FAILED_PRECONDITION" &&
          error.message.includes("line 3"),
      );
    }
    // Somebody may be writing it; but not for ever.
    let waitedMs = 0;
    writeFileSync(path, "# no line break at the end\na:1 abc");
    assert.throws(
      () => new KnownPeers(path, (ms) => waitedMs += ms).find("a:1"),
      /line 2 is not/,
    );
    assert.ok(waitedMs > 100 && waitedMs < 500, `${waitedMs} ms`);
  });
});

Deno.test("KnownPeers.find() waits only once for a last line that nobody goes on with", () => {
  inFolder((folder) => {
    const path = join(folder, "known_peers");
    const key = "A".repeat(43);
    let pauses = 0;
    const peers = new KnownPeers(path, () => pauses++);
    const countPauses = (): number => {
      pauses = 0;
      assert.throws(() => peers.find("a:1"), /line 1 is not/);
      return pauses;
    };
    writeFileSync(path, "a:1 ");
    const waited = countPauses();
    assert.ok(waited > 1);
    assert.deepEqual([countPauses(), countPauses()], [0, 0]);
    // Somebody does go on with it.
    appendFileSync(path, key.slice(0, 9));
    assert.deepEqual([countPauses(), countPauses()], [waited, 0]);
    appendFileSync(path, `${key.slice(9)}\n`);
    assert.deepEqual(peers.find("a:1"), new Uint8Array(32));
  });
});

Deno.test("KnownPeers.find() says why the file cannot be read", () => {
  inFolder((folder) => {
    assert.throws(() => new KnownPeers(folder).find("a:1"), {
      code: "FAILED_PRECONDITION",
      message: `Known peers file ${folder}: is not a file`,
    });
    const path = join(folder, "known_peers");
    writeFileSync(path, "");
    assert.throws(() => new KnownPeers(join(path, "below")).find("a:1"), {
      code: "FAILED_PRECONDITION",
      message: /: cannot be read \(ENOTDIR\)$/,
    });
  });
});

Deno.test({
  name: "KnownPeers names the permission that is missing",
  permissions: {},
  fn() {
    const peers = new KnownPeers("known_peers");
    assert.throws(() => peers.find("a:1"), {
      code: "FAILED_PRECONDITION",
      message: /cannot be read \(.*--allow-read/,
    });
  },
});

Deno.test({
  name: "KnownPeers.remember() names the permission that is missing",
  permissions: { read: true },
  fn() {
    const peers = new KnownPeers("known_peers");
    assert.throws(() => peers.remember("a:1", new Uint8Array(32)), {
      code: "FAILED_PRECONDITION",
      message: /cannot be written \(.*--allow-write/,
    });
  },
});

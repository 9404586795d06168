import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
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
  });
});

Deno.test("KnownPeers.find() says why the file cannot be read", () => {
  inFolder((folder) => {
    assert.throws(() => new KnownPeers(folder).find("a:1"), {
      code: "FAILED_PRECONDITION",
      message: `Known peers file ${folder}: cannot be read (EISDIR)`,
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

import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "../tests/support/seeded_random.ts";
import { CryptoError, type CryptoErrorCode } from "./error.ts";
import {
  createIdentityFile,
  loadIdentity,
  loadOrCreateIdentity,
} from "./identity_file.ts";

/** Found out here: some tests may not ask. */
const UNMADE = join(tmpdir(), "mxp-identity-unmade.key");

const isCode = (code: CryptoErrorCode) => (error: unknown): boolean =>
  error instanceof CryptoError && error.code === code;

/** Runs a test in a folder of its own, which goes away after it. */
function inFolder(name: string, run: (folder: string) => void): void {
  Deno.test(name, () => {
    const folder = mkdtempSync(join(tmpdir(), "mxp-identity-"));
    try {
      run(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

inFolder("createIdentityFile() writes for the owner alone", (folder) => {
  const path = join(folder, "deep", "er", "identity.json");
  const identity = createIdentityFile(path, new SeededRandom(1));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "deep")).mode & 0o777, 0o700);
  assert.deepEqual(loadIdentity(path), identity);
  // Nothing is left lying about beside it.
  assert.deepEqual(readdirSync(join(folder, "deep", "er")), ["identity.json"]);
});

inFolder("createIdentityFile() never overwrites", (folder) => {
  const path = join(folder, "identity.json");
  createIdentityFile(path, new SeededRandom(1));
  const before = readFileSync(path, "utf8");
  assert.throws(
    () => createIdentityFile(path, new SeededRandom(2)),
    isCode("IDENTITY_EXISTS"),
  );
  assert.equal(readFileSync(path, "utf8"), before);
  assert.deepEqual(readdirSync(folder), ["identity.json"]);
});

inFolder(
  "createIdentityFile() says in its own error why it cannot write",
  (folder) => {
    const make = (...names: string[]) => (): unknown =>
      createIdentityFile(join(folder, ...names), new SeededRandom(1));
    writeFileSync(join(folder, "file"), "");
    assert.throws(make("file", "below"), isCode("IDENTITY_INVALID"));
    assert.throws(
      () => createIdentityFile("", new SeededRandom(1)),
      isCode("IDENTITY_PERMISSIONS"),
    );
    const locked = join(folder, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    const userId = Deno.uid();
    // The administrator may write everywhere, and Windows has no such bits.
    if (userId !== null && userId !== 0) {
      assert.throws(make("locked", "key"), isCode("IDENTITY_PERMISSIONS"));
      assert.throws(
        make("locked", "deep", "key"),
        isCode("IDENTITY_PERMISSIONS"),
      );
    }
    chmodSync(locked, 0o700);
    assert.deepEqual(readdirSync(locked), []);
  },
);

for (
  const [granted, missing] of [["read", "write"], ["write", "read"]] as const
) {
  Deno.test({
    name: `createIdentityFile() names the permission that ${granted} lacks`,
    permissions: { [granted]: true },
    fn() {
      assert.throws(
        () => createIdentityFile(UNMADE, new SeededRandom(1)),
        (error) =>
          isCode("IDENTITY_PERMISSIONS")(error) &&
          String(error).includes(`--allow-${missing}`),
      );
    },
  });
}

inFolder("loadIdentity() refuses a file that others may touch", (folder) => {
  const path = join(folder, "identity.json");
  createIdentityFile(path, new SeededRandom(1));
  for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666]) {
    chmodSync(path, mode);
    assert.throws(() => loadIdentity(path), isCode("IDENTITY_PERMISSIONS"));
  }
  chmodSync(path, 0o400);
  loadIdentity(path);
});

inFolder("loadIdentity() tells an absent from a broken file", (folder) => {
  const path = join(folder, "identity.json");
  assert.throws(() => loadIdentity(path), isCode("IDENTITY_NOT_FOUND"));
  for (const text of ["", "{}", "x".repeat(5000)]) {
    writeFileSync(path, text, { mode: 0o600 });
    assert.throws(
      () => loadIdentity(path),
      (error) =>
        isCode("IDENTITY_INVALID")(error) && String(error).includes(path),
    );
  }
  chmodSync(folder, 0o700);
  assert.throws(() => loadIdentity(folder), isCode("IDENTITY_INVALID"));
  assert.throws(
    () => loadIdentity(join(path, "below-a-file")),
    isCode("IDENTITY_INVALID"),
  );
});

inFolder("loadOrCreateIdentity() makes an identity once", (folder) => {
  const path = join(folder, "identity.json");
  const first = loadOrCreateIdentity(path, new SeededRandom(1));
  assert.deepEqual(loadOrCreateIdentity(path, new SeededRandom(2)), first);
  chmodSync(path, 0o644);
  assert.throws(
    () => loadOrCreateIdentity(path, new SeededRandom(2)),
    isCode("IDENTITY_PERMISSIONS"),
  );
});

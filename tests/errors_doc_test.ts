import assert from "node:assert/strict";
import { ExitCode } from "../cli/exit_code.ts";
import { CloseCode } from "../transport/core/error.ts";
import { StatusCode } from "../mesh/status_code.ts";

const page = Deno.readTextFileSync(
  new URL("../docs/ERRORS.md", import.meta.url),
);

/** The rows of one section of the page, cell by cell, without the head. */
function rows(section: string): string[][] {
  const start = page.indexOf(`## ${section}`);
  assert.ok(start >= 0, `docs/ERRORS.md has no section ${section}`);
  const next = page.indexOf("\n## ", start);
  return page.slice(start, next < 0 ? undefined : next).split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line.split("|").slice(1, -1).map((cell) =>
        cell.trim().replaceAll("`", "")
      )
    );
}

/** The members of the union of error codes that a file exports. */
function codesOf(file: string): string[] {
  const source = Deno.readTextFileSync(new URL(`../${file}`, import.meta.url));
  const union = /export type \w+ErrorCode =([^;]+);/.exec(source);
  assert.ok(union !== null, `${file} exports no union of codes`);
  const codes = [...union[1]!.matchAll(/"([A-Z_]+)"/g)].map((match) =>
    match[1]!
  );
  assert.ok(codes.length > 0, `${file} has no codes`);
  return codes;
}

const FOLDERS: readonly [section: string, file: string][] = [
  ["`ProtocolError`", "protocol/error.ts"],
  ["`CryptoError`", "crypto/error.ts"],
  ["`TransportError`", "transport/core/error.ts"],
  ["`RegistryError`", "registry/error.ts"],
  ["`ObservabilityError`", "observability/error.ts"],
  ["`CliError`", "cli/error.ts"],
];

for (const [section, file] of FOLDERS) {
  Deno.test(`docs/ERRORS.md lists exactly the codes of ${file}`, () => {
    const documented = rows(section).map((row) => row[0]!);
    assert.deepEqual(documented.toSorted(), codesOf(file).toSorted());
  });
}

Deno.test("docs/ERRORS.md gives every call status its number", () => {
  const documented = new Map(
    rows("`CallError`").map((row) => [row[1]!, Number(row[0])]),
  );
  const { OK: _, ...failures } = StatusCode;
  assert.deepEqual(
    Object.fromEntries(documented),
    { ...failures, CONNECTION_LOST: StatusCode.UNAVAILABLE },
  );
});

Deno.test("docs/ERRORS.md gives every close code its number", () => {
  const documented = rows("Close codes").map((
    row,
  ) => [row[1]!, Number(row[0])]);
  assert.deepEqual(
    Object.fromEntries(documented),
    Object.fromEntries(Object.entries(CloseCode)),
  );
});

Deno.test("docs/ERRORS.md lists exactly the exit codes", () => {
  const documented = rows("Exit codes of the command line")
    .map((row) => Number(row[0]));
  assert.deepEqual(documented, Object.values(ExitCode));
});

/**
 * `docs/packet-log.md` against the source.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  DEFAULT_MAX_FILE_BYTES,
  DEFAULT_MAX_FILES,
  DEFAULT_MAX_OPEN_FILES,
  DEFAULT_MAX_QUEUED_BYTES,
  DEFAULT_MAX_TOTAL_BYTES,
  QLOG_EVENT_NAMES,
} from "../observability/mod.ts";

const page = Deno.readTextFileSync(
  new URL("../docs/packet-log.md", import.meta.url),
);

/** The first cells of the rows of every table. */
const firstCells = page.split("\n").filter((line) => line.startsWith("|"))
  .map((line) => line.split("|")[1]!.trim().replaceAll("`", ""));

Deno.test("docs/packet-log.md lists exactly the events that are written", () => {
  const listed = firstCells.filter((cell) => cell.startsWith("mxp:"));
  assert.deepEqual(listed.toSorted(), [...QLOG_EVENT_NAMES].toSorted());
});

Deno.test("docs/packet-log.md tells the kinds of frames that are written", () => {
  const source = Deno.readTextFileSync(
    new URL("../transport/core/frame_summary.ts", import.meta.url),
  );
  const union = source.slice(0, source.indexOf("export function"));
  const types = [...union.matchAll(/type: ((?:"[a-z-]+"(?: \| )?)+);/g)]
    .flatMap(([, names]) => names!.split(" | "))
    .map((name) => name.slice(1, -1).replaceAll("-", "_"));
  assert.ok(types.length > 10);
  const table = page.slice(page.indexOf("| `frame_type`"));
  const listed = [
    ...table.slice(0, table.indexOf("\n\n")).matchAll(
      /^\| ((?:`[a-z_]+`(?:, )?)+)/gm,
    ),
  ].flatMap(([, names]) => names!.split(", "))
    .map((name) => name.replaceAll("`", ""))
    .filter((name) => name !== "frame_type");
  assert.deepEqual(listed.toSorted(), types.toSorted());
});

Deno.test("docs/packet-log.md explains exactly the reasons to drop a packet", () => {
  const source = Deno.readTextFileSync(
    new URL("../transport/core/stats.ts", import.meta.url),
  );
  const union = /export type DropReason =([^;]+);/.exec(source)![1]!;
  const reasons = [...union.matchAll(/"([a-z-]+)"/g)].map(([, name]) =>
    name!.replaceAll("-", "_")
  );
  assert.ok(reasons.length > 10);
  const table = page.slice(page.indexOf("| reason "));
  const listed = [
    ...table.slice(0, table.indexOf("\n\n")).matchAll(
      /^\| `([a-z_]+)`/gm,
    ),
  ].map(([, name]) => name!);
  assert.deepEqual(listed.toSorted(), reasons.toSorted());
});

Deno.test("docs/packet-log.md tells the defaults of the limits", () => {
  const MEBIBYTE = 1024 * 1024;
  const limits = page.slice(page.indexOf("| limit"));
  const cell = (name: string): string =>
    new RegExp(`\`${name}\`[ ]+\\|([^|]+)\\|`).exec(limits)![1]!.trim();
  assert.equal(
    cell("maxQueuedBytes"),
    `${DEFAULT_MAX_QUEUED_BYTES / MEBIBYTE} MiB a file`,
  );
  assert.equal(
    cell("maxFileBytes"),
    `${DEFAULT_MAX_FILE_BYTES / MEBIBYTE} MiB a file`,
  );
  assert.equal(
    cell("maxTotalBytes"),
    `${DEFAULT_MAX_TOTAL_BYTES / MEBIBYTE / 1024} GiB of qlog`,
  );
  assert.equal(cell("maxFiles"), DEFAULT_MAX_FILES.toLocaleString("en"));
  assert.equal(cell("maxOpenFiles"), String(DEFAULT_MAX_OPEN_FILES));
});
